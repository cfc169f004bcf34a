//! Learning rates as pure functions of the step.
//!
//! A schedule remembers nothing: [`Schedule::at`] maps the number of updates done so far to a
//! value, for every `u64`, always the same. So there is nothing to save, nothing to call in the
//! right order, and any other hyper-parameter (momentum, weight decay) can follow a schedule too.
//!
//! ```
//! use tricks_schedule::{Cosine, Linear, Phase, Schedule};
//! let lr = Linear { from: 0.0, to: 0.1, steps: 500 }
//!     .then(Cosine { from: 0.1, to: 1e-4, steps: 9_500 });
//! lr.validate()?;
//! assert_eq!(lr.at(0), 0.0); // drives the first update
//! assert_eq!(lr.at(500), 0.1); // the peak, exactly
//! assert_eq!(lr.at(10_000), 1e-4); // the end, exactly, and for ever after
//! # Ok::<(), tricks_tensor::Error>(())
//! ```
//!
//! | schedule | value after `t` updates |
//! |---|---|
//! | a plain `f64` | itself |
//! | [`Constant`] | itself, for a number of steps |
//! | [`Step`] | `η₀ γ^⌊t/k⌋` |
//! | [`Milestones`] | `η₀ γ^(number of milestones ≤ t)` |
//! | [`Exponential`] | `η₀ e^(−λt)` |
//! | [`Polynomial`] | `η₁ + (η₀ − η₁)(1 − t/T)^p` |
//! | [`Linear`] | `η₀ + (η₁ − η₀) t/T` |
//! | [`Cosine`] | `η₁ + (η₀ − η₁)(1 + cos(πt/T))/2` |
//! | [`CosineRestarts`] | half a cosine wave again and again, longer or lower each time |
//! | [`Cyclic`] | up and down in straight lines, again and again |
//! | [`OneCycle`] | one climb, one long fall |
//! | [`InverseTime`] | `η₀ / (1 + r t/k)` |
//! | [`Warmup`] | a linear ramp in front of any of them |
//! | [`Plateau`] | lowered when a metric stalls; it has memory and is no [`Schedule`] |
//!
//! They combine: [`then`](Phase::then), [`warmup`](Schedule::warmup), [`take`](Schedule::take),
//! [`skip`](Schedule::skip), [`scaled`](Schedule::scaled), [`times`](Schedule::times),
//! [`per_epoch`](Schedule::per_epoch).

mod combinators;
mod constant;
mod cosine;
mod cosine_restarts;
mod cyclic;
mod exponential;
mod inverse_time;
mod linear;
mod milestones;
mod one_cycle;
mod plateau;
mod polynomial;
mod ramp;
mod schedule;
mod step;
mod then;
mod warmup;

pub use combinators::{PerEpoch, Product, Scaled, Skip, Take};
pub use constant::Constant;
pub use cosine::Cosine;
pub use cosine_restarts::CosineRestarts;
pub use cyclic::{Cyclic, CyclicHeight};
pub use exponential::Exponential;
pub use inverse_time::InverseTime;
pub use linear::Linear;
pub use milestones::Milestones;
pub use one_cycle::{Anneal, OneCycle};
pub use plateau::{Plateau, PlateauMode, ReduceOnPlateau, Threshold};
pub use polynomial::Polynomial;
pub use schedule::{Phase, Schedule};
pub use step::Step;
pub use then::Then;
pub use tricks_tensor::{Error, Result};
pub use warmup::Warmup;
