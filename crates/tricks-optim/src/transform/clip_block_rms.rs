use super::{Pending, Transform, each_gradient, norm_of, scale};
use tricks_tensor::{Float, Parameters, Result, hyper};

/// Clips each parameter's gradient by its own root mean square.
///
/// # Formula
/// ```text
/// rms = √(Σ g² / n),   g ← g / max(1, rms / threshold)   for each parameter of n numbers
/// ```
/// `threshold`: finite, above 0; default 1.
///
/// # Notes
/// Optax' `clip_by_block_rms`; part of Adafactor. A row-sparse gradient counts its rows alone.
///
/// # Source
/// Shazeer, Stern: *Adafactor*, ICML 2018, section 6.
///
/// # Example
/// ```
/// use tricks_optim::{ClipBlockRms, Pending, Transform};
/// // Root mean squares 5 and 0.5.
/// let (mut a, mut da) = ([0.0f64; 2], [1.0, 7.0]);
/// let (mut b, mut db) = ([0.0f64; 2], [0.1, 0.7]);
/// let mut params = [("a", &mut a[..], &mut da[..]), ("b", &mut b[..], &mut db[..])];
/// let _ = ClipBlockRms::default().apply(&mut params, Pending::NONE)?;
/// assert!((da[0] - 0.2).abs() < 1e-12 && (da[1] - 1.4).abs() < 1e-12);
/// assert_eq!(db, [0.1, 0.7]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipBlockRms {
    /// The largest root mean square of a parameter's gradient.
    pub threshold: f64,
}

impl Default for ClipBlockRms {
    fn default() -> Self {
        Self { threshold: 1.0 }
    }
}

impl<F: Float> Transform<F> for ClipBlockRms {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::positive("ClipBlockRms", "threshold", self.threshold)?;
        each_gradient(params, |grad| {
            let norm = norm_of(grad);
            let rms = pending.factor().abs() * norm / (grad.len().max(1) as f64).sqrt();
            if rms > self.threshold && rms.is_finite() {
                scale(grad, self.threshold / rms);
            }
        });
        Ok(pending)
    }
}
