//! What Keras 3.15 computes in place of schedule-free AdamW.

use crate::fields::numbers;
use crate::{Problem, Run, Stop};

/// Holds the case against the algorithm with its flaw written down: where z before the step is
/// asked for, z after it stands, because the step has overwritten it.
///
/// To the last digits it is met without weight decay; with it to those of single precision.
pub(super) fn is_flawed(run: &mut Run<'_>) -> Result<(), Stop> {
    let problem = Problem::of(run)?;
    let hyper = &run.hyper;
    let (lr, beta1) = (hyper.number("learning_rate")?, hyper.number("beta_1")?);
    let (beta2, eps) = (hyper.number("beta_2")?, hyper.number("epsilon")?);
    let warmup = hyper.count_opt("warmup_steps")?.unwrap_or(0).max(1) as f64;
    let keep = 1.0 - lr * hyper.number_opt("weight_decay")?.unwrap_or(0.0);
    let after = run.expect.object("params_after_step");

    let start = || problem.params.iter().map(|(.., init)| init.clone()).collect();
    let (mut y, mut z): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (start(), start());
    let mut v: Vec<Vec<f64>> = y.iter().map(|y| vec![0.0; y.len()]).collect();
    for (step, grads) in problem.grads.iter().enumerate() {
        let t = (step + 1) as f64;
        let lr = lr * (t / warmup).min(1.0);
        for (((y, z), v), g) in y.iter_mut().zip(&mut z).zip(&mut v).zip(grads) {
            for (((y, z), v), g) in y.iter_mut().zip(z).zip(v).zip(g) {
                *y *= keep;
                *v = beta2 * *v + (1.0 - beta2) * g * g;
                *z -= lr * g / ((*v / (1.0 - beta2.powf(t))).sqrt() + eps);
                let x = (*y - (1.0 - beta1) * *z) / beta1;
                let x = (1.0 - 1.0 / t) * x + *z / t;
                *y = (1.0 - beta1) * *z + beta1 * x;
            }
        }
        let count = (step + 1).to_string();
        if !after.has(&count) {
            continue;
        }
        for (y, want) in y.iter().zip(after.list(&count)?) {
            let want = numbers(want).ok_or_else(|| Stop::Malformed(count.clone()))?;
            let met =
                y.iter().zip(&want).all(|(y, want)| (y - want).abs() <= 1e-7 + 5e-5 * want.abs());
            run.require(format!("the known flaw explains step {count}"), met);
        }
    }
    Ok(())
}
