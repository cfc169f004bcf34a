//! Weight initializers, reproducible from a seed.
//!
//! | to fill with | use |
//! |---|---|
//! | a variance that follows the fans: He, Xavier, LeCun | [`VarianceScaling`] |
//! | N(μ, σ²) | [`Normal`] |
//! | N(μ, σ²) without its tails | [`TruncatedNormal`] |
//! | U(a, b) | [`Uniform`] |
//! | one number | [`Constant`] |
//! | an orthogonal matrix, as a whole or at a kernel's centre | [`Orthogonal`], [`DeltaOrthogonal`] |
//! | the identity, dense or as a convolution | [`Identity`], [`Dirac`] |
//! | normals with zeros in every column | [`Sparse`] |
//! | what the depth of a residual net or a Transformer asks for | [`VarianceScaling::times`] with [`fixup_factor`], [`gpt2_factor`], [`t_fixup_encoder_factor`], [`t_fixup_decoder_factor`] or [`DeepNorm`] |
//!
//! [`Fan`] counts inputs and outputs, from a shape and its named [`Layout`]. [`Gain`] is what an
//! activation asks for. [`initialize`] fills every weight of a model, [`initialize_with`] chooses
//! for each parameter, [`torch_defaults`] fills a net as PyTorch's layers fill themselves.
//!
//! What fills a parameter is a function of its noise and its shape, and a draw that concerns no
//! other one of noise and index alone: the same bits for every thread count and on every machine.
//! It is computed in `f64` and then rounded, so `f32` and `f64` models start from the same point.
//!
//! ```
//! use tricks_init::{Fan, Initializer, Layout, VarianceScaling};
//! use tricks_tensor::Noise;
//!
//! let shape = [100, 784]; // a dense layer, 784 → 100
//! let fan = Fan::of(&shape, Layout::OutIn)?;
//! let he = VarianceScaling::he_normal();
//! assert_eq!(he.std(fan), (2.0f64 / 784.0).sqrt());
//!
//! let mut weight = vec![0.0f32; 100 * 784];
//! he.fill(fan, &shape, Noise::new(42), &mut weight)?;
//! let mean_square = weight.iter().map(|w| w * w).sum::<f32>() / weight.len() as f32;
//! assert!((mean_square * 784.0 - 2.0).abs() < 0.05);
//! # Ok::<(), tricks_tensor::Error>(())
//! ```

mod constant;
mod delta_orthogonal;
mod dirac;
mod draw;
mod fan;
mod gain;
mod gaussian;
mod identity;
mod initialize;
mod initializer;
mod normal;
mod orthogonal;
mod orthonormal;
mod quadrature;
mod residual;
mod sparse;
mod torch_defaults;
mod truncated_normal;
mod uniform;
mod variance_scaling;

pub use constant::Constant;
pub use delta_orthogonal::DeltaOrthogonal;
pub use dirac::Dirac;
pub use fan::{Fan, FanMode, Layout};
pub use gain::Gain;
pub use identity::Identity;
pub use initialize::{initialize, initialize_with};
pub use initializer::Initializer;
pub use normal::Normal;
pub use orthogonal::Orthogonal;
pub use residual::{
    DeepNorm, fixup_factor, gpt2_factor, t_fixup_decoder_factor, t_fixup_encoder_factor,
};
pub use sparse::Sparse;
pub use torch_defaults::torch_defaults;
pub use truncated_normal::TruncatedNormal;
pub use uniform::Uniform;
pub use variance_scaling::{Distribution, VarianceScaling};
