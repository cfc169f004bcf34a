//! Draws held to the distribution they are said to have.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};
use tricks_tensor::math;

/// What draws should follow.
#[derive(Clone, Copy, Debug)]
pub enum Law {
    /// N(mean, std²)
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        std: f64,
    },
    /// U(low, high)
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// N(0, std²) confined to [low, high].
    Cut {
        /// Standard deviation before the cut.
        std: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl Law {
    /// N(0, std²)
    pub fn normal(std: f64) -> Self {
        Self::Normal { mean: 0.0, std }
    }

    /// U(−bound, bound)
    pub fn within(bound: f64) -> Self {
        Self::Uniform { low: -bound, high: bound }
    }

    /// The normal cut at two of its deviations, with this deviation after the cut.
    pub fn cut_at_two(std: f64) -> Self {
        let std = std / 0.879_625_661_034_239_8;
        Self::Cut { std, low: -2.0 * std, high: 2.0 * std }
    }

    /// The probability of a draw of at most `x`.
    pub fn cdf(&self, x: f64) -> f64 {
        match *self {
            Self::Normal { mean, std } => cumulative((x - mean) / std),
            Self::Uniform { low, high } => ((x - low) / (high - low)).clamp(0.0, 1.0),
            Self::Cut { std, low, high } => {
                // From the upper side where that is the tail.
                let side = if low > 0.0 { -1.0 } else { 1.0 };
                let [p, a, b] = [x, low, high].map(|x| cumulative(side * x / std));
                ((p - a) / (b - a)).clamp(0.0, 1.0)
            }
        }
    }

    /// Mean and standard deviation of the draws.
    pub fn moments(&self) -> (f64, f64) {
        match *self {
            Self::Normal { mean, std } => (mean, std),
            Self::Uniform { low, high } => ((low + high) / 2.0, (high - low) / 12f64.sqrt()),
            Self::Cut { std, low, high } => {
                let (a, b) = (low / std, high / std);
                let density = |x: f64| math::exp(-0.5 * x * x) / TAU.sqrt();
                let inside = if a > 0.0 {
                    cumulative(-a) - cumulative(-b)
                } else {
                    cumulative(b) - cumulative(a)
                };
                let mean = (density(a) - density(b)) / inside;
                let square = 1.0 + (a * density(a) - b * density(b)) / inside;
                (std * mean, std * (square - mean * mean).sqrt())
            }
        }
    }

    /// Says what is wrong with these draws: one that is not finite, a Kolmogorov–Smirnov p-value of
    /// at most 10⁻⁴, or a mean or a deviation more than five of its own deviations off.
    ///
    /// # Errors
    /// The first of these, with the numbers.
    pub fn check(&self, draws: &[f64]) -> Result<(), String> {
        // The comparisons below would let a NaN pass.
        if let Some(x) = draws.iter().find(|x| !x.is_finite()) {
            return Err(format!("{self:?}: a draw is {x}"));
        }
        let p = kolmogorov_smirnov(draws, |x| self.cdf(x));
        if p <= 1e-4 {
            return Err(format!("{self:?}: p = {p:e}"));
        }
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let std = (draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
        let (want_mean, want_std) = self.moments();
        if (mean - want_mean).abs() > 5.0 * want_std / n.sqrt() {
            return Err(format!("{self:?}: the mean is {mean}, not {want_mean}"));
        }
        // For a normal; what is confined varies less.
        if (std / want_std - 1.0).abs() > 5.0 / (2.0 * n).sqrt() {
            return Err(format!("{self:?}: the deviation is {std}, not {want_std}"));
        }
        Ok(())
    }
}

/// `Φ(x)`
fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Two-sided p-value of the largest distance between empirical and exact distribution, from
/// Kolmogorov's series with Stephens' correction for finite samples.
pub fn kolmogorov_smirnov(draws: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0f64, |distance, (i, &x)| {
        let p = cdf(x);
        distance.max(p - i as f64 / n).max((i + 1) as f64 / n - p)
    });
    let lambda = (n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance;
    let series = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * math::exp(-2.0 * f64::from(k * k) * lambda * lambda)
    };
    (2.0 * (1..=100).map(series).sum::<f64>()).clamp(0.0, 1.0)
}
