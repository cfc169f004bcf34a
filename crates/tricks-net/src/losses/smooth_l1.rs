use super::Reduction;
use super::elementwise::{Elementwise, loss_by};
use tricks_tensor::{Result, hyper};

/// The absolute difference with its corner rounded.
///
/// # Formula
/// ```text
/// d   = yᵢ − tᵢ
/// lᵢ  = ½ d² / β          if |d| < β
///       |d| − ½ β         beyond
/// L   = 1/N Σ lᵢ
/// dyᵢ = clamp(d / β, −1, 1) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `beta` | β | 1 | ≥ 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: PyTorch's `SmoothL1Loss`: [`Huber`](super::Huber) divided by δ = β, so the slope far away
/// is 1. β = 0 is the absolute difference.
///
/// Source: Girshick: *Fast R-CNN*, ICCV 2015, equation 3.
///
/// ```
/// use tricks_net::losses::{Loss, SmoothL1};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[1.0, 3.0]).into_dyn(), arr1(&[0.0, 0.0]));
/// let loss = SmoothL1 { beta: 2.0, ..SmoothL1::default() }.value(y.view(), &target)?;
/// assert!((loss - (0.25 + 2.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SmoothL1 {
    /// β: the width of the rounding.
    pub beta: f64,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Default for SmoothL1 {
    fn default() -> Self {
        Self { beta: 1.0, reduction: Reduction::Mean }
    }
}

impl Elementwise for SmoothL1 {
    const NAME: &'static str = "SmoothL1";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::non_negative(Self::NAME, "beta", self.beta)
    }

    #[inline]
    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let (off, beta) = (y - t, self.beta);
        if off.abs() < beta {
            (0.5 * off * off / beta, off / beta)
        } else {
            (off.abs() - 0.5 * beta, if off == 0.0 { 0.0 } else { off.signum() })
        }
    }
}

loss_by!(elementwise, SmoothL1);
