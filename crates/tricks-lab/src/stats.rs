//! Means, spreads and confidence intervals over seeds.

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// A quantity measured once per seed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    values: Vec<f64>,
}

impl Sample {
    /// One value for each seed, in the order of the seeds.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        Self { values: values.into_iter().collect() }
    }

    /// How many seeds.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values, in the order of the seeds.
    pub(crate) fn values(&self) -> &[f64] {
        &self.values
    }

    /// `x̄ = Σx/n`
    pub(crate) fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// `s = √(Σ(x − x̄)²/(n − 1))`; 0 for a single value.
    pub(crate) fn sd(&self) -> f64 {
        let (n, mean) = (self.values.len(), self.mean());
        if n < 2 {
            return 0.0;
        }
        let squares: f64 = self.values.iter().map(|x| (x - mean) * (x - mean)).sum();
        (squares / (n - 1) as f64).sqrt()
    }

    /// `x̄ ± t s/√n`, the 95 % interval of the mean; everything for a single value.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let n = self.values.len();
        if n < 2 {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let t = T95.get(n - 2).copied().unwrap_or(1.96);
        let half = t * self.sd() / (n as f64).sqrt();
        (self.mean() - half, self.mean() + half)
    }

    /// `self − other`, seed by seed: what the seed does to both falls away.
    pub(crate) fn minus(&self, other: &Sample) -> Sample {
        Sample::new(self.values.iter().zip(&other.values).map(|(a, b)| a - b))
    }

    /// `f` of every value.
    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Sample {
        Sample::new(self.values.iter().map(|&x| f(x)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_values_by_hand() {
        let sample = Sample::new([1.0, 2.0, 6.0]);
        assert_eq!(sample.mean(), 3.0);
        assert!((sample.sd() - 7.0f64.sqrt()).abs() < 1e-15);
        // 4.303 · √7/√3
        let (low, high) = sample.interval();
        assert!((low - (3.0 - 6.573)).abs() < 1e-3 && (high - (3.0 + 6.573)).abs() < 1e-3);
        assert_eq!(sample.minus(&Sample::new([1.0, 1.0, 1.0])).values(), [0.0, 1.0, 5.0]);
    }

    #[test]
    fn one_value_says_nothing_about_the_spread() {
        let (low, high) = Sample::new([0.9]).interval();
        assert!(low == f64::NEG_INFINITY && high == f64::INFINITY);
    }
}
