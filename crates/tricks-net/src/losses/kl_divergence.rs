use super::Reduction;
use super::elementwise::{Domain, Elementwise, loss_by};
use super::scalar::weighed;
use tricks_tensor::math;

/// The Kullback–Leibler divergence of log-probabilities from wanted probabilities.
///
/// # Formula
/// ```text
/// lᵢ  = tᵢ (ln tᵢ − yᵢ)             0 where tᵢ = 0
///       e^tᵢ (tᵢ − yᵢ)              if targets are logarithms too
/// L   = 1/N Σ lᵢ
/// dyᵢ = −tᵢ / N   or   −e^tᵢ / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `log_target` | | false | |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// The divergence itself is a sum over classes: [`Reduction::BatchMean`] is its mean over samples,
/// and usually what is wanted.
///
/// Notes: PyTorch's `KLDivLoss`, its default reduction included, and its `batchmean`. Optax's
/// `kl_divergence` is the sum of these over the last axis.
///
/// ```
/// use tricks_net::losses::{KlDivergence, Loss, Reduction};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[0.5f64, 0.5]]).mapv(f64::ln).into_dyn();
/// let kl = KlDivergence { reduction: Reduction::BatchMean, ..KlDivergence::default() };
/// assert!((kl.value(y.view(), &arr2(&[[1.0, 0.0]]))? - 2f64.ln()).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KlDivergence {
    /// Whether targets are logarithms of probabilities.
    pub log_target: bool,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for KlDivergence {
    const NAME: &'static str = "KlDivergence";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        if self.log_target { Domain::Any } else { Domain::NonNegative }
    }

    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let (p, ln_p) = if self.log_target { (math::exp(t), t) } else { (t, math::ln(t)) };
        (weighed(p, ln_p - y), -p)
    }
}

loss_by!(elementwise, KlDivergence);
