//! Adapters: from the vectors' words to the library's public interface, a family a file.

mod activations;
mod attention;
mod bad_inputs;
mod chapter;
mod checkpoints;
mod cycles;
mod descent;
mod init;
mod keras_schedule_free;
mod layer;
mod layers;
mod lbfgs;
mod losses;
mod losses_optax;
mod lr_keras;
mod lr_optax;
mod lr_torch;
mod masked;
mod norms;
mod optim_extra;
mod optim_keras;
mod optim_optax;
mod optim_torch;
mod schedules;
mod training;
mod transforms_optax;
mod utils;

use crate::{Run, Stop};

/// Runs a case and hands its results to the [`Run`] to compare.
pub type Adapter = fn(&mut Run<'_>) -> Result<(), Stop>;

/// The adapter of a family; none if the library has nothing of it yet.
pub fn adapter(family: &str) -> Option<Adapter> {
    let adapter: Adapter = match family {
        "activations" => activations::run,
        "attention" => attention::run,
        "bad_inputs" => bad_inputs::run,
        "chapter" => chapter::run,
        "checkpoints" => checkpoints::run,
        "init" => init::run,
        "layers" => layers::run,
        "losses" => losses::run,
        "losses_optax" => losses_optax::run,
        "lr_keras" => lr_keras::run,
        "lr_optax" => lr_optax::run,
        "lr_torch" => lr_torch::run,
        "norms" => norms::run,
        "optim_extra" => optim_extra::run,
        "optim_keras" => optim_keras::run,
        "optim_optax" => optim_optax::run,
        "optim_torch" => optim_torch::run,
        "training" => training::run,
        "transforms_optax" => transforms_optax::run,
        "utils" => utils::run,
        _ => return None,
    };
    Some(adapter)
}

/// A case of a technique the library does not have.
fn not_yet<T>() -> Result<T, Stop> {
    Err(Stop::Skip(crate::report::NOT_YET.into()))
}

/// Calls a generic adapter with the number type of the case.
macro_rules! in_dtype {
    ($run:expr, $f:ident $(, $argument:expr)*) => {
        match $run.text("dtype") {
            "f64" => $f::<f64>($run $(, $argument)*),
            "f32" => $f::<f32>($run $(, $argument)*),
            other => Err($crate::Stop::Skip(format!("dtype {other}"))),
        }
    };
}
use in_dtype;
