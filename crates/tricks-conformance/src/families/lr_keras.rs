use super::not_yet;
use super::schedules::{AnySchedule, compare, counts, piecewise};
use crate::{Fields, Run, Stop};
use tricks_schedule::{
    Between, Cosine, CosineRestarts, Exponential, InverseTime, Linear, Phase, Polynomial,
    PolynomialCycle, Step,
};

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
                Box::new(Exponential::from_rate(from, rate, every)?)
            }
        }
        "PiecewiseConstantDecay" => {
            let values = hyper.numbers("values")?;
            // Keras changes the value after its boundary, not at it.
            let changes = counts(hyper, "boundaries")?.into_iter().map(|at| at + 1);
            piecewise([0].into_iter().chain(changes).zip(values).collect(), Between::Hold)
        }
        "PolynomialDecay" => {
            let from = hyper.number("initial_learning_rate")?;
            let (to, power) = (hyper.number("end_learning_rate")?, hyper.number("power")?);
            let steps = hyper.count("decay_steps")?;
            if hyper.flag("cycle")? {
                Box::new(PolynomialCycle { from, to, steps, power })
            } else {
                Box::new(Polynomial { from, to, steps, power })
            }
        }
        _ => return not_yet(),
    })
}
