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
