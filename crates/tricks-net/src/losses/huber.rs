use super::Reduction;
use super::elementwise::{Elementwise, loss_by};
use tricks_tensor::{Result, hyper};

/// Squared near the target, linear away from it.
///
/// # Formula
/// ```text
/// d   = yᵢ − tᵢ
/// lᵢ  = ½ d²              if |d| ≤ δ
///       δ (|d| − ½ δ)     beyond
/// L   = 1/N Σ lᵢ
/// dyᵢ = clamp(d, −δ, δ) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `delta` | δ | 1 | > 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: PyTorch's `HuberLoss`, Keras' `Huber`, and one by one Optax's `huber_loss`: the slope far
/// away is δ. [`SmoothL1`](super::SmoothL1) divides by δ.
///
/// Source: Huber: *Robust estimation of a location parameter*, 1964.
///
/// ```
/// use tricks_net::losses::{Loss, Huber};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.5, 3.0]).into_dyn(), arr1(&[0.0, 0.0]));
/// let loss = Huber::default().value(y.view(), &target)?;
/// assert!((loss - (0.125 + 2.5) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// δ: where the parabola becomes a line.
    pub delta: f64,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0, reduction: Reduction::Mean }
    }
}

impl Elementwise for Huber {
    const NAME: &'static str = "Huber";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::positive(Self::NAME, "delta", self.delta)
    }

    #[inline]
    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let (off, delta) = (y - t, self.delta);
        if off.abs() > delta {
            (delta * (off.abs() - 0.5 * delta), delta.copysign(off))
        } else {
            (0.5 * off * off, off)
        }
    }
}

loss_by!(elementwise, Huber);
