use super::descent::array;
use super::{in_dtype, not_yet};
use crate::fields::numbers;
use crate::{Problem, Run, Stop};
use serde_json::Value;
use tricks_optim::{ClipGlobalNorm, clip_value};
use tricks_tensor::{Dict, Float};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match (run.op(), run.text("kind")) {
        ("clip" | "clip_by_global_norm", "transform") => in_dtype!(run, transform),
        _ => not_yet(),
    }
}

/// Update `t` is the transform of gradient `t`; the parameters stay where they are.
fn transform<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let problem = Problem::of(run)?;
    let mut params = Dict::<F>::new();
    for (name, shape, init) in &problem.params {
        params.insert(name.as_str(), array(shape, init));
    }
    let updates = run.expect.list("updates")?;
    if updates.len() > problem.grads.len() {
        return Err(Stop::Malformed(format!("{} updates, fewer gradients", updates.len())));
    }
    for (step, (grads, want)) in problem.grads.iter().zip(updates).enumerate() {
        for ((name, shape, _), grad) in problem.params.iter().zip(grads) {
            params.set_grad(name, array(shape, grad).view())?;
        }
        if run.op() == "clip" {
            clip_value(&mut params, run.hyper.number("max_delta")?)?;
        } else {
            let max_norm = run.hyper.number("max_norm")?;
            let clip = ClipGlobalNorm { max_norm, eps: 0.0, ..ClipGlobalNorm::default() };
            clip.measure(&mut params)?.apply(&mut params);
        }
        let wrong = || Stop::Malformed(format!("updates[{step}]"));
        let want = want.as_array().map(Vec::as_slice).unwrap_or(&[] as &[Value]);
        if want.len() != problem.params.len() {
            return Err(wrong());
        }
        for ((name, ..), want) in problem.params.iter().zip(want) {
            let want = numbers(want).ok_or_else(wrong)?;
            let got = params.grad(name).and_then(|grad| grad.as_slice()).unwrap_or(&[]);
            run.numbers(&format!("update {step}, {name}"), got, &want);
        }
    }
    Ok(())
}
