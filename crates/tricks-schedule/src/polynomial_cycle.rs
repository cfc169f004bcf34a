use crate::Schedule;
use crate::ramp::{along, at_least_one};
use tricks_tensor::{Result, hyper, math};

/// Falls along a power of the time left, and begins again on a longer one each time it is over.
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁)(1 − t/(nT))^p     n = max(1, ⌈t/T⌉)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `steps` | T | none | ≥ 1 |
/// | `power` | p | none | > 0 |
///
/// # Notes
/// Keras' `PolynomialDecay` with `cycle=True`. The end η₁ is reached at every multiple of T; the
/// step after it jumps up, lower each time. It never ends; [`Polynomial`](crate::Polynomial) does.
///
/// ```
/// use tricks_schedule::{PolynomialCycle, Schedule};
/// let lr = PolynomialCycle { from: 1.0, to: 0.0, steps: 4, power: 1.0 };
/// assert_eq!([0, 2, 4, 5, 6, 8].map(|t| lr.at(t)), [1.0, 0.5, 0.0, 0.375, 0.25, 0.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialCycle {
    /// The first value.
    pub from: f64,
    /// The value at the end of every cycle.
    pub to: f64,
    /// Steps of a cycle.
    pub steps: u64,
    /// The exponent.
    pub power: f64,
}

impl Schedule for PolynomialCycle {
    fn at(&self, step: u64) -> f64 {
        let cycles = step.div_ceil(self.steps.max(1)).max(1);
        let horizon = self.steps.max(1).saturating_mul(cycles);
        along(self.from, self.to, step, horizon, |x| math::pow(x, self.power))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("PolynomialCycle", "from", self.from)?;
        hyper::non_negative("PolynomialCycle", "to", self.to)?;
        at_least_one("PolynomialCycle", "steps", self.steps)?;
        hyper::positive("PolynomialCycle", "power", self.power)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let lr = PolynomialCycle { from: 17.0, to: 1.0, steps: 2, power: 2.0 };
        // (1 − t/2)², then from t = 3 (1 − t/4)², then from t = 5 (1 − t/6)².
        assert_eq!([0, 1, 2, 3, 4].map(|t| lr.at(t)), [17.0, 5.0, 1.0, 2.0, 1.0]);
        assert!((lr.at(5) - (1.0 + 16.0 / 36.0)).abs() < 1e-15);
        let up = PolynomialCycle { from: 1.0, to: 17.0, ..lr };
        assert_eq!([0, 1, 2, 3, 4].map(|t| up.at(t)), [1.0, 13.0, 17.0, 16.0, 17.0]);
    }

    #[test]
    fn total_for_every_step() {
        for steps in [0, 1, 3, u64::MAX - 1, u64::MAX] {
            for t in [0, 1, 2, 1 << 53, u64::MAX - 1, u64::MAX] {
                let value = PolynomialCycle { from: 2.0, to: 1.0, steps, power: 0.5 }.at(t);
                assert!((1.0..=2.0).contains(&value), "{steps} {t}: {value}");
            }
        }
    }
}
