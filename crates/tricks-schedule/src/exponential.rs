use crate::Schedule;
use crate::ramp::{at_least_one, grow};
use tricks_tensor::{Result, hyper, math};

/// Loses the same fraction at every step.
///
/// # Formula
/// ```text
/// η(t) = η₀ e^(−λt)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `lambda` | λ | none | finite; below 0 it grows, up to the largest `f64` |
///
/// # Notes
/// PyTorch's `ExponentialLR` names the factor of one step, `γ = e^(−λ)`:
/// [`Exponential::from_gamma`]. Optax and Keras name the factor `rate` of `n` steps:
/// [`Exponential::from_rate`]; their `staircase` is [`Step`](crate::Step) with `gamma` = `rate` and
/// `every` = `n`, and Optax' `end_value` is [`at_least`](Schedule::at_least).
///
/// ```
/// use tricks_schedule::{Exponential, Schedule};
/// let lr = Exponential { from: 1.0, lambda: 0.1 };
/// assert!((lr.at(10) - 0.36787944117144233).abs() < 1e-15);
/// let lr = Exponential::from_gamma(1.0, 0.9)?;
/// assert!((lr.at(2) - 0.81).abs() < 1e-15);
/// # Ok::<(), tricks_schedule::Error>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    /// The first value.
    pub from: f64,
    /// The rate of decay.
    pub lambda: f64,
}

impl Exponential {
    /// The schedule `η₀ γᵗ`: `λ = −ln γ`.
    ///
    /// # Errors
    /// A `gamma` that is not above 0 or not finite.
    pub fn from_gamma(from: f64, gamma: f64) -> Result<Self> {
        hyper::positive("Exponential", "gamma", gamma)?;
        Ok(Self { from, lambda: -math::ln(gamma) })
    }

    /// The schedule `η₀ rate^(t/steps)`: `λ = −ln(rate)/steps`.
    ///
    /// # Errors
    /// A `rate` that is not above 0 or not finite; 0 steps.
    pub fn from_rate(from: f64, rate: f64, steps: u64) -> Result<Self> {
        hyper::positive("Exponential", "rate", rate)?;
        at_least_one("Exponential", "steps", steps)?;
        Ok(Self { from, lambda: -math::ln(rate) / steps as f64 })
    }
}

impl Schedule for Exponential {
    fn at(&self, step: u64) -> f64 {
        grow(self.from, math::exp(-self.lambda * step as f64))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Exponential", "from", self.from)?;
        hyper::finite("Exponential", "lambda", self.lambda)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_with_the_logarithm_of_two() {
        let lr = Exponential { from: 8.0, lambda: std::f64::consts::LN_2 };
        for (t, want) in [(0, 8.0), (1, 4.0), (2, 2.0), (10, 8.0 / 1024.0)] {
            assert!((lr.at(t) - want).abs() <= 1e-14 * want, "{t}: {} {want}", lr.at(t));
        }
        assert_eq!(lr.at(u64::MAX), 0.0);
    }

    #[test]
    fn a_rate_is_lost_in_its_steps() {
        let lr = Exponential::from_rate(8.0, 0.25, 10).unwrap();
        for (t, want) in [(0, 8.0), (5, 4.0), (10, 2.0), (20, 0.5)] {
            assert!((lr.at(t) - want).abs() <= 1e-14 * want, "{t}: {}", lr.at(t));
        }
        let refused = |rate, n| Exponential::from_rate(1.0, rate, n).unwrap_err().to_string();
        assert_eq!(refused(0.0, 1), "Exponential: rate is 0, must be finite and above 0");
        assert_eq!(refused(0.5, 0), "Exponential: steps is 0, must be at least 1");
    }

    #[test]
    fn growth_stays_finite() {
        let lr = Exponential::from_gamma(0.1, 1.05).unwrap();
        assert!((lr.at(2) - 0.1 * 1.05 * 1.05).abs() < 1e-15);
        assert_eq!(lr.at(u64::MAX), f64::MAX);
        assert_eq!(Exponential { from: 0.0, ..lr }.at(u64::MAX), 0.0);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        for bad in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
            let refused = Exponential::from_gamma(0.1, bad).unwrap_err().to_string();
            assert!(refused.starts_with("Exponential: gamma is "), "{refused}");
        }
        assert!(Exponential { from: -0.1, lambda: 0.1 }.validate().is_err());
        assert!(Exponential { from: 0.1, lambda: f64::NAN }.validate().is_err());
    }
}
