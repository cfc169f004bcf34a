//! The update rules, one file each.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod asgd;
mod ftrl;
mod lamb;
mod lars;
mod lion;
mod momentum;
mod muon;
mod nadam;
mod radam;
mod rmsprop;
mod rprop;
mod schedule_free;
mod sgd;

pub use adadelta::Adadelta;
pub use adafactor::{Adafactor, Factored, FloorForm};
pub use adagrad::AdaGrad;
pub use adam::{Adam, AmsGrad, EpsForm};
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use asgd::Asgd;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lars::Lars;
pub use lion::Lion;
pub use momentum::{Momentum, MomentumForm};
pub use muon::{Muon, MuonScale};
pub use nadam::NAdam;
pub use radam::RAdam;
pub use rmsprop::{RmsMomentum, RmsProp};
pub use rprop::{Rprop, RpropMoves};
pub use schedule_free::{ScheduleFree, ScheduleFreeBase};
pub use sgd::Sgd;

use crate::rule;
use tricks_tensor::Float;

/// Where ε stands in `g / √h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EpsPlace {
    /// `g / (√h + ε)`: the chapter, PyTorch.
    #[default]
    Outside,
    /// `g / √(h + ε)`: Keras, Optax.
    Inside,
}

impl EpsPlace {
    /// `(inside, outside)`, so that both forms are `√(h + inside) + outside`: one loop for both.
    fn split<F: Float>(self, eps: f64) -> (F, F) {
        match self {
            EpsPlace::Outside => (F::zero(), rule::eps(eps)),
            EpsPlace::Inside => (rule::eps(eps), F::zero()),
        }
    }
}

/// ‖θ‖/‖r‖, and 1 where either is 0 or infinite: how much a step is stretched to the size of its
/// parameter.
fn trust(weight: f64, step: f64) -> f64 {
    let ratio = weight / step;
    if weight > 0.0 && step > 0.0 && ratio.is_finite() { ratio } else { 1.0 }
}

/// A rate that is at most the largest number of its type: a ratio to a tiny norm may be more, and
/// infinity times a gradient of 0 is no number.
fn largest<F: Float>(rate: f64) -> F {
    F::of(rate.min(F::max_value().widen()))
}
