use super::Reduction;
use super::elementwise::{Domain, Elementwise, loss_by};
use super::scalar::weighed;
use std::f64::consts::PI;
use tricks_tensor::{Result, hyper, math};

/// The negative log-likelihood of counts under Poisson distributions.
///
/// # Formula
/// ```text
/// lᵢ  = e^yᵢ − tᵢ yᵢ                 if outputs are logarithms of rates
///       yᵢ − tᵢ ln(yᵢ + ε)           if they are rates
///     + tᵢ ln tᵢ − tᵢ + ½ ln(2π tᵢ)  if full, where tᵢ > 1 (Stirling's ln tᵢ!)
/// L   = 1/N Σ lᵢ
/// dyᵢ = (e^yᵢ − tᵢ) / N   or   (1 − tᵢ / (yᵢ + ε)) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `log_input` | | true | |
/// | `full` | | false | |
/// | `eps` | ε | 1e-8 | > 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Targets must be at least 0. Notes: PyTorch's `PoissonNLLLoss`.
///
/// ```
/// use tricks_net::losses::{Loss, PoissonNll};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.0, 0.0]).into_dyn(), arr1(&[3.0, 1.0]));
/// let loss = PoissonNll::default().value(y.view(), &target)?;
/// assert!((loss - 1.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoissonNll {
    /// Whether outputs are logarithms of rates.
    pub log_input: bool,
    /// Whether to add what depends on the target alone.
    pub full: bool,
    /// ε: keeps the logarithm of a rate of 0 finite.
    pub eps: f64,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Default for PoissonNll {
    fn default() -> Self {
        Self { log_input: true, full: false, eps: 1e-8, reduction: Reduction::Mean }
    }
}

impl Elementwise for PoissonNll {
    const NAME: &'static str = "PoissonNll";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::NonNegative
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::positive(Self::NAME, "eps", self.eps)
    }

    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let (value, slope) = if self.log_input {
            let rate = math::exp(y);
            (rate - t * y, rate - t)
        } else {
            (y - weighed(t, math::ln(y + self.eps)), 1.0 - t / (y + self.eps))
        };
        let stirling = if self.full && t > 1.0 {
            t * math::ln(t) - t + 0.5 * math::ln(2.0 * PI * t)
        } else {
            0.0
        };
        (value + stirling, slope)
    }
}

loss_by!(elementwise, PoissonNll);
