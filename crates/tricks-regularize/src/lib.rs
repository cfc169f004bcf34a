//! What keeps a network from learning its training set by heart, and its activations in range.
//!
//! | technique | here | acts on |
//! |---|---|---|
//! | batch normalization | [`BatchNorm`] | activations, per feature |
//! | dropout | [`Dropout`] | activations, per element |
//! | L1, L2, elastic net | [`L1`], [`L2`], [`ElasticNet`] | weights, as part of the loss |
//!
//! The first two are [`Layer`](tricks_tensor::Layer)s: usable alone, and in any net. A [`Penalty`]
//! is added to the loss and to the gradients by [`penalize`], between the backward pass and the
//! optimizer's step. Weight decay that is not part of the loss belongs to the optimizer.
//!
//! Results have the same bits for every thread count, and a view of any memory layout gives the
//! bits of its contiguous copy.

mod batch_norm;
mod channels;
mod columns;
mod dropout;
mod elastic_net;
mod group_norm;
mod groups;
mod instance_norm;
mod l1;
mod l2;
mod layer_norm;
mod penalty;
mod planes;
mod rms_norm;

pub use batch_norm::{BatchNorm, BatchNormConfig, RunningVariance};
pub use dropout::Dropout;
pub use elastic_net::ElasticNet;
pub use group_norm::{GroupNorm, GroupNormConfig};
pub use instance_norm::{InstanceNorm, InstanceNormConfig};
pub use l1::L1;
pub use l2::L2;
pub use layer_norm::{LayerNorm, LayerNormConfig};
pub use penalty::{Penalty, penalize, penalize_where};
pub use rms_norm::{RmsNorm, RmsNormConfig};
