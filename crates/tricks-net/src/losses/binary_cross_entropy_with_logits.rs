use super::Reduction;
use super::elementwise::{Domain, Elementwise, check_weights, loss_by};
use super::scalar::{binary_cross_entropy, weighed};
use tricks_tensor::Result;

/// Sigmoid and binary cross-entropy in one: logits in.
///
/// # Formula
/// ```text
/// lᵢ  = wⱼ (pⱼ tᵢ softplus(−yᵢ) + (1 − tᵢ) softplus(yᵢ))     j: the column
/// L   = 1/N Σ lᵢ
/// dyᵢ = wⱼ ((1 − tᵢ) σ(yᵢ) − pⱼ tᵢ σ(−yᵢ)) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `weight` | w | 1 | one for each column, ≥ 0 |
/// | `pos_weight` | p | 1 | one for each column, ≥ 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Exact at any size of the logits. Targets must be in [0, 1].
///
/// Notes: PyTorch's `BCEWithLogitsLoss`; the mean is over N elements, whatever the weights. One by
/// one Optax's `sigmoid_binary_cross_entropy`, Keras' `BinaryCrossentropy(from_logits=True)`.
///
/// ```
/// use tricks_net::losses::{Loss, BinaryCrossEntropyWithLogits};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.0, -1000.0]).into_dyn(), arr1(&[1.0, 1.0]));
/// let loss = BinaryCrossEntropyWithLogits::default().value(y.view(), &target)?;
/// assert!((loss - (2f64.ln() + 1000.0) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropyWithLogits {
    /// w: one for each column (place on the last axis); 1 if absent.
    pub weight: Option<Vec<f64>>,
    /// p: how much more a column's positive examples count; 1 if absent.
    pub pos_weight: Option<Vec<f64>>,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for BinaryCrossEntropyWithLogits {
    const NAME: &'static str = "BinaryCrossEntropyWithLogits";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::Probability
    }

    fn validate(&self, width: usize) -> Result<()> {
        let of = (width, "columns");
        check_weights(Self::NAME, "weight", self.weight.as_deref(), of)?;
        check_weights(Self::NAME, "pos_weight", self.pos_weight.as_deref(), of)
    }

    fn element(&self, y: f64, t: f64, column: usize) -> (f64, f64) {
        let at = |weights: &Option<Vec<f64>>| weights.as_ref().map_or(1.0, |w| w[column]);
        let (value, slope) = binary_cross_entropy(y, t, at(&self.pos_weight));
        let weight = at(&self.weight);
        (weighed(weight, value), weight * slope)
    }
}

loss_by!(elementwise, BinaryCrossEntropyWithLogits);
