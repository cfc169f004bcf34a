use super::{Pending, Transform, each_gradient};
use tricks_tensor::{Float, Parameters, Result, kernel};

/// Replaces NaN by 0 in all gradients.
///
/// # Formula
/// ```text
/// g ← 0 where g is NaN; with `infinities` also where |g| = ∞
/// ```
/// | field | default |
/// |---|---|
/// | `infinities` | false |
///
/// # Notes
/// Optax' `zero_nans`. It hides what went wrong: a step that refuses, or
/// [`SkipNonFinite`](crate::SkipNonFinite), says it.
///
/// # Example
/// ```
/// use tricks_optim::{Pending, Transform, ZeroNans};
/// let (mut w, mut dw) = ([0.0f64; 3], [1.0, f64::NAN, f64::INFINITY]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let _ = ZeroNans::default().apply(&mut params, Pending::NONE)?;
/// assert_eq!(dw, [1.0, 0.0, f64::INFINITY]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZeroNans {
    /// Whether infinities become 0 too.
    pub infinities: bool,
}

impl<F: Float> Transform<F> for ZeroNans {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        let most = if self.infinities { F::max_value() } else { F::infinity() };
        each_gradient(params, |grad| {
            kernel::vectorize(
                #[inline(always)]
                || {
                    for g in grad.iter_mut() {
                        // No comparison holds for a NaN.
                        *g = if g.abs() <= most { *g } else { F::zero() };
                    }
                },
            );
        });
        // A bound on the norm was NaN as well.
        Ok(Pending::new(pending.factor()))
    }
}
