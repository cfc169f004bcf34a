use super::Reduction;
use super::elementwise::{Domain, Elementwise, loss_by};
use super::scalar::positive_part;
use tricks_tensor::{Result, hyper};

/// Distances: small for pairs that belong together, above a margin for others.
///
/// # Formula
/// ```text
/// lᵢ  = yᵢ                     if tᵢ = 1
///       max(0, margin − yᵢ)    if tᵢ = −1
/// L   = 1/N Σ lᵢ
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `margin` | | 1 | finite |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Targets must be 1 or −1. Notes: PyTorch's `HingeEmbeddingLoss`.
///
/// ```
/// use tricks_net::losses::{Loss, HingeEmbedding};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.5, 0.25]).into_dyn(), arr1(&[1.0, -1.0]));
/// let loss = HingeEmbedding::default().value(y.view(), &target)?;
/// assert!((loss - (0.5 + 0.75) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HingeEmbedding {
    /// How far apart those should be that do not belong together.
    pub margin: f64,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Default for HingeEmbedding {
    fn default() -> Self {
        Self { margin: 1.0, reduction: Reduction::Mean }
    }
}

impl Elementwise for HingeEmbedding {
    const NAME: &'static str = "HingeEmbedding";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::Sign
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::finite(Self::NAME, "margin", self.margin)
    }

    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        if t > 0.0 {
            return (y, 1.0);
        }
        let (value, slope) = positive_part(self.margin - y);
        (value, -slope)
    }
}

loss_by!(elementwise, HingeEmbedding);
