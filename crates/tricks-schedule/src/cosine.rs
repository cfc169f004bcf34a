use crate::ramp::{at_least_one, ramp};
use crate::{Phase, Schedule};
use std::f64::consts::FRAC_PI_2;
use tricks_tensor::{Result, hyper, math};

/// Half a wave from the first value to the last (cosine annealing).
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁)(1 + cos(πt/T))/2    t < T
///        η₁                                 t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁, η_min | none | ≥ 0 |
/// | `steps` | T | none | ≥ 1 |
///
/// # Notes
/// After `T` it stays at the end, as in Optax, Keras and timm; PyTorch's `CosineAnnealingLR` rises
/// again: [`CosineWave`](crate::CosineWave). With Optax' `exponent`:
/// [`CosinePower`](crate::CosinePower). Optax and Keras give the end as a fraction
/// `alpha` of the start: `to = alpha · from`.
/// `(1 + cos(πt/T))/2` is computed as `sin²(π/2 · (1 − t/T))`, which keeps its digits near the end.
///
/// # Source
/// Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, equation 5.
///
/// ```
/// use tricks_schedule::{Cosine, Schedule};
/// let lr = Cosine { from: 0.1, to: 0.02, steps: 100 };
/// assert_eq!([lr.at(0), lr.at(100), lr.at(150)], [0.1, 0.02, 0.02]);
/// assert!((lr.at(50) - 0.06).abs() < 1e-15);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cosine {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
}

impl Schedule for Cosine {
    fn at(&self, step: u64) -> f64 {
        ramp(self.from, self.to, step, self.steps, |x| {
            let s = math::sin(FRAC_PI_2 * x);
            s * s
        })
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Cosine", "from", self.from)?;
        hyper::non_negative("Cosine", "to", self.to)?;
        at_least_one("Cosine", "steps", self.steps)
    }
}

impl Phase for Cosine {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-14 * want, "{got} {want}");
    }

    #[test]
    fn by_hand() {
        // cos 60° = 1/2, cos 90° = 0, cos 120° = −1/2.
        let down = Cosine { from: 9.0, to: 1.0, steps: 6 };
        for (t, want) in [(0, 9.0), (2, 7.0), (3, 5.0), (4, 3.0), (6, 1.0), (7, 1.0)] {
            close(down.at(t), want);
            close(Cosine { from: 1.0, to: 9.0, ..down }.at(t), 10.0 - want);
        }
    }

    #[test]
    fn the_tail_keeps_its_digits() {
        // sin²(x) = x² − x⁴/3 + …: one step before the end of 10⁸ the second term is invisible,
        // and 1 + cos(πt/T) has lost every digit.
        let x = FRAC_PI_2 * 1e-8;
        close(Cosine { from: 1.0, to: 0.0, steps: 100_000_000 }.at(99_999_999), x * x);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let good = Cosine { from: 0.1, to: 0.0, steps: 10 };
        let refused = |bad: Cosine| bad.validate().unwrap_err().to_string();
        assert!(good.validate().is_ok());
        assert_eq!(refused(Cosine { steps: 0, ..good }), "Cosine: steps is 0, must be at least 1");
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(refused(Cosine { from: bad, ..good }).starts_with("Cosine: from is "));
            assert!(refused(Cosine { to: bad, ..good }).starts_with("Cosine: to is "));
        }
    }
}
