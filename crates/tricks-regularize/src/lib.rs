//! What keeps a network from learning its training set by heart, and its activations in range.
//!
//! | technique | here | acts on |
//! |---|---|---|
//! | batch normalization | [`BatchNorm`] | activations, a feature over the batch |
//! | layer and root-mean-square normalization | [`LayerNorm`], [`RmsNorm`] | activations, a sample |
//! | group and instance normalization | [`GroupNorm`], [`InstanceNorm`] | activations, channels of a sample |
//! | other normalizations | [`LocalResponseNorm`], [`L2Normalize`] | activations |
//! | dropout | [`Dropout`], [`AlphaDropout`] | activations, per element |
//! | structured dropout | [`SpatialDropout`], [`DropBlock`], [`DropPath`] | channels, squares, samples |
//! | weight and spectral normalization, DropConnect | [`WeightNorm`], [`SpectralNorm`], [`DropConnect`] | weights |
//! | Cutout, Mixup, CutMix | [`Cutout`], [`Mixup`], [`CutMix`] | inputs and targets |
//! | L1, L2, elastic net | [`L1`], [`L2`], [`ElasticNet`] | weights, as part of the loss |
//!
//! Those on activations are [`Layer`](tricks_tensor::Layer)s: usable alone, and in any net. Those on
//! weights give the weight a layer uses, and the gradient of the one the optimizer moves. A
//! [`Penalty`] is added to the loss and to the gradients by [`penalize`], between the backward pass
//! and the optimizer's step. Weight decay that is not part of the loss belongs to the optimizer.
//!
//! Results have the same bits for every thread count, and a view of any memory layout gives the
//! bits of its contiguous copy.

mod alpha_dropout;
mod batch_norm;
mod channels;
mod columns;
mod cutmix;
mod cutout;
mod drop_block;
mod drop_connect;
mod drop_path;
mod dropout;
mod elastic_net;
mod group_norm;
mod groups;
mod instance_norm;
mod l1;
mod l2;
mod l2_normalize;
mod layer_norm;
mod local_response_norm;
mod masked;
mod mixup;
mod penalty;
mod planes;
mod rms_norm;
mod spatial_dropout;
mod spectral_norm;
mod weight_norm;

pub use alpha_dropout::AlphaDropout;
pub use batch_norm::{BatchNorm, BatchNormConfig, RunningVariance};
pub use cutmix::CutMix;
pub use cutout::Cutout;
pub use drop_block::DropBlock;
pub use drop_connect::DropConnect;
pub use drop_path::DropPath;
pub use dropout::Dropout;
pub use elastic_net::ElasticNet;
pub use group_norm::{GroupNorm, GroupNormConfig};
pub use instance_norm::{InstanceNorm, InstanceNormConfig};
pub use l1::L1;
pub use l2::L2;
pub use l2_normalize::L2Normalize;
pub use layer_norm::{LayerNorm, LayerNormConfig};
pub use local_response_norm::{LocalResponseNorm, LocalResponseNormConfig};
pub use mixup::Mixup;
pub use penalty::{Penalty, penalize, penalize_where};
pub use rms_norm::{RmsNorm, RmsNormConfig};
pub use spatial_dropout::SpatialDropout;
pub use spectral_norm::SpectralNorm;
pub use weight_norm::WeightNorm;
