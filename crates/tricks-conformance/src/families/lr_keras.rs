use super::not_yet;
use super::schedules::{AnySchedule, compare, counts, exponential, joined};
use crate::{Fields, Run, Stop};
use tricks_schedule::{Cosine, CosineRestarts, InverseTime, Linear, Phase, Polynomial, Step};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    let schedule = schedule(run.op(), &run.hyper)?;
    compare(run, &schedule)
}

fn schedule(op: &str, hyper: &Fields<'_>) -> Result<AnySchedule, Stop> {
    Ok(match op {
        "CosineDecay" => {
            let (initial, steps) =
                (hyper.number("initial_learning_rate")?, hyper.count("decay_steps")?);
            let alpha = hyper.number_or("alpha", 0.0)?;
            let warmup = hyper.count_opt("warmup_steps")?.unwrap_or(0);
            match hyper.number_opt("warmup_target")? {
                None => Box::new(Cosine { from: initial, to: alpha * initial, steps }),
                Some(peak) => {
                    Box::new(Linear { from: initial, to: peak, steps: warmup }.then(Cosine {
                        from: peak,
                        to: alpha * peak,
                        steps,
                    }))
                }
            }
        }
        "CosineDecayRestarts" => {
            let from = hyper.number("initial_learning_rate")?;
            Box::new(CosineRestarts {
                from,
                to: hyper.number_or("alpha", 0.0)? * from,
                steps: hyper.count("first_decay_steps")?,
                period_factor: hyper.number_or("t_mul", 2.0)?,
                peak_factor: hyper.number_or("m_mul", 1.0)?,
            })
        }
        "InverseTimeDecay" => Box::new(InverseTime {
            from: hyper.number("initial_learning_rate")?,
            rate: hyper.number("decay_rate")?,
            steps: hyper.count("decay_steps")?,
            staircase: hyper.flag("staircase")?,
        }),
        "ExponentialDecay" => {
            let (from, every) =
                (hyper.number("initial_learning_rate")?, hyper.count("decay_steps")?);
            let rate = hyper.number("decay_rate")?;
            if hyper.flag("staircase")? {
                Box::new(Step { from, gamma: rate, every })
            } else {
                Box::new(exponential(from, rate, every)?)
            }
        }
        "PiecewiseConstantDecay" => {
            let values = hyper.numbers("values")?;
            // Keras changes the value after its boundary, not at it.
            let boundaries: Vec<u64> =
                counts(hyper, "boundaries")?.iter().map(|at| at + 1).collect();
            joined(values.into_iter().map(|v| Box::new(v) as AnySchedule).collect(), &boundaries)?
        }
        "PolynomialDecay" => {
            hyper.only("cycle", false)?;
            Box::new(Polynomial {
                from: hyper.number("initial_learning_rate")?,
                to: hyper.number("end_learning_rate")?,
                steps: hyper.count("decay_steps")?,
                power: hyper.number("power")?,
            })
        }
        _ => return not_yet(),
    })
}
