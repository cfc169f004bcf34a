//! What rides along with an optimizer: called beside its step, saved and restored by itself.

mod accumulate;
mod lookahead;
mod loss_scaler;
mod projection;
mod sam;
mod skip_non_finite;
mod update_ratio;
mod weight_average;

pub use accumulate::{Accumulate, Accumulated};
pub use lookahead::Lookahead;
pub use loss_scaler::LossScaler;
pub use projection::{Projection, project};
pub use sam::Sam;
pub use skip_non_finite::SkipNonFinite;
pub use update_ratio::{UpdateNorms, UpdateRatio};
pub use weight_average::{Averaging, WeightAverage};
