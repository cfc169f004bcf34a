use super::layer::compare;
use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_net::layers::{ReLU, Sigmoid, Tanh};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    in_dtype!(run, activation)
}

fn activation<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "ReLU" => compare::<F>(run, &mut ReLU),
        "Sigmoid" => compare::<F>(run, &mut Sigmoid),
        "Tanh" => compare::<F>(run, &mut Tanh),
        _ => not_yet(),
    }
}
