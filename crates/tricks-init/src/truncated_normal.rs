use crate::initializer::{check, check_finite};
use crate::{Fan, Initializer, draw, gaussian};
use tricks_tensor::{Error, Float, Noise, Result, hyper};

/// Normal draws confined to an interval.
///
/// # Formula
/// ```text
/// α = (low − mean)/std      β = (high − mean)/std      w = mean + std·Φ⁻¹(Φ(α) + u·(Φ(β) − Φ(α)))
/// ```
/// `u` is uniform: the density is the normal one, rescaled on the interval. One draw takes one
/// uniform number, none is rejected.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `mean` | μ | 0 | finite |
/// | `std` | σ | 1 | > 0; of the normal *before* the cut |
/// | `low` | a | −2 | finite |
/// | `high` | b | 2 | > `low`, finite |
///
/// Notes: the ends are absolute, as in PyTorch's `trunc_normal_`. Its default ±2 therefore means
/// ±100 σ for σ = 0.02, no cut at all. [`TruncatedNormal::two_sigma`] cuts at two standard
/// deviations and so shrinks the draws, as Keras's `TruncatedNormal` and JAX's `truncated_normal`
/// do; [`TruncatedNormal::two_sigma_corrected`] widens the normal first, as their variance scaling
/// does, so that the draws have the standard deviation asked for.
///
/// ```
/// use tricks_init::TruncatedNormal;
/// let plain = TruncatedNormal::two_sigma(0.0, 1.0);
/// assert_eq!((plain.low, plain.high), (-2.0, 2.0));
/// assert!((plain.resulting_std() - 0.879_625_661_034_239_8).abs() < 1e-14);
/// let corrected = TruncatedNormal::two_sigma_corrected(0.0, 1.0);
/// assert!((corrected.resulting_std() - 1.0).abs() < 1e-14);
/// assert!((corrected.high - 2.273_694_468_677).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TruncatedNormal {
    /// Mean of the normal before the cut.
    pub mean: f64,
    /// Standard deviation of the normal before the cut.
    pub std: f64,
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

/// Standard deviation of a standard normal cut at ±2.
pub(crate) const STD_AT_TWO_SIGMA: f64 = 0.879_625_661_034_239_8;

impl Default for TruncatedNormal {
    fn default() -> Self {
        Self::two_sigma(0.0, 1.0)
    }
}

impl TruncatedNormal {
    /// N(mean, std²) cut at two standard deviations: the draws have 0.8796 times that.
    pub const fn two_sigma(mean: f64, std: f64) -> Self {
        Self { mean, std, low: mean - 2.0 * std, high: mean + 2.0 * std }
    }

    /// Draws of standard deviation `std`, from a wider normal cut at two of *its* deviations.
    pub const fn two_sigma_corrected(mean: f64, std: f64) -> Self {
        Self::two_sigma(mean, std / STD_AT_TWO_SIGMA)
    }

    /// The mean of the draws: `mean + std·(φ(α) − φ(β)) / (Φ(β) − Φ(α))`.
    pub fn resulting_mean(&self) -> f64 {
        self.mean + self.std * Cut::of(self).moments().0
    }

    /// The standard deviation of the draws. For an interval much narrower than `std` it loses
    /// digits.
    pub fn resulting_std(&self) -> f64 {
        self.std * Cut::of(self).moments().1
    }

    /// The value below which a fraction `p` of the draws lies, for `p` in [0, 1].
    pub fn quantile(&self, p: f64) -> f64 {
        Cut::of(self).quantile(p)
    }

    pub(crate) fn draw<F: Float>(&self, noise: Noise, out: &mut [F]) {
        let cut = Cut::of(self);
        draw::uniforms(noise, out, |u| cut.quantile(u));
    }
}

impl<F: Float> Initializer<F> for TruncatedNormal {
    fn validate(&self, _: Fan, _: &[usize]) -> Result<()> {
        let Self { mean, std, low, high } = *self;
        hyper::finite("TruncatedNormal", "mean", mean)?;
        hyper::positive("TruncatedNormal", "std", std)?;
        check_finite::<F>("TruncatedNormal", "low", low)?;
        check_finite::<F>("TruncatedNormal", "high", high)?;
        let refuse = |message: String| Err(Error::invalid("TruncatedNormal", message));
        if low >= high {
            return refuse(format!("low is {low}, must be below high, {high}"));
        }
        // Not normal: zero, subnormal (no digits left to draw from) or NaN.
        if !Cut::of(self).mass.is_normal() {
            return refuse(format!(
                "no probability between low {low} and high {high} for mean {mean}, std {std}"
            ));
        }
        Ok(())
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("TruncatedNormal", self, (fan, shape), out)?;
        self.draw(noise, out);
        Ok(())
    }

