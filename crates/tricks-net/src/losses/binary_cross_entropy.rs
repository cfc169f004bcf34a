use super::Reduction;
use super::elementwise::{Domain, Elementwise, check_weights, loss_by};
use tricks_tensor::{Float as _, Result};

/// The cross-entropy of probabilities of yes or no.
///
/// # Formula
/// ```text
/// lᵢ  = −wⱼ (tᵢ ln yᵢ + (1 − tᵢ) ln(1 − yᵢ))     logarithms not below −100; j: the column
/// L   = 1/N Σ lᵢ
/// dyᵢ = wⱼ (yᵢ − tᵢ) / max(yᵢ (1 − yᵢ), 1e−12) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `weight` | w | 1 | one for each column, ≥ 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Outputs and targets must be in [0, 1]. A probability of exactly 0 or 1 has forgotten how wrong
/// it is; [`BinaryCrossEntropyWithLogits`](super::BinaryCrossEntropyWithLogits) takes the numbers
/// before the sigmoid, and is exact at any size.
///
/// Notes: PyTorch's `BCELoss`, its limits included; the mean is over N elements, whatever the
/// weights. Keras and others clip the probabilities instead.
///
/// ```
/// use tricks_net::losses::{Loss, BinaryCrossEntropy};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.5, 0.0]).into_dyn(), arr1(&[1.0, 1.0]));
/// let loss = BinaryCrossEntropy::default().value(y.view(), &target)?;
/// assert!((loss - (2f64.ln() + 100.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropy {
    /// w: one for each column (place on the last axis); 1 if absent.
    pub weight: Option<Vec<f64>>,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for BinaryCrossEntropy {
    const NAME: &'static str = "BinaryCrossEntropy";
    const OUTPUTS: Domain = Domain::Probability;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::Probability
    }

    fn validate(&self, width: usize) -> Result<()> {
        check_weights(Self::NAME, "weight", self.weight.as_deref(), (width, "columns"))
    }

    fn element(&self, y: f64, t: f64, column: usize) -> (f64, f64) {
        let weight = self.weight.as_ref().map_or(1.0, |weight| weight[column]);
        let (on, off) = (y.ln_exact().max(-100.0), (-y).ln_1p_exact().max(-100.0));
        let slope = (y - t) / (y * (1.0 - y)).max(1e-12);
        (-weight * (t * on + (1.0 - t) * off), weight * slope)
    }
}

loss_by!(elementwise, BinaryCrossEntropy);
