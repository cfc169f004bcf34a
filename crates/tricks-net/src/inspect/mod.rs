//! A look into a net before it is trained: one batch, layer by layer.
//!
//! | to | use |
//! |---|---|
//! | see what each layer makes of a batch, and which initialization would be better | [`inspect`] |
//! | scale the weights so that every layer gives unit variance on a batch | [`Lsuv`] |
//!
//! Layers inside containers are found through [`Layer::visit_layers`](tricks_tensor::Layer), and
//! nothing is kept in them.

mod activation;
mod display;
mod leaves;
mod look;
mod lsuv;
mod report;
mod spread;
mod verdict;

pub use lsuv::{Lsuv, LsuvLayer, LsuvReport};
pub use report::{DeadUnits, LayerReport, Report, Signal, WeightReport, inspect};
pub use spread::Spread;
pub use verdict::{Finding, Remedy, Symptom};

#[cfg(test)]
mod tests;
