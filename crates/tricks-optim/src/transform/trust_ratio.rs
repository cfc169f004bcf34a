use super::{Pending, Transform, norm_of, scale};
use tricks_tensor::{Float, Parameters, Path, Result, hyper};

/// Scales each parameter's gradient to the size of the parameter.
///
/// # Formula
/// ```text
/// g ← g · c ‖θ‖ / (‖g‖ + ε)     1 in place of the ratio where ‖θ‖ or ‖g‖ is 0
/// ```
/// with norms of at least `min_norm`.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `coefficient` | c | 1 | > 0 |
/// | `eps` | ε | 0 | ≥ 0 |
/// | `min_norm` | | 0 | ≥ 0 |
///
/// # Notes
/// Optax' `scale_by_trust_ratio`, on gradients. [`Lars`](crate::Lars) and [`Lamb`](crate::Lamb)
/// have the ratio of the update inside.
///
/// # Source
/// You, Gitman, Ginsburg: *Large batch training of convolutional networks*, 2017, equation 6.
///
/// # Example
/// ```
/// use tricks_optim::{Pending, Transform, TrustRatio};
/// let (mut w, mut dw) = ([3.0f64, 4.0], [0.0, 0.1]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let _ = TrustRatio::default().apply(&mut params, Pending::NONE)?;
/// assert!(dw[0] == 0.0 && (dw[1] - 5.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrustRatio {
    /// Factor on the ratio, c.
    pub coefficient: f64,
    /// Added to the gradient's norm, ε.
    pub eps: f64,
    /// The least either norm is taken for.
    pub min_norm: f64,
}

impl Default for TrustRatio {
    fn default() -> Self {
        Self { coefficient: 1.0, eps: 0.0, min_norm: 0.0 }
    }
}

impl<F: Float> Transform<F> for TrustRatio {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::positive("TrustRatio", "coefficient", self.coefficient)?;
        hyper::non_negative("TrustRatio", "eps", self.eps)?;
        hyper::non_negative("TrustRatio", "min_norm", self.min_norm)?;
        params.visit(&Path::ROOT, &mut |_, mut param| {
            let weight = norm_of(param.value).max(self.min_norm);
            let Some(grad) = param.grad.values() else { return };
            let size = (pending.factor().abs() * norm_of(grad)).max(self.min_norm);
            if weight != 0.0 && size != 0.0 && size.is_finite() {
                scale(grad, self.coefficient * weight / (size + self.eps));
            }
        });
        Ok(Pending::new(pending.factor()))
    }
}
