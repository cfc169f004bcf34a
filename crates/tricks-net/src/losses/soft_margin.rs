use super::Reduction;
use super::elementwise::{Domain, Elementwise, loss_by};
use super::scalar::softplus;
use tricks_tensor::Float as _;

/// The logistic loss of a score against 1 or −1.
///
/// # Formula
/// ```text
/// lᵢ  = softplus(−tᵢ yᵢ) = ln(1 + e^(−tᵢ yᵢ))
/// L   = 1/N Σ lᵢ
/// dyᵢ = −tᵢ σ(−tᵢ yᵢ) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Exact at any size of the scores. Targets must be 1 or −1. Notes: PyTorch's `SoftMarginLoss`.
///
/// ```
/// use tricks_net::losses::{Loss, SoftMargin};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.0, 1000.0]).into_dyn(), arr1(&[1.0, -1.0]));
/// let loss = SoftMargin::default().value(y.view(), &target)?;
/// assert!((loss - (2f64.ln() + 1000.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoftMargin {
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for SoftMargin {
    const NAME: &'static str = "SoftMargin";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::Sign
    }

    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        (softplus(-t * y), -t * (-t * y).sigmoid_exact())
    }
}

loss_by!(elementwise, SoftMargin);
