use super::{Pending, Transform, norm};
use tricks_tensor::{Float, Parameters, Result, hyper};

/// Scales all gradients together to one length.
///
/// # Formula
/// ```text
/// g ← c g / (‖g‖ + ε)     ‖g‖ over all parameters
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `length` | c | 1 | > 0 |
/// | `eps` | ε | 1e-6 | > 0 |
///
/// # Notes
/// Optax' `normalize_by_update_norm`. Costs one read; the factor stays pending.
///
/// # Source
/// Hazan, Levy, Shalev-Shwartz: *Beyond convexity: stochastic quasi-convex optimization*,
/// NIPS 2015, algorithm 1.
///
/// # Example
/// ```
/// use tricks_optim::{Normalize, Optimizer, Sgd, StepArgs, Pending};
/// let (mut w, mut dw) = ([0.0f64; 2], [30.0, 40.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let pending = Pending::NONE.then(&mut Normalize::default(), &mut params)?;
/// sgd.step(StepArgs::new(1.0).clip(pending), &mut params)?;
/// assert!((w[0] + 0.6).abs() < 1e-6 && (w[1] + 0.8).abs() < 1e-6);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalize {
    /// The length after, c.
    pub length: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
}

impl Default for Normalize {
    fn default() -> Self {
        Self { length: 1.0, eps: 1e-6 }
    }
}

impl<F: Float> Transform<F> for Normalize {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::positive("Normalize", "length", self.length)?;
        hyper::positive("Normalize", "eps", self.eps)?;
        let norm = pending.factor().abs() * norm::of_gradients(2.0, params, |_| true);
        let scale = self.length / (norm + self.eps);
        Ok(Pending::new(pending.factor() * scale).bounded(norm * scale))
    }
}
