//! Schedules as text; the grammar stands at [`AnySchedule`].

mod forms;
mod token;
mod words;

use crate::any::{AnyPhase, read_kind};
use crate::{
    AnySchedule, Cosine, Delay, Floor, Geometric, Linear, PerEpoch, Product, Repeat, Scaled,
    Schedule, Skip, Take, Then,
};
use std::str::FromStr;
use token::Token;
use tricks_tensor::{Error, Result};
pub(crate) use words::Words;

/// A kind that begins with a word of its own.
pub(crate) trait Form: Sized {
    /// The word.
    const WORD: &'static str;
    /// Reads what stands behind the word.
    fn read(words: &mut Words<'_>) -> Result<Self>;
}

/// A number as it is read back.
pub(crate) fn write_number(x: f64, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    x.write(f)
}

/// A text that is one of a kind and nothing else.
fn whole<T: Form>(text: &str, validate: impl Fn(&T) -> Result<()>) -> Result<T> {
    let mut words = Words::new(text);
    words.expect(T::WORD)?;
    let value = T::read(&mut words)?;
    words.end()?;
    validate(&value).map_err(|error| words.error(1, error))?;
    Ok(value)
}

impl FromStr for AnySchedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = Words::new(text);
        let schedule = sequence(&mut words)?;
        words.end()?;
        Ok(schedule)
    }
}

/// Parts joined by `then`.
fn sequence(words: &mut Words<'_>) -> Result<AnySchedule> {
    words.part()?;
    let column = words.column();
    if words.take("warmup") {
        return warmup(words, column);
    }
    let first = part(words)?;
    if !words.take("then") {
        return Ok(first);
    }
    let first = AnyPhase::try_from(first).map_err(|error| words.error(column, error))?;
    Ok(AnySchedule::Then(Box::new(Then { first, next: sequence(words)? })))
}

/// A ramp up to where what follows begins.
fn warmup(words: &mut Words<'_>, column: usize) -> Result<AnySchedule> {
    let steps = words.value()?;
    let from = words.keyed("from", Some(0.0))?;
    let shape = words.column();
    let shape = match words.peek() {
        Some("then") => "linear",
        Some(word @ ("linear" | "cosine" | "geometric")) => {
            words.take(word);
            word
        }
        _ => {
            return Err(words
                .error(shape, "a warmup goes on with `linear`, `cosine`, `geometric` or `then`"));
        }
    };
    words.expect("then")?;
    let next = sequence(words)?;
    let to = next.at(0);
    let ramp: AnySchedule = match shape {
        "cosine" => Cosine { from, to, steps }.into(),
        "geometric" => Geometric { from, to, steps }.into(),
        _ => Linear { from, to, steps }.into(),
    };
    let wrong = |error| words.error(column, error);
    ramp.validate().map_err(wrong)?;
    let first = AnyPhase::try_from(ramp).map_err(wrong)?;
    Ok(AnySchedule::Then(Box::new(Then { first, next })))
}

/// A schedule, and what is done to it.
fn part(words: &mut Words<'_>) -> Result<AnySchedule> {
    let column = words.column();
    let mut schedule = if words.take("(") { bracketed(words)? } else { single(words)? };
    loop {
        let wrong = |words: &Words<'_>, error| words.error(column, error);
        schedule.validate().map_err(|error| wrong(words, error))?;
        let word = words.peek().unwrap_or_default();
        if !BEHIND.contains(&word) {
            return Ok(schedule);
        }
        words.take(word);
        words.part()?;
        schedule = match word {
            "take" => AnySchedule::Take(Box::new(Take { schedule, steps: words.value()? })),
            "skip" => AnySchedule::Skip(Box::new(Skip { schedule, steps: words.value()? })),
            "delayed" => AnySchedule::Delay(Box::new(Delay { schedule, steps: words.value()? })),
            "per-epoch" => {
                let steps_per_epoch = words.value()?;
                AnySchedule::PerEpoch(Box::new(PerEpoch { schedule, steps_per_epoch }))
            }
            "scaled" => AnySchedule::Scaled(Box::new(Scaled { schedule, factor: words.value()? })),
            "at-least" => AnySchedule::Floor(Box::new(Floor { schedule, min: words.value()? })),
            "times" => {
                words.expect("(")?;
                let right = bracketed(words)?;
                AnySchedule::Product(Box::new(Product { left: schedule, right }))
            }
            _ => {
                let phase = AnyPhase::try_from(schedule).map_err(|error| wrong(words, error))?;
                AnySchedule::Repeat(Box::new(Repeat { phase }))
            }
        };
    }
}

/// What may stand behind a schedule.
const BEHIND: [&str; 8] =
    ["take", "skip", "delayed", "per-epoch", "scaled", "at-least", "times", "repeated"];

/// What follows an opened bracket.
fn bracketed(words: &mut Words<'_>) -> Result<AnySchedule> {
    let schedule = sequence(words)?;
    words.expect(")")?;
    Ok(schedule)
}

/// A number or a kind with its values.
fn single(words: &mut Words<'_>) -> Result<AnySchedule> {
    let Some(word) = words.peek() else { return Err(words.expected("a schedule")) };
    if let Some(value) = f64::read(word) {
        words.take(word);
        return Ok(value.into());
    }
    match read_kind(word, words) {
        Some(schedule) => schedule,
        None => Err(words.expected("a number or a kind of schedule")),
    }
}

#[cfg(test)]
mod tests;
