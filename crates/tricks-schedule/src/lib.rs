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
//! | [`Piecewise`] | chosen values, held or joined by lines or waves |
//! | [`Table`] | a value for each step; `η₀ f(1) f(2) … f(t)` |
//! | [`Exponential`] | `η₀ e^(−λt)` |
//! | [`Polynomial`] | `η₁ + (η₀ − η₁)(1 − t/T)^p` |
//! | [`PolynomialCycle`] | the same with `T` for the next multiple of `T` |
//! | [`KDecay`] | `η₁ + (η₀ − η₁)(1 − (t/T)^k)^p` |
//! | [`Linear`] | `η₀ + (η₁ − η₀) t/T` |
//! | [`Cosine`] | `η₁ + (η₀ − η₁)(1 + cos(πt/T))/2` |
//! | [`CosinePower`] | the same wave to a power, or on a bent axis of time |
//! | [`CosineWave`] | the same wave, up again after `T` |
//! | [`CosineRestarts`] | half a cosine wave again and again, longer or lower each time |
//! | [`Cyclic`] | up and down in straight lines, again and again |
//! | [`OneCycle`] | one climb, one long fall |
//! | [`InverseTime`] | `η₀ / (1 + r t/k)` |
//! | [`InverseSqrt`] | `η_peak min((t+1)/w, √(w/(t+1)))` |
//! | [`Geometric`] | `η₀ (η₁/η₀)^(t/T)` |
//! | [`Rex`] | `η₁ + (η₀ − η₁) 2(T − t)/(2T − t)` |
//! | [`Tanh`] | `η₁ + (η₀ − η₁)(1 − tanh(L + (U − L) t/T))/2` |
//! | [`Wsd`] | a climb, a level stretch, a fall |
//! | [`Lambda`] | any function of `t` |
//! | [`Warmup`] | a linear ramp in front of any of them |
//! | [`Plateau`] | lowered when a metric stalls; it has memory and is no [`Schedule`] |
//!
//! They combine: [`then`](Phase::then), [`repeated`](Phase::repeated),
//! [`warmup`](Schedule::warmup), [`swa`](Schedule::swa), [`take`](Schedule::take),
//! [`skip`](Schedule::skip), [`delayed`](Schedule::delayed), [`per_epoch`](Schedule::per_epoch),
//! [`scaled`](Schedule::scaled), [`times`](Schedule::times), [`at_least`](Schedule::at_least),
//! [`mapped`](Schedule::mapped).
//!
//! They print, and are read from a line of text, of any kind ([`AnySchedule`]) or of one:
//! `"warmup 500 then cosine 1e-3..1e-5 over 10000"`. With the feature `serde` they are saved and
//! loaded; loaded hyper-parameters are checked by [`Schedule::validate`], like any.

mod any;
#[cfg(feature = "serde")]
mod any_serde;
mod combinators;
mod constant;
mod cosine;
mod cosine_power;
mod cosine_restarts;
mod cosine_wave;
mod cyclic;
mod delay;
mod exponential;
mod floor;
mod geometric;
mod inverse_sqrt;
mod inverse_time;
mod k_decay;
mod lambda;
mod linear;
mod mapped;
mod milestones;
mod one_cycle;
mod piecewise;
mod plateau;
mod polynomial;
mod polynomial_cycle;
mod ramp;
mod repeat;
mod rex;
mod schedule;
mod step;
mod swa;
mod table;
mod tanh;
mod text;
mod then;
mod warmup;
mod wsd;

pub use any::{AnyPhase, AnySchedule};
pub use combinators::{PerEpoch, Product, Scaled, Skip, Take};
pub use constant::Constant;
pub use cosine::Cosine;
pub use cosine_power::CosinePower;
pub use cosine_restarts::CosineRestarts;
pub use cosine_wave::CosineWave;
pub use cyclic::{Cyclic, CyclicHeight};
pub use delay::Delay;
pub use exponential::Exponential;
pub use floor::Floor;
pub use geometric::Geometric;
pub use inverse_sqrt::InverseSqrt;
pub use inverse_time::InverseTime;
pub use k_decay::KDecay;
pub use lambda::Lambda;
pub use linear::Linear;
pub use mapped::Mapped;
pub use milestones::Milestones;
pub use one_cycle::{Anneal, OneCycle};
pub use piecewise::{Between, Piecewise};
pub use plateau::{Plateau, PlateauForm, PlateauMode, ReduceOnPlateau, Threshold};
pub use polynomial::Polynomial;
pub use polynomial_cycle::PolynomialCycle;
pub use repeat::Repeat;
pub use rex::Rex;
pub use schedule::{Phase, Schedule};
pub use step::Step;
pub use swa::Swa;
pub use table::Table;
pub use tanh::Tanh;
pub use then::Then;
pub use tricks_tensor::{Error, Result};
pub use warmup::Warmup;
pub use wsd::{Cooldown, Wsd};
