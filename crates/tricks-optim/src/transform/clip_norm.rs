use super::{Pending, Transform, each_gradient, norm, norm_of, scale};
use tricks_tensor::{Float, Parameters, Result, hyper};

/// Clips each parameter's gradient by its own 2-norm.
///
/// # Formula
/// ```text
/// g ← g · min(1, max_norm / ‖g‖)   for each parameter
/// ```
/// `max_norm`: finite, at least 0; default 1. A gradient that is not finite is left as it is, for
/// the step to refuse.
///
/// # Notes
/// Keras' `clipnorm`. Directions between parameters change: prefer
/// [`ClipGlobalNorm`](crate::ClipGlobalNorm) unless you want just this.
///
/// # Example
/// ```
/// use tricks_optim::{ClipNorm, Pending, Transform};
/// let (mut a, mut da) = ([0.0f64; 2], [3.0, 4.0]);
/// let (mut b, mut db) = ([0.0f64], [0.5]);
/// let mut params = [("a", &mut a[..], &mut da[..]), ("b", &mut b[..], &mut db[..])];
/// let _ = ClipNorm { max_norm: 1.0 }.apply(&mut params, Pending::NONE)?;
/// assert!((da[0] - 0.6).abs() < 1e-12 && (da[1] - 0.8).abs() < 1e-12);
/// assert_eq!(db, [0.5]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipNorm {
    /// The largest norm of a parameter's gradient.
    pub max_norm: f64,
}

impl Default for ClipNorm {
    fn default() -> Self {
        Self { max_norm: 1.0 }
    }
}

impl<F: Float> Transform<F> for ClipNorm {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        clip_each(params, self.max_norm, pending.factor())?;
        Ok(pending)
    }
}

/// [`ClipNorm`] in place; gives the largest norm before.
///
/// # Errors
/// A `max_norm` that is negative or not finite.
pub fn clip_norm<F: Float>(
    mut params: &mut (impl Parameters<F> + ?Sized),
    max_norm: f64,
) -> Result<f64> {
    clip_each(&mut params, max_norm, 1.0)
}

fn clip_each<F: Float>(params: &mut dyn Parameters<F>, max_norm: f64, factor: f64) -> Result<f64> {
    hyper::non_negative("ClipNorm", "max_norm", max_norm)?;
    let mut largest = 0.0f64;
    each_gradient(params, |grad| {
        let norm = factor.abs() * norm_of(grad);
        if norm > max_norm && norm.is_finite() {
            scale(grad, max_norm / norm);
        }
        largest = norm::max_or_nan(largest, norm);
    });
    Ok(largest)
}
