//! Training: a [`Run`] and its loop, what watches it, what survives a restart.

mod early_stopping;
mod fit;
mod json_lines;
mod metrics;
mod observer;
mod parameters;
mod run;

pub use early_stopping::{Best, EarlyStopping, Monitor};
#[cfg(feature = "safetensors")]
pub use fit::{Checkpoint, Every};
pub use fit::{Outcome, Plan};
pub use json_lines::JsonLines;
pub use metrics::{Metrics, evaluate};
pub use observer::{Control, EpochReport, Observer, Start, StepReport};
pub use parameters::{load_parameters, save_parameters};
pub use run::{Position, Run};
