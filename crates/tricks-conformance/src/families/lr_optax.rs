use super::not_yet;
use super::schedules::{
    AnySchedule, all_read, children, compare, counts, joined, pairs, piecewise,
};
use crate::{Fields, Run, Stop};
use tricks_schedule::{
    Between, CosinePower, Exponential, Linear, OneCycle, Phase, Polynomial, Schedule, Step,
};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    let schedule = schedule(run.op(), &run.hyper)?;
    compare(run, &schedule)
}

fn schedule(op: &str, hyper: &Fields<'_>) -> Result<AnySchedule, Stop> {
    Ok(match op {
        "constant_schedule" => Box::new(hyper.number("value")?),
        "linear_schedule" | "polynomial_schedule" => {
            let (from, to) = (hyper.number("init_value")?, hyper.number("end_value")?);
            let steps = hyper.count("transition_steps")?;
            let power = if op == "linear_schedule" { 1.0 } else { hyper.number("power")? };
            late(hyper, Box::new(Polynomial { from, to, steps, power }))?
        }
        "piecewise_constant_schedule" => scaled_points(hyper, Between::Hold)?,
        "piecewise_interpolate_schedule" => match hyper.text("interpolate_type")? {
            "linear" => scaled_points(hyper, Between::Linear)?,
            "cosine" => scaled_points(hyper, Between::Cosine)?,
            other => return Err(Stop::Skip(format!("interpolate_type = {other}"))),
        },
        "exponential_decay" => decay(hyper, hyper.number("init_value")?)?,
        "cosine_decay_schedule" => {
            let (from, power) = (hyper.number("init_value")?, hyper.number_or("exponent", 1.0)?);
            let to = from * hyper.number_or("alpha", 0.0)?;
            Box::new(cosine(from, to, hyper.count("decay_steps")?, power))
        }
        "warmup_constant_schedule" => Box::new(warmup(hyper)?.then(hyper.number("peak_value")?)),
        "warmup_exponential_decay_schedule" => {
            Box::new(warmup(hyper)?.then(decay(hyper, hyper.number("peak_value")?)?))
        }
        "warmup_cosine_decay_schedule" => warmup_cosine(hyper)?.0,
        "linear_onecycle_schedule" | "cosine_onecycle_schedule" => {
            let (peak, steps) = (hyper.number("peak_value")?, hyper.count("transition_steps")?);
            let start = hyper.number_or("pct_start", 0.3)?;
            let cycle = if op == "cosine_onecycle_schedule" {
                OneCycle::optax_cosine(peak, steps, start)
            } else {
                OneCycle::optax_linear(peak, steps, start, hyper.number_or("pct_final", 0.85)?)
            };
            let from = peak / hyper.number_or("div_factor", 25.0)?;
            Box::new(OneCycle {
                from,
                to: from / hyper.number_or("final_div_factor", 1e4)?,
                ..cycle
            })
        }
        "sgdr_schedule" => {
            let (mut cycles, mut boundaries, mut end) = (Vec::new(), Vec::new(), 0);
            for (_, child) in children(hyper, "cosine_kwargs")? {
                let (cycle, steps) = warmup_cosine(&child)?;
                all_read(&child)?;
                end += steps;
                cycles.push(cycle);
                boundaries.push(end);
            }
            boundaries.pop();
            joined(cycles, &boundaries)?
        }
        "join_schedules" => {
            let mut schedules = Vec::new();
            for (op, child) in children(hyper, "schedules")? {
                schedules.push(schedule(op, &child)?);
                all_read(&child)?;
            }
            joined(schedules, &counts(hyper, "boundaries")?)?
        }
        _ => return not_yet(),
    })
}

/// Waits until `transition_begin`.
fn late(hyper: &Fields<'_>, schedule: AnySchedule) -> Result<AnySchedule, Stop> {
    Ok(Box::new(schedule.delayed(hyper.count_opt("transition_begin")?.unwrap_or(0))))
}

/// Values that are factors of the one before.
fn scaled_points(hyper: &Fields<'_>, between: Between) -> Result<AnySchedule, Stop> {
    let mut value = hyper.number("init_value")?;
    let mut points = vec![(0, value)];
    for (at, scale) in pairs(hyper, "boundaries_and_scales")? {
        value *= scale;
        points.push((at, value));
    }
    Ok(piecewise(points, between))
}

fn cosine(from: f64, to: f64, steps: u64, power: f64) -> CosinePower {
    CosinePower { from, to, steps, power, k: 1.0 }
}

fn decay(hyper: &Fields<'_>, from: f64) -> Result<AnySchedule, Stop> {
    let (rate, every) = (hyper.number("decay_rate")?, hyper.count("transition_steps")?);
    let schedule: AnySchedule = if hyper.flag("staircase")? {
        Box::new(Step { from, gamma: rate, every })
    } else {
        Box::new(Exponential::from_rate(from, rate, every)?)
    };
    late(
        hyper,
        match hyper.number_opt("end_value")? {
            Some(end) => Box::new(schedule.at_least(end)),
            None => schedule,
        },
    )
}

fn warmup(hyper: &Fields<'_>) -> Result<Linear, Stop> {
    let from = hyper.number_or("init_value", 0.0)?;
    Ok(Linear { from, to: hyper.number("peak_value")?, steps: hyper.count("warmup_steps")? })
}

/// The schedule and its length, warmup included.
fn warmup_cosine(hyper: &Fields<'_>) -> Result<(AnySchedule, u64), Stop> {
    let power = hyper.number_or("exponent", 1.0)?;
    let (warmup, end) = (warmup(hyper)?, hyper.count("decay_steps")?);
    let to = hyper.number_or("end_value", 0.0)?;
    let steps = end.saturating_sub(warmup.steps);
    Ok((Box::new(warmup.then(cosine(warmup.to, to, steps, power))), end))
}
