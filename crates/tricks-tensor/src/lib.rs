//! The vocabulary the `tricks` crates are written in.
//!
//! | what | where |
//! |---|---|
//! | the two number types | [`Float`] |
//! | parameters and their gradients, visited by name | [`Parameters`], [`Place`], [`ParamMut`], [`Grad`], [`RowGrad`], [`Path`], [`Named`], [`Dict`] |
//! | randomness as a value | [`Noise`] |
//! | the contract of a layer | [`Layer`], [`Mode`], [`Inside`] |
//! | everything that survives a restart | [`StateDict`] |
//! | what can go wrong | [`Error`] |
//! | vector instructions, threads, sums, the matrix product | [`kernel`] |
//! | shapes that match, numbers in C order | [`views`] |
//! | backward passes held to central differences | [`gradcheck`] |
//!
//! Nothing here knows an optimizer, a schedule or a network.

mod dict;
pub mod elementary;
mod error;
mod float;
pub mod gradcheck;
pub mod kernel;
mod layer;
pub mod math;
mod named;
mod noise;
mod normal;
mod param;
mod path;
mod row_grad;
mod state;
#[cfg(feature = "safetensors")]
mod state_file;
mod state_reader;
pub mod views;

pub use dict::Dict;
pub use error::{Error, Result, hyper};
pub use float::Float;
pub use layer::{Inside, Layer, LayerVisitor, Mode};
pub use named::Named;
pub use ndarray;
pub use noise::Noise;
pub use param::{Grad, ParamKind, ParamMut, Parameters, Place};
pub use path::{Path, Segment};
pub use row_grad::RowGrad;
pub use state::{Entry, StateDict, Values};
pub use state_reader::StateReader;
