use super::{Pending, Transform, each_gradient};
use tricks_tensor::{Float, Parameters, Result, hyper, kernel};

/// Clips each element of each gradient.
///
/// # Formula
/// ```text
/// g ← min(max(g, −limit), limit)
/// ```
/// `limit`: finite, at least 0; default 1. A NaN stays one.
///
/// # Notes
/// PyTorch's `clip_grad_value_`, Optax' `clip`, Keras' `clipvalue`. It changes directions: prefer
/// [`ClipGlobalNorm`](crate::ClipGlobalNorm) unless you want just this.
///
/// # Example
/// ```
/// use tricks_optim::{ClipValue, Pending, Transform};
/// let (mut w, mut dw) = ([0.0f64; 3], [0.2, -3.0, 7.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let _ = ClipValue { limit: 1.0 }.apply(&mut params, Pending::NONE)?;
/// assert_eq!(dw, [0.2, -1.0, 1.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipValue {
    /// The largest size of an element.
    pub limit: f64,
}

impl Default for ClipValue {
    fn default() -> Self {
        Self { limit: 1.0 }
    }
}

impl<F: Float> Transform<F> for ClipValue {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::non_negative("ClipValue", "limit", self.limit)?;
        let (limit, factor) = (F::of(self.limit), F::of(pending.factor()));
        each_gradient(params, |grad| {
            kernel::vectorize(
                #[inline(always)]
                || {
                    for g in grad.iter_mut() {
                        let x = factor * *g;
                        let x = if x > limit { limit } else { x };
                        *g = if x < -limit { -limit } else { x };
                    }
                },
            );
        });
        Ok(Pending::NONE)
    }
}

/// [`ClipValue`] in place.
///
/// # Errors
/// A `limit` that is negative or not finite.
pub fn clip_value<F: Float>(
    mut params: &mut (impl Parameters<F> + ?Sized),
    limit: f64,
) -> Result<()> {
    let done = ClipValue { limit }.apply(&mut params, Pending::NONE)?;
    debug_assert_eq!(done, Pending::NONE);
    Ok(())
}
