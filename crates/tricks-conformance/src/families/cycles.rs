//! PyTorch's cyclic schedules, of the rate and of the momentum that goes the opposite way.

use super::schedules::AnySchedule;
use crate::fields::number;
use crate::{Fields, Stop};
use serde_json::Value;
use tricks_schedule::{Anneal, Cyclic, CyclicHeight, OneCycle};

/// The rate.
pub(super) fn rate(op: &str, hyper: &Fields<'_>) -> Result<AnySchedule, Stop> {
    for momentum in ["cycle_momentum", "base_momentum", "max_momentum"] {
        hyper.describes(momentum);
    }
    let peak = first(hyper, "max_lr")?;
    if op == "CyclicLR" {
        return cyclic(hyper, first(hyper, "base_lr")?, peak);
    }
    let from = peak / hyper.number_or("div_factor", 25.0)?;
    let to = from / hyper.number_or("final_div_factor", 1e4)?;
    one_cycle(hyper, [from, peak, to])
}

/// The momentum.
pub(super) fn momentum(op: &str, hyper: &Fields<'_>) -> Result<AnySchedule, Stop> {
    let (low, high) = (hyper.number("base_momentum")?, hyper.number("max_momentum")?);
    if op == "CyclicLR" { cyclic(hyper, high, low) } else { one_cycle(hyper, [high, low, high]) }
}

/// A number, or the first of one for each group.
fn first(hyper: &Fields<'_>, key: &str) -> Result<f64, Stop> {
    let value = hyper.get(key).map(|value| value.get(0).unwrap_or(value));
    value.and_then(number).ok_or_else(|| Stop::Malformed(key.into()))
}

fn cyclic(hyper: &Fields<'_>, from: f64, to: f64) -> Result<AnySchedule, Stop> {
    hyper.only("scale_mode", "cycle")?;
    let up = hyper.count("step_size_up")?;
    let down = hyper.count_opt("step_size_down")?.unwrap_or(up);
    let gamma = hyper.number_or("gamma", 1.0)?;
    let height = match hyper.text("mode")? {
        "triangular" => CyclicHeight::Constant,
        "triangular2" => CyclicHeight::Halved,
        "exp_range" => CyclicHeight::Exponential(gamma),
        other => return Err(Stop::Skip(format!("mode {other}: an enum, cannot be written"))),
    };
    Ok(Box::new(Cyclic { from, to, up, down, height }))
}

fn one_cycle(hyper: &Fields<'_>, [from, peak, to]: [f64; 3]) -> Result<AnySchedule, Stop> {
    let of_epochs = match (hyper.count_opt("epochs")?, hyper.count_opt("steps_per_epoch")?) {
        (Some(epochs), Some(steps)) => epochs.checked_mul(steps),
        _ => None,
    };
    let total = hyper.count_opt("total_steps")?.or(of_epochs);
    let total = total.ok_or_else(|| Stop::Malformed("total_steps".into()))?;
    let anneal = match hyper.get("anneal_strategy").and_then(Value::as_str) {
        None | Some("cos") => Anneal::Cosine,
        Some("linear") => Anneal::Linear,
        Some(other) => return Err(Stop::Skip(format!("anneal_strategy {other}: an enum"))),
    };
    let cycle = OneCycle::torch(peak, total, hyper.number_or("pct_start", 0.3)?);
    let cycle = OneCycle { from, to, anneal, ..cycle };
    Ok(Box::new(if hyper.flag("three_phase")? { cycle.three_phase() } else { cycle }))
}
