//! What is done to gradients, around an optimizer, or to parameters.

mod calls;
mod plateau;
mod transforms;
mod wrappers;

use self::calls::call;
use self::transforms::transform;
use self::wrappers::{sam, wrapper};
use super::descent::array;
use super::{in_dtype, not_yet};
use crate::fields::numbers;
use crate::{Problem, Run, Stop};
use serde_json::Value;
use tricks_tensor::{Dict, Float};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match (run.op(), run.text("kind")) {
        (_, "transform") => in_dtype!(run, transform),
        ("reduce_on_plateau", _) => plateau::run(run),
        ("mechanize" | "sophia", _) => not_yet(),
        (_, "wrapper") => in_dtype!(run, wrapper),
        ("sam", "function") => in_dtype!(run, sam),
        (_, "call") => in_dtype!(run, call),
        _ => not_yet(),
    }
}

/// The parameters of a problem, where it starts.
fn start<F: Float>(problem: &Problem) -> Dict<F> {
    let mut params = Dict::new();
    for (name, shape, init) in &problem.params {
        params.insert(name.as_str(), array(shape, init));
    }
    params
}

fn set_gradients<F: Float>(
    params: &mut Dict<F>,
    problem: &Problem,
    grads: &[Vec<f64>],
) -> Result<(), Stop> {
    for ((name, shape, _), grad) in problem.params.iter().zip(grads) {
        params.set_grad(name, array(shape, grad).view())?;
    }
    Ok(())
}

/// One list of numbers for each parameter.
fn lists(value: &Value) -> Option<Vec<Vec<f64>>> {
    value.as_array()?.iter().map(numbers).collect()
}

/// Compares one list for each parameter.
fn compare<F: Float>(
    run: &mut Run<'_>,
    what: &str,
    problem: &Problem,
    want: &Value,
    got: impl Fn(&str) -> Vec<F>,
) -> Result<(), Stop> {
    let want = lists(want).filter(|want| want.len() == problem.params.len());
    let want = want.ok_or_else(|| Stop::Malformed(what.to_string()))?;
    for ((name, ..), want) in problem.params.iter().zip(want) {
        run.numbers(&format!("{what}, {name}"), &got(name), &want);
    }
    Ok(())
}
