use super::schedules::{AnySchedule, all_read, children, counts, joined};
use super::{cycles, not_yet};
use crate::fields::{number, numbers};
use crate::{Fields, Run, Stop};
use serde_json::Value;
use tricks_schedule::{
    Constant, CosineRestarts, CosineWave, Exponential, InverseSqrt, Lambda, Linear, Milestones,
    Plateau, PlateauMode, Polynomial, ReduceOnPlateau, Schedule, Step, Table, Threshold,
};
use tricks_tensor::math;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    let base = run.case.get("base_lr").and_then(numbers);
    let base = base.ok_or_else(|| Stop::Malformed("base_lr".into()))?;
    let rows = run.expect.list("lr")?;
    let length = rows.len() as u64;
    for (group, &lr) in base.iter().enumerate() {
        let got: Vec<f64> = match run.op() {
            "ReduceLROnPlateau" => plateau(run, lr, group)?,
            "LambdaLR" => {
                let schedule = lambda(&run.hyper, lr, group)?;
                schedule.validate()?;
                (0..length).map(|t| schedule.at(t)).collect()
            }
            op => {
                let schedule = schedule(op, &run.hyper, lr, length)?;
                schedule.validate()?;
                (0..length).map(|t| schedule.at(t)).collect()
            }
        };
        for (t, (got, row)) in got.into_iter().zip(rows).enumerate() {
            let want = row.get(group).and_then(number);
            let want = want.ok_or_else(|| Stop::Malformed(format!("lr[{t}]")))?;
            run.number(&format!("lr[{t}][{group}]"), got, want);
        }
    }
    if run.expect.has("momentum") {
        let schedule = cycles::momentum(run.op(), &run.hyper)?;
        schedule.validate()?;
        for (t, row) in run.expect.list("momentum")?.iter().enumerate() {
            let want = row.get(0).and_then(number);
            let want = want.ok_or_else(|| Stop::Malformed(format!("momentum[{t}]")))?;
            run.number(&format!("momentum[{t}]"), schedule.at(t as u64), want);
        }
    }
    Ok(())
}

/// A scheduler of PyTorch for a base rate, to be looked at for `length` steps.
pub(super) fn schedule(
    op: &str,
    hyper: &Fields<'_>,
    lr: f64,
    length: u64,
) -> Result<AnySchedule, Stop> {
    Ok(match op {
        "StepLR" => {
            let gamma = hyper.number_or("gamma", 0.1)?;
            Box::new(Step { from: lr, gamma, every: hyper.count("step_size")? })
        }
        "MultiStepLR" => {
            let gamma = hyper.number_or("gamma", 0.1)?;
            Box::new(Milestones { from: lr, gamma, milestones: counts(hyper, "milestones")? })
        }
        "ExponentialLR" => Box::new(Exponential::from_gamma(lr, hyper.number("gamma")?)?),
        "ConstantLR" => {
            let factor = hyper.number_or("factor", 1.0 / 3.0)?;
            Box::new(Constant::torch(lr, factor, hyper.count_opt("total_iters")?.unwrap_or(5))?)
        }
        "LinearLR" => {
            let start = hyper.number_or("start_factor", 1.0 / 3.0)?;
            let end = hyper.number_or("end_factor", 1.0)?;
            let steps = hyper.count_opt("total_iters")?.unwrap_or(5);
            if steps == 0 {
                return Err(Stop::Skip(
                    "total_iters = 0, where PyTorch never leaves the start".into(),
                ));
            }
            Box::new(Linear::torch(lr, start, end, steps)?)
        }
        "PolynomialLR" => Box::new(Polynomial {
            from: lr,
            to: 0.0,
            steps: hyper.count_opt("total_iters")?.unwrap_or(5),
            power: hyper.number_or("power", 1.0)?,
        }),
        "CosineAnnealingLR" => {
            let (to, steps) = (hyper.number_or("eta_min", 0.0)?, hyper.count("T_max")?);
            Box::new(CosineWave { from: lr, to, steps })
        }
        "MultiplicativeLR" => {
            hyper.only("lambda", "g")?;
            let g = hyper.number("g")?;
            Box::new(Table::multiplicative(lr, length as usize, |_| g))
        }
        "SWALR" => {
            let (to, steps) = (hyper.number("swa_lr")?, hyper.count("anneal_epochs")?);
            match hyper.text("anneal_strategy")? {
                "cos" => Box::new(lr.swa(0, to, steps)),
                "linear" => Box::new(Linear { from: lr, to, steps }),
                other => return Err(Stop::Skip(format!("anneal_strategy {other}"))),
            }
        }
        "CosineAnnealingWarmRestarts" => Box::new(CosineRestarts {
            from: lr,
            to: hyper.number_or("eta_min", 0.0)?,
            steps: hyper.count("T_0")?,
            period_factor: hyper.number_or("T_mult", 1.0)?,
            peak_factor: 1.0,
        }),
        "CyclicLR" | "OneCycleLR" => cycles::rate(op, hyper)?,
        "SequentialLR" => {
            let boundaries = counts(hyper, "milestones")?;
            let mut schedules = Vec::new();
            for (i, (op, child)) in children(hyper, "schedulers")?.into_iter().enumerate() {
                let start = if i == 0 { 0 } else { boundaries.get(i - 1).copied().unwrap_or(0) };
                let end = boundaries.get(i).copied().unwrap_or(length).min(length);
                schedules.push(schedule(op, &child, lr, end.saturating_sub(start))?);
                all_read(&child)?;
            }
            joined(schedules, &boundaries)?
        }
        "ChainedScheduler" => {
            let mut product: Option<AnySchedule> = None;
            for (op, child) in children(hyper, "schedulers")? {
                // The first in units of the rate, the others as factors.
                let base = if product.is_none() { lr } else { 1.0 };
                let factor = schedule(op, &child, base, length)?;
                all_read(&child)?;
                product = Some(match product {
                    None => factor,
                    Some(product) => Box::new(product.times(factor)),
                });
            }
            product.ok_or_else(|| Stop::Malformed("no schedulers".into()))?
        }
        _ => return not_yet(),
    })
}

