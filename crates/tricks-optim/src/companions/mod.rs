//! What rides along with an optimizer: called beside its step, saved and restored by itself.

mod weight_average;

pub use weight_average::{Averaging, WeightAverage};
