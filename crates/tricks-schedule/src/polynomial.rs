use crate::ramp::{along, at_least_one};
use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper, math};

/// Falls to its end along a power of the time left.
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁)(1 − t/T)^p    t < T
///        η₁                           t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0; 0 in the usual form |
/// | `steps` | T | none | ≥ 1 |
/// | `power` | p | none | > 0; 0.5 and 1 are usual |
///
/// # Notes
/// PyTorch's `PolynomialLR` has `to` = 0, Optax's `polynomial_schedule` and Keras'
/// `PolynomialDecay` have an end value; all of them stay at the end, and so does this; Keras'
/// `cycle` is [`PolynomialCycle`](crate::PolynomialCycle). Written
/// without care, `(1 − t/T)^0.5` is NaN beyond `T`.
///
/// ```
/// use tricks_schedule::{Polynomial, Schedule};
/// let lr = Polynomial { from: 0.4, to: 0.0, steps: 100, power: 0.5 };
/// assert_eq!([lr.at(0), lr.at(75), lr.at(100), lr.at(101)], [0.4, 0.2, 0.0, 0.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polynomial {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
    /// The exponent: 1 is a straight line, above 1 falls early, below 1 late.
    pub power: f64,
}

impl Schedule for Polynomial {
    fn at(&self, step: u64) -> f64 {
        along(self.from, self.to, step, self.steps, |x| math::pow(x, self.power))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Polynomial", "from", self.from)?;
        hyper::non_negative("Polynomial", "to", self.to)?;
        at_least_one("Polynomial", "steps", self.steps)?;
        hyper::positive("Polynomial", "power", self.power)
    }
}

impl Phase for Polynomial {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let lr = Polynomial { from: 16.0, to: 0.0, steps: 4, power: 2.0 };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| lr.at(t)), [16.0, 9.0, 4.0, 1.0, 0.0, 0.0]);
        let lr = Polynomial { to: 1.0, from: 17.0, ..lr };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| lr.at(t)), [17.0, 10.0, 5.0, 2.0, 1.0, 1.0]);
        let up = Polynomial { from: 1.0, to: 17.0, ..lr };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| up.at(t)), [1.0, 8.0, 13.0, 16.0, 17.0, 17.0]);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let good = Polynomial { from: 0.1, to: 0.0, steps: 10, power: 0.5 };
        let refused = |bad: Polynomial| bad.validate().unwrap_err().to_string();
        assert!(good.validate().is_ok());
        assert_eq!(
            refused(Polynomial { steps: 0, ..good }),
            "Polynomial: steps is 0, must be at least 1"
        );
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(refused(Polynomial { from: bad, ..good }).contains("from"));
            assert!(refused(Polynomial { to: bad, ..good }).contains("to is"));
            assert!(refused(Polynomial { power: bad, ..good }).contains("power"));
        }
    }
}