    fn uses_fan(&self) -> bool {
        false
    }
}

/// The interval in standard deviations, turned to the side where `Φ` is precise.
struct Cut {
    of: TruncatedNormal,
    /// −1 if the interval lies above the mean: then its mirror image is used.
    side: f64,
    alpha: f64,
    beta: f64,
    /// `Φ(α)` and `Φ(β) − Φ(α)`.
    below: f64,
    mass: f64,
}

impl Cut {
    fn of(of: &TruncatedNormal) -> Self {
        let (alpha, beta) = ((of.low - of.mean) / of.std, (of.high - of.mean) / of.std);
        let (side, alpha, beta) =
            if alpha > 0.0 { (-1.0, -beta, -alpha) } else { (1.0, alpha, beta) };
        let below = gaussian::cumulative(alpha);
        Self { of: *of, side, alpha, beta, below, mass: gaussian::cumulative(beta) - below }
    }

    fn quantile(&self, p: f64) -> f64 {
        let p = if self.side < 0.0 { 1.0 - p } else { p };
        let z = self.side * gaussian::quantile(self.below + p * self.mass);
        // Rounding may step over an end. Not `clamp`, which panics for `low > high`.
        (self.of.mean + self.of.std * z).max(self.of.low).min(self.of.high)
    }

    /// Mean and standard deviation, of the normal with μ = 0, σ = 1.
    fn moments(&self) -> (f64, f64) {
        let (a, b) = (gaussian::density(self.alpha), gaussian::density(self.beta));
        let mean = (a - b) / self.mass;
        let variance = 1.0 + (self.alpha * a - self.beta * b) / self.mass - mean * mean;
        (self.side * mean, variance.max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correction_is_the_resulting_deviation() {
        let std = TruncatedNormal::two_sigma(0.0, 1.0).resulting_std();
        assert!((std - STD_AT_TWO_SIGMA).abs() < 1e-15, "{std}");
    }

    /// Half a normal has mean √(2/π) and variance 1 − 2/π; mirrored, the mean changes its sign.
    #[test]
    fn half_normal() {
        let half = TruncatedNormal { low: 0.0, high: 40.0, ..TruncatedNormal::default() };
        let mirrored = TruncatedNormal { low: -40.0, high: 0.0, ..half };
        let mean = (2.0 / std::f64::consts::PI).sqrt();
        for (init, mean) in [(half, mean), (mirrored, -mean)] {
            assert!((init.resulting_mean() - mean).abs() < 1e-15);
            assert!((init.resulting_std() - (1.0 - mean * mean).sqrt()).abs() < 1e-15);
        }
        // The median is the upper quartile of the whole.
        assert!((half.quantile(0.5) - 0.674_489_750_196_081_7).abs() < 1e-15);
    }

    /// Far above the mean the draws decay like e^(−12 x), and precision must not.
    #[test]
    fn deep_in_a_tail() {
        let tail = TruncatedNormal { low: 12.0, high: 13.0, ..TruncatedNormal::default() };
        let mirrored = TruncatedNormal { low: -13.0, high: -12.0, ..tail };
        assert!((tail.resulting_mean() - 12.082_2).abs() < 1e-3, "{}", tail.resulting_mean());
        for p in [0.0, 0.1, 0.5, 0.9, 1.0] {
            assert!((tail.quantile(p) + mirrored.quantile(1.0 - p)).abs() < 1e-13);
        }
        assert!(tail.quantile(0.1) < tail.quantile(0.2) && tail.quantile(0.0) < 12.0 + 1e-13);
    }

    #[test]
    fn refusals() {
        let refused = |init: TruncatedNormal| {
            let fan = Fan { fan_in: 1, fan_out: 1 };
            init.fill(fan, &[2], Noise::new(0), &mut [0.0f32; 2]).unwrap_err().to_string()
        };
        let init = TruncatedNormal::default();
        assert_eq!(
            refused(TruncatedNormal { low: 3.0, ..init }),
            "TruncatedNormal: low is 3, must be below high, 2",
        );
        assert_eq!(
            refused(TruncatedNormal { low: 50.0, high: 60.0, ..init }),
            "TruncatedNormal: no probability between low 50 and high 60 for mean 0, std 1",
        );
        assert_eq!(
            refused(TruncatedNormal { std: 0.0, ..init }),
            "TruncatedNormal: std is 0, must be finite and above 0",
        );
        assert!(refused(TruncatedNormal { mean: f64::NAN, ..init }).contains("mean is NaN"));
        assert!(refused(TruncatedNormal { high: f64::INFINITY, ..init }).contains("high is inf"));
        // Not valid, but not a panic either.
        assert!(TruncatedNormal { low: 3.0, ..init }.quantile(0.5).is_finite());
    }
}
