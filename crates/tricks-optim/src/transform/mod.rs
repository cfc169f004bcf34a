//! What is done to all gradients together, between the backward pass and the step.

mod adaptive_clip;
mod centralize;
mod check_finite;
mod clip_block_rms;
mod clip_global_norm;
mod clip_norm;
mod clip_value;
mod gradient_average;
mod gradient_noise;
mod lbfgs_direction;
pub(crate) mod norm;
mod normalize;
mod trust_ratio;
mod zero_nans;

pub use adaptive_clip::{AdaptiveClip, Units};
pub use centralize::Centralize;
pub use check_finite::CheckFinite;
pub(crate) use check_finite::first_non_finite;
pub use clip_block_rms::ClipBlockRms;
pub use clip_global_norm::{Clip, ClipGlobalNorm, clip_global_norm};
pub use clip_norm::{ClipNorm, clip_norm};
pub use clip_value::{ClipValue, clip_value};
pub use gradient_average::GradientAverage;
pub use gradient_noise::GradientNoise;
pub use lbfgs_direction::LbfgsDirection;
pub use normalize::Normalize;
pub use trust_ratio::TrustRatio;
pub use zero_nans::ZeroNans;

use crate::pending::{Pending, Transform};
use tricks_tensor::{Error, Float, Grad, Parameters, Path, Result, hyper, kernel};

/// Multiplies a gradient in place.
fn scale<F: Float>(grad: &mut [F], factor: f64) {
    // More than the type holds, times 0, would be no number; a NaN stays one.
    let most = F::max_value().widen();
    let factor = F::of(if factor > most { most } else { factor });
    kernel::vectorize(
        #[inline(always)]
        || grad.iter_mut().for_each(|g| *g *= factor),
    );
}

/// Every gradient there is: all of its numbers, or those of its rows.
fn each_gradient<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    mut f: impl FnMut(&mut [F]),
) {
    params.visit(&Path::ROOT, &mut |_, mut param| {
        if let Some(grad) = param.grad.values() {
            f(grad);
        }
    });
}

/// Refuses a row-sparse gradient, for what needs all numbers, and one of another length than its
/// parameter.
pub(crate) fn refuse_rows<F: Float>(
    owner: &'static str,
    params: &mut (impl Parameters<F> + ?Sized),
) -> Result<()> {
    let mut outcome = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| {
        if outcome.is_ok() {
            outcome = place.check(&param);
        }
        if let (Ok(()), Grad::Rows { .. }) = (&outcome, &param.grad) {
            let message =
                format!("{}: the gradient is row-sparse, all numbers are needed", place.path);
            outcome = Err(Error::invalid(owner, message));
        }
    });
    outcome
}

/// Refuses a factor that is not finite in the numbers' type, for what multiplies by it at once.
fn require_factor<F: Float>(owner: &'static str, pending: Pending) -> Result<()> {
    let factor = pending.factor();
    hyper::require(owner, "pending factor", factor, F::of(factor).is_finite(), F::RANGE)
}

/// The 2-norm of some numbers, however large or small.
pub(crate) fn norm_of<F: Float>(x: &[F]) -> f64 {
    norm::of(2.0, |power| power.sum(x))
}
