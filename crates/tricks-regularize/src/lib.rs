//! What keeps a network from learning its training set by heart, and its activations in range.
//!
//! | technique | here | acts on |
//! |---|---|---|
//! | batch normalization | [`BatchNorm`], [`BatchRenorm`] | activations, a feature over the batch |
//! | layer and root-mean-square normalization | [`LayerNorm`], [`RmsNorm`] | activations, a sample |
//! | group and instance normalization | [`GroupNorm`], [`InstanceNorm`] | activations, channels of a sample |
//! | other normalizations | [`LocalResponseNorm`], [`L2Normalize`] | activations |
//! | dropout | [`Dropout`], [`AlphaDropout`] | activations, per element |
//! | Gaussian dropout and noise | [`GaussianDropout`], [`GaussianNoise`] | activations, per element |
//! | structured dropout | [`SpatialDropout`], [`DropBlock`], [`DropPath`] | channels, squares, samples |
//! | weights of a norm, a spectrum, a spread | [`WeightNorm`], [`SpectralNorm`], [`WeightStandardization`] | weights |
//! | DropConnect | [`DropConnect`] | weights |
//! | boxes of images | [`Cutout`], [`RandomErasing`] | inputs |
//! | mixtures of samples | [`Mixup`], [`CutMix`] | inputs and targets |
//! | L1, L2, elastic net, group lasso | [`L1`], [`L2`], [`ElasticNet`], [`GroupLasso`] | weights, as part of the loss |
//! | soft orthogonality | [`Orthogonal`] | weights, as part of the loss |
//! | activity penalty | [`ActivityPenalty`] | activations, as part of the loss |
//!
//! [`update_bn`] measures running statistics afresh, for weights that no batch was normalized with.
//!
//! Those on activations are [`Layer`](tricks_tensor::Layer)s: usable alone, and in any net. Those
//! on weights give the weight a layer uses, and the gradient of the one the optimizer moves. A
//! [`Penalty`] is added to the loss and to the gradients by [`penalize`], between the backward pass
//! and the optimizer's step; or [`proximal_step`] comes after the step, for weights that are
//! exactly zero. Weight decay that is not part of the loss belongs to the optimizer, and so do
//! constraints: non-negative weights, boxes, balls, maximal and unit norms are projections in
//! `tricks-optim`.
//!
//! Results have the same bits for every thread count, and a view of any memory layout gives the
//! bits of its contiguous copy.

mod activity_penalty;
mod alpha_dropout;
mod batch_norm;
mod batch_renorm;
mod channels;
mod columns;
mod cutmix;
mod cutout;
mod drop_block;
mod drop_connect;
mod drop_path;
mod dropout;
mod elastic_net;
mod gaussian_dropout;
mod gaussian_noise;
mod group_lasso;
mod group_norm;
mod groups;
mod instance_norm;
mod l1;
mod l2;
mod l2_normalize;
mod layer_norm;
mod layer_within;
mod local_response_norm;
mod masked;
mod mixup;
mod normals;
mod orthogonal;
mod penalty;
mod planes;
mod proximal;
mod random_erasing;
mod rms_norm;
mod sample_norm;
mod spatial_dropout;
mod spectral_norm;
mod unit_dropout;
mod update_bn;
mod weight_norm;
mod weight_standardization;

pub use activity_penalty::ActivityPenalty;
pub use alpha_dropout::AlphaDropout;
pub use batch_norm::{BatchNorm, BatchNormConfig, RunningVariance};
pub use batch_renorm::{BatchRenorm, BatchRenormConfig};
pub use cutmix::CutMix;
pub use cutout::Cutout;
pub use drop_block::DropBlock;
pub use drop_connect::DropConnect;
pub use drop_path::DropPath;
pub use dropout::Dropout;
pub use elastic_net::ElasticNet;
pub use gaussian_dropout::GaussianDropout;
pub use gaussian_noise::GaussianNoise;
pub use group_lasso::GroupLasso;
pub use group_norm::{GroupNorm, GroupNormConfig};
pub use instance_norm::{InstanceNorm, InstanceNormConfig};
pub use l1::L1;
pub use l2::L2;
pub use l2_normalize::L2Normalize;
pub use layer_norm::{LayerNorm, LayerNormConfig};
pub use local_response_norm::{LocalResponseNorm, LocalResponseNormConfig};
pub use mixup::Mixup;
pub use orthogonal::{Gram, Orthogonal};
pub use penalty::{Penalty, penalize, penalize_where};
pub use proximal::{Proximal, proximal_step, proximal_step_where};
pub use random_erasing::{ErasingFill, RandomErasing};
pub use rms_norm::{RmsNorm, RmsNormConfig};
pub use spatial_dropout::SpatialDropout;
pub use spectral_norm::SpectralNorm;
pub use update_bn::update_bn;
pub use weight_norm::WeightNorm;
pub use weight_standardization::WeightStandardization;
