//! Whole runs of nets. One binary, so that what every test compiles for its own types is compiled
//! once; what counts allocations stands beside it, each file alone in its program.

#![allow(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

#[path = "../common/mod.rs"]
mod common;

mod depth;
#[cfg(feature = "safetensors")]
mod early_stopping;
mod gradients;
#[cfg(feature = "safetensors")]
mod resume;
mod training;