/// The functions of the vectors, by how they are written.
fn lambda(hyper: &Fields<'_>, lr: f64, group: usize) -> Result<AnySchedule, Stop> {
    let written = hyper.get("lambda");
    let written = written.map(|value| value.get(group).unwrap_or(value)).and_then(Value::as_str);
    Ok(match written {
        Some("1/sqrt(t+1)") => Box::new(InverseSqrt { peak: lr, warmup: 1 }),
        Some("min((t+1)^-0.5, (t+1)*w^-1.5)") => {
            Box::new(InverseSqrt::noam(lr, 1, hyper.count("w")?)?)
        }
        Some("0.95^t") => Box::new(Lambda(move |t| lr * math::pow(0.95, t as f64))),
        Some("1/(1+0.1 t)") => Box::new(Lambda(move |t| lr / (1.0 + 0.1 * t as f64))),
        other => return Err(Stop::Skip(format!("lambda = {other:?}"))),
    })
}

/// The hyper-parameters of a plateau; `group` picks its `min_lr`.
pub(super) fn plateau_rule(hyper: &Fields<'_>, group: usize) -> Result<ReduceOnPlateau, Stop> {
    let default = ReduceOnPlateau::default();
    let threshold = hyper.number_or("threshold", 1e-4)?;
    let min_lr = match hyper.get("min_lr") {
        None => default.min_lr,
        Some(Value::Array(list)) => list
            .get(group)
            .and_then(number)
            .ok_or_else(|| Stop::Malformed("min_lr has fewer numbers than groups".into()))?,
        Some(value) => number(value).ok_or_else(|| Stop::Malformed("min_lr".into()))?,
    };
    let mode = hyper.get("mode").and_then(Value::as_str);
    let threshold_mode = hyper.get("threshold_mode").and_then(Value::as_str);
    Ok(ReduceOnPlateau {
        mode: match mode {
            None | Some("min") => PlateauMode::Min,
            Some("max") => PlateauMode::Max,
            Some(other) => {
                return Err(Stop::Skip(format!("mode {other}: an enum, cannot be written")));
            }
        },
        factor: hyper.number_or("factor", default.factor)?,
        patience: hyper.count_opt("patience")?.unwrap_or(default.patience),
        threshold: match threshold_mode {
            None | Some("rel") => Threshold::Rel(threshold),
            Some("abs") => Threshold::Abs(threshold),
            Some(other) => {
                return Err(Stop::Skip(format!(
                    "threshold_mode {other}: an enum, cannot be written"
                )));
            }
        },
        cooldown: hyper.count_opt("cooldown")?.unwrap_or(default.cooldown),
        min_lr,
        eps: hyper.number_or("eps", default.eps)?,
        ..default
    })
}

/// The rate in force at each step; the metric of a step is observed after it.
fn plateau(run: &Run<'_>, lr: f64, group: usize) -> Result<Vec<f64>, Stop> {
    let metrics = run.case.get("metrics").and_then(numbers);
    let metrics = metrics.ok_or_else(|| Stop::Malformed("metrics".into()))?;
    let mut plateau = Plateau::new(lr, plateau_rule(&run.hyper, group)?)?;
    Ok(metrics
        .into_iter()
        .map(|metric| {
            let lr = plateau.lr();
            plateau.observe(metric);
            lr
        })
        .collect())
}
