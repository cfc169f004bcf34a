//! Optimizers for parameters that live anywhere: slices, maps of arrays, layers.
//!
//! A [`Rule`] is a formula on slices; an [`Optimizer`] applies it to a set of parameters, with
//! groups, weight decay, memory by name and threads. Whole-set operations on gradients, such as
//! [`clip_global_norm`], stand before the step.
//!
//! ```
//! use tricks_optim::{Adam, Optimizer, StepArgs, clip_global_norm};
//!
//! // f(x, y) = x²/20 + y², from (−7, 2).
//! let (mut x, mut y) = ([-7.0f64], [2.0f64]);
//! let (mut dx, mut dy) = ([0.0], [0.0]);
//! let mut params = [("x", &mut x[..], &mut dx[..]), ("y", &mut y[..], &mut dy[..])];
//! let mut adam = Optimizer::builder(Adam::chapter()).bind(&mut params)?;
//! for _ in 0..200 {
//!     let [(_, x, dx), (_, y, dy)] = &mut params;
//!     (dx[0], dy[0]) = (x[0] / 10.0, 2.0 * y[0]);
//!     let clip = clip_global_norm(&mut params, 10.0)?;
//!     adam.step(StepArgs::new(0.1).clip(clip), &mut params)?;
//! }
//! assert!(x[0].abs() < 0.1 && y[0].abs() < 0.1, "{x:?} {y:?}");
//! # Ok::<(), tricks_tensor::Error>(())
//! ```
//!
//! # Embeddings
//!
//! A batch touches few rows of a table. A gradient of those rows alone, a
//! [`RowGrad`](tricks_tensor::RowGrad), is read and written alone, by every rule that is updated
//! element by element: parameter, memory and weight decay of the other rows wait. Counts are the
//! parameter's, not the row's.
//!
//! ```
//! use tricks_optim::{AdaGrad, Optimizer};
//! use tricks_tensor::{Named, RowGrad};
//! let (mut table, mut grad) = (vec![1.0f32; 2000], RowGrad::new(2));
//! let mut params = [Named::rows("table", &[1000, 2], &mut table, &mut grad)];
//! let mut adagrad = Optimizer::builder(AdaGrad::torch()).bind(&mut params)?;
//!
//! grad.add(7, &[0.5, -0.5]);
//! adagrad.step(0.1, &mut [Named::rows("table", &[1000, 2], &mut table, &mut grad)])?;
//! // The first step of an element is ±η.
//! assert!((table[14] - 0.9).abs() < 1e-6 && (table[15] - 1.1).abs() < 1e-6);
//! assert_eq!(table[13], 1.0);
//! # Ok::<(), tricks_tensor::Error>(())
//! ```
//!
//! # Saving a run
//!
//! Everything that survives a restart is a [`StateDict`](tricks_tensor::StateDict): numbers by
//! name. Companions, transforms with memory and L-BFGS have the same `state` and `load_state`. With
//! the feature `safetensors` it is a file; a run that goes on from it has the bits of one that
//! never stopped.
//!
//! ```
//! use tricks_optim::{Adam, Optimizer};
//! let (mut w, mut dw) = ([1.0f64, 2.0], [0.5, -0.5]);
//! let mut params = [("w", &mut w[..], &mut dw[..])];
//! let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params)?;
//! adam.step(0.1, &mut params)?;
//! let state = adam.state();
//! assert!(state.iter().any(|(name, _)| name == "w/m"));
//!
//! let mut resumed = Optimizer::builder(Adam::torch()).bind(&mut params)?;
//! resumed.load_state(&state)?;
//! assert_eq!(resumed.steps(), 1);
//! # Ok::<(), tricks_tensor::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | for |
//! |---|---|
//! | `rayon` (default) | steps on several threads |
//! | `safetensors` | `StateDict::save` and `StateDict::load` |
//! | `torch` | [`Optimizer::load_torch`]: the state of a PyTorch optimizer, from a file of `torch.save` |
//!
//! The learning rate is an argument of every step: a schedule is a function the caller evaluates,
//! and nothing hides or changes it.

mod args;
mod average;
mod builder;
mod check;
pub mod companions;
mod driver;
mod each;
mod group;
mod lbfgs;
mod matrix;
mod memory;
mod optimizer;
mod packed;
mod pending;
mod rule;
pub mod rules;
mod shadow;
mod slot;
mod slots;
mod state;
mod step;
mod storage;
#[cfg(feature = "torch")]
mod torch;
pub mod transform;
mod treatment;

pub use args::StepArgs;
pub use builder::Builder;
pub use companions::{
    Accumulate, Accumulated, Averaging, Lookahead, LossScaler, Projection, Sam, SkipNonFinite,
    UpdateNorms, UpdateRatio, WeightAverage, project,
};
pub use each::each;
pub use group::Group;
pub use lbfgs::{Lbfgs, LbfgsStep, LbfgsStop, LineSearch};
pub use optimizer::Optimizer;
pub use pending::{Pending, Transform, transform};
pub use rule::{Describe, MAX_SUMS, Rule, Scope, StepCx, WeightDecay};
pub use rules::{
    AdaGrad, Adadelta, Adafactor, Adam, AdamW, Adamax, AmsGrad, Asgd, EpsForm, EpsPlace, Factored,
    FloorForm, Ftrl, Lamb, Lars, Lion, Momentum, MomentumForm, Muon, MuonScale, NAdam, RAdam,
    RmsMomentum, RmsProp, Rprop, RpropMoves, ScheduleFree, ScheduleFreeBase, Sgd,
};
pub use slot::{MAX_SCALARS, MAX_SLOTS, Scalar, Slot};
pub use slots::Slots;
pub use storage::Storage;
#[cfg(feature = "torch")]
pub use torch::{TorchGroup, TorchState};
pub use transform::{
    AdaptiveClip, Centralize, CheckFinite, Clip, ClipBlockRms, ClipGlobalNorm, ClipNorm, ClipValue,
    GradientAverage, GradientNoise, LbfgsDirection, Normalize, TrustRatio, Units, ZeroNans,
    clip_global_norm, clip_norm, clip_value,
};
pub use treatment::Treatment;
