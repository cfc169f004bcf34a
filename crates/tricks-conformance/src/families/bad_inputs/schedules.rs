//! Schedules that must be refused: as values, or as text where no value can say it.

use crate::families::lr_torch::plateau_rule;
use crate::families::not_yet;
use crate::families::schedules::counts;
use crate::{Fields, Stop};
use serde_json::Value;
use std::str::FromStr;
use tricks_schedule::{
    AnySchedule, Constant, CosineRestarts, CosineWave, Cyclic, CyclicHeight, Exponential, Linear,
    Milestones, OneCycle, Plateau, Polynomial, ReduceOnPlateau, Schedule, Step,
};
use tricks_tensor::{Error, Result};

const LR: f64 = 0.1;

/// What the library says of a scheduler of PyTorch.
pub(super) fn build(op: &str, hyper: &Fields<'_>) -> std::result::Result<Result<()>, Stop> {
    let any = |text: &dyn Fn(Of<'_>) -> String| written::<AnySchedule>(hyper, text);
    Ok(match op {
        "StepLR" => {
            let gamma = hyper.number_or("gamma", 0.1)?;
            match sayable(hyper.count("step_size"))? {
                Some(every) => Step { from: LR, gamma, every }.validate(),
                None => any(&|of| {
                    format!("step {LR} gamma {} every {}", of("gamma", "0.1"), of("step_size", "3"))
                })?,
            }
        }
        "MultiStepLR" => {
            let gamma = hyper.number_or("gamma", 0.1)?;
            match sayable(counts(hyper, "milestones"))? {
                Some(milestones) => Milestones { from: LR, gamma, milestones }.validate(),
                None => any(&|of| {
                    let (gamma, at) = (of("gamma", "0.1"), of("milestones", "3,5"));
                    format!("milestones {LR} gamma {gamma} at {at}")
                })?,
            }
        }
        "ConstantLR" => Constant::torch(LR, hyper.number("factor")?, 5).map(drop),
        "LinearLR" => Linear::torch(
            LR,
            hyper.number_or("start_factor", 1.0 / 3.0)?,
            hyper.number_or("end_factor", 1.0)?,
            hyper.count_opt("total_iters")?.unwrap_or(5),
        )
        .and_then(|linear| linear.validate()),
        "ExponentialLR" => Exponential::from_gamma(LR, hyper.number("gamma")?).map(drop),
        "PolynomialLR" => Polynomial {
            from: LR,
            to: 0.0,
            steps: hyper.count_opt("total_iters")?.unwrap_or(5),
            power: hyper.number_or("power", 1.0)?,
        }
        .validate(),
        "CosineAnnealingLR" => match sayable(hyper.count("T_max"))? {
            Some(steps) => CosineWave { from: LR, to: 0.0, steps }.validate(),
            None => any(&|of| format!("cosine-wave {LR}..0 over {}", of("T_max", "5")))?,
        },
        "CosineAnnealingWarmRestarts" => {
            let (from, to, period_factor) = (LR, 0.0, hyper.number_or("T_mult", 1.0)?);
            match sayable(hyper.count("T_0"))? {
                Some(steps) => {
                    CosineRestarts { from, to, steps, period_factor, peak_factor: 1.0 }.validate()
                }
                None => any(&|of| format!("cosine-restarts {LR}..0 over {}", of("T_0", "5")))?,
            }
        }
        "CyclicLR" => cyclic(hyper)?,
        "OneCycleLR" => one_cycle(hyper)?,
        "ReduceLROnPlateau" => plateau(hyper)?,
        _ => return not_yet(),
    })
}

fn cyclic(hyper: &Fields<'_>) -> std::result::Result<Result<()>, Stop> {
    let (base, max) = (hyper.number("base_lr")?, hyper.number("max_lr")?);
    let up = hyper.count_opt("step_size_up")?.unwrap_or(2000);
    let down = hyper.count_opt("step_size_down")?.unwrap_or(up);
    Ok(match &*shown(hyper, "mode", "triangular") {
        "triangular" => Cyclic::torch(base, max, up, CyclicHeight::Constant)
            .and_then(|cyclic| Cyclic { down, ..cyclic }.validate()),
        _ => written::<AnySchedule>(hyper, |of| {
            let mode = of("mode", "constant");
            format!("cyclic {base}..{max} up {up} down {down} height {mode}")
        })?,
    })
}

fn one_cycle(hyper: &Fields<'_>) -> std::result::Result<Result<()>, Stop> {
    let (peak, start) = (hyper.number("max_lr")?, hyper.number_or("pct_start", 0.3)?);
    let anneal = shown(hyper, "anneal_strategy", "cosine");
    if !hyper.has("total_steps") {
        // No value lacks its length; a text can.
        return Ok(format!("one-cycle {peak} start {start}").parse::<AnySchedule>().map(drop));
    }
    let total = sayable(hyper.count_opt("total_steps"))?.flatten();
    Ok(match (total, &*anneal) {
        (Some(total), "cosine") => OneCycle::torch(peak, total, start).validate(),
        _ => written::<AnySchedule>(hyper, |of| {
            let (total, anneal) = (of("total_steps", "10"), of("anneal_strategy", "cosine"));
            format!("one-cycle {peak} over {total} start {start} anneal {anneal}")
        })?,
    })
}

fn plateau(hyper: &Fields<'_>) -> std::result::Result<Result<()>, Stop> {
    let one = !hyper.get("min_lr").is_some_and(Value::is_array);
    Ok(match sayable(plateau_rule(hyper, 0))?.filter(|_| one) {
        Some(rule) => Plateau::new(LR, rule).map(drop),
        None => written::<ReduceOnPlateau>(hyper, |of| {
            format!(
                "plateau {} mode {} patience {} threshold {}:{} min-lr {}",
                of("factor", "0.1"),
                of("mode", "min"),
                of("patience", "10"),
                of("threshold_mode", "rel"),
                of("threshold", "1e-4"),
                of("min_lr", "0"),
            )
        })?,
    })
}

/// A value, if the type of the library can hold it.
fn sayable<T>(value: std::result::Result<T, Stop>) -> std::result::Result<Option<T>, Stop> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Skip(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

/// A hyper-parameter as a word, whatever it is.
fn shown(hyper: &Fields<'_>, key: &str, default: &str) -> String {
    match hyper.get(key) {
        None => default.into(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) => list.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        Some(value) => value.to_string(),
    }
}

/// A hyper-parameter by its key, or what stands in its place.
type Of<'f> = &'f dyn Fn(&str, &str) -> String;

/// What comes of reading a text; a refusal must say where. What a good value is in each place is
/// read first: what is refused is then refused for its value, and not for how it is written.
fn written<T: FromStr<Err = Error>>(
    hyper: &Fields<'_>,
    text: impl Fn(Of<'_>) -> String,
) -> std::result::Result<Result<()>, Stop> {
    let good = text(&|_, good| good.into());
    if let Err(error) = good.parse::<T>() {
        return Err(Stop::Fail(format!("{good}: {error}")));
    }
    let read = text(&|key, good| shown(hyper, key, good)).parse::<T>().map(drop);
    Ok(match &read {
        Err(error) if !error.to_string().contains("column ") => Ok(()),
        _ => read,
    })
}
