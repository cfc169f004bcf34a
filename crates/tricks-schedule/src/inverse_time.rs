use crate::Schedule;
use crate::ramp::at_least_one;
use tricks_tensor::{Result, hyper};

/// Falls as one over the time.
///
/// # Formula
/// ```text
/// η(t) = η₀ / (1 + r t/k)          with `staircase`: ⌊t/k⌋ in place of t/k
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `rate` | r | none | ≥ 0 |
/// | `steps` | k | none | ≥ 1 |
/// | `staircase` | | none | |
///
/// # Notes
/// Keras' `InverseTimeDecay`; the `lr_decay` of PyTorch's Adagrad is `rate` with `steps` 1. It
/// falls for ever, ever slower: the sum of all rates is infinite, as stochastic approximation asks.
///
/// # Source
/// Robbins and Monro, *A Stochastic Approximation Method*, 1951.
///
/// ```
/// use tricks_schedule::{InverseTime, Schedule};
/// let lr = InverseTime { from: 1.5, rate: 0.5, steps: 10, staircase: false };
/// assert_eq!([lr.at(0), lr.at(10), lr.at(40)], [1.5, 1.0, 0.5]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseTime {
    /// The first value.
    pub from: f64,
    /// What the divisor gains in `steps`.
    pub rate: f64,
    /// The unit of time.
    pub steps: u64,
    /// Whether the value changes only when a unit of time is over.
    pub staircase: bool,
}

impl Schedule for InverseTime {
    fn at(&self, step: u64) -> f64 {
        // `max` keeps an unchecked 0 from dividing.
        let unit = self.steps.max(1);
        let whole = if self.staircase { step / unit * unit } else { step };
        self.from / (1.0 + self.rate * (whole as f64 / unit as f64))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("InverseTime", "from", self.from)?;
        hyper::non_negative("InverseTime", "rate", self.rate)?;
        at_least_one("InverseTime", "steps", self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LR: InverseTime = InverseTime { from: 1.0, rate: 1.0, steps: 2, staircase: false };

    #[test]
    fn by_hand() {
        assert_eq!([0, 1, 2, 6].map(|t| LR.at(t)), [1.0, 1.0 / 1.5, 0.5, 0.25]);
        let stairs = InverseTime { staircase: true, ..LR };
        assert_eq!([0, 1, 2, 3, 6, 7].map(|t| stairs.at(t)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let refused = |bad: InverseTime| bad.validate().unwrap_err().to_string();
        assert!(LR.validate().is_ok());
        let zero = InverseTime { steps: 0, ..LR };
        assert_eq!(refused(zero), "InverseTime: steps is 0, must be at least 1");
        assert_eq!(zero.at(1), 0.5);
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(refused(InverseTime { from: bad, ..LR }).starts_with("InverseTime: from is "));
            assert!(refused(InverseTime { rate: bad, ..LR }).starts_with("InverseTime: rate is "));
        }
    }
}
