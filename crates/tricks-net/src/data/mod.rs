//! Where samples come from: arrays in memory, IDX and CSV files, or a [`DataSource`] of your own.

mod batch;
mod batching;
#[cfg(feature = "csv")]
pub mod csv;
mod dataset;
pub mod idx;
mod tokens;

pub(crate) use batch::fill;
pub use batch::{Batch, DataSource};
pub use batching::{Batching, Last};
pub use dataset::{Dataset, Targets};
pub use tokens::Tokens;
