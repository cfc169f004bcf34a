//! The update rules, one file each.

mod adagrad;
mod adam;
mod adamw;
mod momentum;
mod rmsprop;
mod sgd;

pub use adagrad::AdaGrad;
pub use adam::{Adam, AmsGrad, EpsForm};
pub use adamw::AdamW;
pub use momentum::{Momentum, MomentumForm};
pub use rmsprop::{RmsMomentum, RmsProp};
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
