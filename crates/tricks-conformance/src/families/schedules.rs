//! What the schedule families share.

use crate::fields::number;
use crate::{Fields, Run, Stop};
use serde_json::Value;
use tricks_schedule::{Between, Phase, Piecewise, Schedule};

pub(super) type AnySchedule = Box<dyn Schedule>;

/// Schedules one after another: each from its own step 0 at its boundary.
pub(super) fn joined(schedules: Vec<AnySchedule>, boundaries: &[u64]) -> Result<AnySchedule, Stop> {
    if schedules.len() != boundaries.len() + 1 || !boundaries.is_sorted() {
        return Err(Stop::Malformed("boundaries do not fit the schedules".into()));
    }
    let mut schedules = schedules.into_iter().rev();
    let last = schedules.next().ok_or_else(|| Stop::Malformed("no schedule".into()))?;
    let starts = [0].into_iter().chain(boundaries.iter().copied());
    let lengths: Vec<u64> = starts.zip(boundaries).map(|(start, end)| end - start).collect();
    Ok(schedules
        .zip(lengths.into_iter().rev())
        .fold(last, |next, (first, length)| Box::new(first.take(length).then(next))))
}

/// Values at steps.
pub(super) fn piecewise(points: Vec<(u64, f64)>, between: Between) -> AnySchedule {
    Box::new(Piecewise { points, between })
}

/// Compares `lr[t]` for every `t` of the case.
pub(super) fn compare(run: &mut Run<'_>, schedule: &AnySchedule) -> Result<(), Stop> {
    schedule.validate()?;
    for (t, want) in run.expect.numbers("lr")?.into_iter().enumerate() {
        run.number(&format!("lr[{t}]"), schedule.at(t as u64), want);
    }
    Ok(())
}

/// A list of counts.
pub(super) fn counts(fields: &Fields<'_>, key: &str) -> Result<Vec<u64>, Stop> {
    let wrong = |value: &Value| {
        Stop::Skip(format!("{key} has {value}: the type is u64, cannot be written"))
    };
    fields.list(key)?.iter().map(|value| value.as_u64().ok_or_else(|| wrong(value))).collect()
}

/// A list of `[boundary, number]`.
pub(super) fn pairs(fields: &Fields<'_>, key: &str) -> Result<Vec<(u64, f64)>, Stop> {
    let wrong = || Stop::Malformed(format!("{key} is not a list of pairs"));
    let pair = |pair: &Value| Some((pair.get(0)?.as_u64()?, number(pair.get(1)?)?));
    fields.list(key)?.iter().map(|value| pair(value).ok_or_else(wrong)).collect()
}

/// The objects of a list, each with its operation.
pub(super) fn children<'a>(
    fields: &Fields<'a>,
    key: &str,
) -> Result<Vec<(&'a str, Fields<'a>)>, Stop> {
    let child = |value: &'a Value| {
        let child = Fields::from_map(value.as_object()?, "child");
        Some((child.get("op").and_then(Value::as_str).unwrap_or(""), child))
    };
    let children: Option<_> = fields.list(key)?.iter().map(child).collect();
    children.ok_or_else(|| Stop::Malformed(format!("{key} is not a list of objects")))
}

/// Skips a part of a composition that has hyper-parameters nobody read.
pub(super) fn all_read(fields: &Fields<'_>) -> Result<(), Stop> {
    match fields.unread().first() {
        Some(unread) => Err(Stop::Skip(unread.clone())),
        None => Ok(()),
    }
}
