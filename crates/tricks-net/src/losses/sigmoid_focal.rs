use super::Reduction;
use super::elementwise::{Domain, Elementwise, loss_by};
use super::scalar::{binary_cross_entropy, weighed};
use tricks_tensor::{Float as _, Result, hyper, math};

/// Binary cross-entropy of logits that counts easy examples less.
///
/// # Formula
/// ```text
/// m   = (1 − tᵢ) σ(yᵢ) + tᵢ σ(−yᵢ)              how wrong the probability is
/// lᵢ  = αₜ m^γ BCE(yᵢ, tᵢ)                      αₜ = α tᵢ + (1 − α) (1 − tᵢ), or 1 without α
/// L   = 1/N Σ lᵢ
/// dyᵢ = αₜ (m^γ BCE′ + γ m^(γ−1) (1 − 2 tᵢ) σ(yᵢ) σ(−yᵢ) BCE) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `gamma` | γ | 2 | ≥ 0 |
/// | `alpha` | α | 0.25 | [0, 1], or none |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Exact at any size of the logits. Targets must be in [0, 1]; γ = 0 without α is
/// [`BinaryCrossEntropyWithLogits`](super::BinaryCrossEntropyWithLogits).
///
/// Notes: torchvision's `sigmoid_focal_loss` and one by one Optax's; the paper sums, and divides by
/// the number of positive examples. The default α is the paper's; Optax's is none.
///
/// Source: Lin et al.: *Focal loss for dense object detection*, ICCV 2017, equation 5.
///
/// ```
/// use tricks_net::losses::{Loss, SigmoidFocal};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.0, -1000.0]).into_dyn(), arr1(&[1.0, 1.0]));
/// let loss = SigmoidFocal::default().value(y.view(), &target)?;
/// assert!((loss - 0.25 * (0.25 * 2f64.ln() + 1000.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidFocal {
    /// γ: how steeply easy examples fade.
    pub gamma: f64,
    /// α: the weight of positive examples, `1 − α` that of negative ones.
    pub alpha: Option<f64>,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Default for SigmoidFocal {
    fn default() -> Self {
        Self { gamma: 2.0, alpha: Some(0.25), reduction: Reduction::Mean }
    }
}

impl Elementwise for SigmoidFocal {
    const NAME: &'static str = "SigmoidFocal";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::Probability
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::non_negative(Self::NAME, "gamma", self.gamma)?;
        self.alpha.map_or(Ok(()), |alpha| hyper::probability(Self::NAME, "alpha", alpha))
    }

    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let gamma = self.gamma;
        let balance = self.alpha.map_or(1.0, |alpha| alpha * t + (1.0 - alpha) * (1.0 - t));
        let (value, slope) = binary_cross_entropy(y, t, 1.0);
        let (on, off) = (y.sigmoid_exact(), (-y).sigmoid_exact());
        let miss = (1.0 - t) * on + t * off;
        let fade = math::pow(miss, gamma);
        // Where the power has no slope, 0·∞ is 0.
        let steep = if gamma == 0.0 || miss == 0.0 {
            0.0
        } else {
            gamma * math::pow(miss, gamma - 1.0) * (1.0 - 2.0 * t) * on * off
        };
        (balance * weighed(fade, value), balance * (fade * slope + weighed(steep, value)))
    }
}

loss_by!(elementwise, SigmoidFocal);
