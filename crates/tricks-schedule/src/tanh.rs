use crate::ramp::{at_least_one, mix};
use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper, math};

/// Level, then a fall, then level again: hyperbolic tangent decay.
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁)(1 − tanh(L + (U − L) t/T))/2    t < T
///        η₁                                             t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `steps` | T | none | ≥ 1 |
/// | `lower` | L | none | finite; the paper has −6 |
/// | `upper` | U | none | finite, above L; the paper has 3, timm 4 |
///
/// # Notes
/// A tangent never reaches its ends: the first value is `(1 − tanh L)/2` of the way, 6·10⁻⁶ below
/// η₀ for L = −6, and the last step jumps by `(1 − tanh U)/2` of it. From T on it is η₁.
///
/// # Source
/// Hsueh, Li and Wu, *Stochastic Gradient Descent with Hyperbolic-Tangent Decay on Classification*,
/// 2019, equation 3.
///
/// ```
/// use tricks_schedule::{Schedule, Tanh};
/// let lr = Tanh { from: 0.8, to: 0.0, steps: 90, lower: -6.0, upper: 3.0 };
/// assert_eq!([lr.at(60), lr.at(90)], [0.4, 0.0]); // tanh 0 = 0
/// assert!((lr.at(0) - 0.8).abs() < 1e-5);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tanh {
    /// Close to the first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
    /// Where on the tangent it begins.
    pub lower: f64,
    /// Where on the tangent it ends.
    pub upper: f64,
}

impl Schedule for Tanh {
    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.to;
        }
        let x = step as f64 / self.steps as f64;
        let place = self.lower + (self.upper - self.lower) * x;
        // (1 − tanh a)/2 = 1/(1 + e²ᵃ), and 1 minus it has −a.
        let left = |a: f64| 1.0 / (1.0 + math::exp(2.0 * a));
        if self.from > self.to {
            mix(self.to, self.from, left(place))
        } else {
            mix(self.from, self.to, left(-place))
        }
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Tanh", "from", self.from)?;
        hyper::non_negative("Tanh", "to", self.to)?;
        at_least_one("Tanh", "steps", self.steps)?;
        hyper::finite("Tanh", "lower", self.lower)?;
        let ok = self.upper.is_finite() && self.upper > self.lower;
        hyper::require("Tanh", "upper", self.upper, ok, "finite and above lower")
    }
}

impl Phase for Tanh {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let lr = Tanh { from: 9.0, to: 1.0, steps: 4, lower: -2.0, upper: 2.0 };
        // tanh 1 = 0.761594155955765.
        for (t, tanh) in [(1, -0.761_594_155_955_765), (2, 0.0), (3, 0.761_594_155_955_765)] {
            let want = 1.0 + 4.0 * (1.0 - tanh);
            assert!((lr.at(t) - want).abs() < 1e-14, "{t}: {}", lr.at(t));
            let up = Tanh { from: 1.0, to: 9.0, ..lr };
            assert!((up.at(t) - (10.0 - want)).abs() < 1e-14, "{t}: {}", up.at(t));
        }
        assert_eq!(lr.at(4), 1.0);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let lr = Tanh { from: 9.0, to: 1.0, steps: 4, lower: -2.0, upper: 2.0 };
        let refused = |bad: Tanh| bad.validate().unwrap_err().to_string();
        let turned = Tanh { upper: -3.0, ..lr };
        assert_eq!(refused(turned), "Tanh: upper is -3, must be finite and above lower");
        assert!(refused(Tanh { lower: f64::NAN, ..lr }).starts_with("Tanh: lower is NaN"));
        // Asked all the same, it answers.
        let far = Tanh { lower: f64::MIN, upper: f64::MAX, ..lr };
        assert!((1.0..=9.0).contains(&far.at(1)));
    }
}
