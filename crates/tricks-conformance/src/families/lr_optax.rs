use super::not_yet;
use super::schedules::{
    AnySchedule, all_read, children, compare, counts, exponential, joined, pairs,
};
use crate::{Fields, Run, Stop};
use tricks_schedule::{
    Constant, Cosine, Linear, Milestones, OneCycle, Phase, Polynomial, Schedule, Step,
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
            late(hyper, from, Box::new(Polynomial { from, to, steps, power }))?
        }
        "piecewise_constant_schedule" => {
            let from: AnySchedule = Box::new(hyper.number("init_value")?);
            pairs(hyper, "boundaries_and_scales")?.into_iter().fold(from, |all, (at, gamma)| {
                Box::new(all.times(Milestones { from: 1.0, gamma, milestones: [at] }))
            })
        }
        "piecewise_interpolate_schedule" => {
            let mut value = hyper.number("init_value")?;
            let cosine = match hyper.text("interpolate_type")? {
                "linear" => false,
                "cosine" => true,
                other => return Err(Stop::Skip(format!("interpolate_type = {other}"))),
            };
            let (mut phases, mut boundaries) = (Vec::<AnySchedule>::new(), vec![]);
            for (at, scale) in pairs(hyper, "boundaries_and_scales")? {
                let (from, to) = (value, value * scale);
                let steps = at.saturating_sub(boundaries.last().copied().unwrap_or(0));
                phases.push(if cosine {
                    Box::new(Cosine { from, to, steps })
                } else {
                    Box::new(Linear { from, to, steps })
                });
                boundaries.push(at);
                value = to;
            }
            phases.push(Box::new(value));
            joined(phases, &boundaries)?
        }
        "exponential_decay" => decay(hyper, hyper.number("init_value")?)?,
        "cosine_decay_schedule" => {
            hyper.only("exponent", 1.0)?;
            let from = hyper.number("init_value")?;
            let to = from * hyper.number_or("alpha", 0.0)?;
            Box::new(Cosine { from, to, steps: hyper.count("decay_steps")? })
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

/// Held at `from` until `transition_begin`.
fn late(hyper: &Fields<'_>, from: f64, schedule: AnySchedule) -> Result<AnySchedule, Stop> {
    let begin = hyper.count_opt("transition_begin")?.unwrap_or(0);
    Ok(Box::new(Constant { value: from, steps: begin }.then(schedule)))
}

fn decay(hyper: &Fields<'_>, from: f64) -> Result<AnySchedule, Stop> {
    let (rate, every) = (hyper.number("decay_rate")?, hyper.count("transition_steps")?);
    if let Some(end) = hyper.number_opt("end_value")? {
        return Err(Stop::Skip(format!("end_value = {end}, a floor under an exponential")));
    }
    let schedule: AnySchedule = if hyper.flag("staircase")? {
        Box::new(Step { from, gamma: rate, every })
    } else {
        Box::new(exponential(from, rate, every)?)
    };
    late(hyper, from, schedule)
}

fn warmup(hyper: &Fields<'_>) -> Result<Linear, Stop> {
    let from = hyper.number_or("init_value", 0.0)?;
    Ok(Linear { from, to: hyper.number("peak_value")?, steps: hyper.count("warmup_steps")? })
}

/// The schedule and its length, warmup included.
fn warmup_cosine(hyper: &Fields<'_>) -> Result<(AnySchedule, u64), Stop> {
    hyper.only("exponent", 1.0)?;
    let (warmup, end) = (warmup(hyper)?, hyper.count("decay_steps")?);
    let to = hyper.number_or("end_value", 0.0)?;
    let steps = end.saturating_sub(warmup.steps);
    Ok((Box::new(warmup.then(Cosine { from: warmup.to, to, steps })), end))
}
