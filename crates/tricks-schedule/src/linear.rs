use crate::ramp::ramp;
use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper};

/// A straight line, up or down.
///
/// # Formula
/// ```text
/// η(t) = η₀ + (η₁ − η₀) t/T    t < T
///        η₁                    t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `steps` | T | none | any; 0 is at `to` at once |
///
/// # Notes
/// Computed from the lower end, so that a decay to 0 keeps its digits to the last step.
/// PyTorch's `LinearLR` speaks of factors of the rate: [`Linear::torch`].
///
/// ```
/// use tricks_schedule::{Linear, Schedule};
/// let lr = Linear { from: 0.0, to: 0.5, steps: 4 };
/// assert_eq!([lr.at(0), lr.at(1), lr.at(4), lr.at(5)], [0.0, 0.125, 0.5, 0.5]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linear {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
}

impl Linear {
    /// PyTorch's `LinearLR`: from `lr · start_factor` to `lr · end_factor` in `total_iters` steps.
    ///
    /// Its defaults are 1/3, 1 and 5. With 0 steps this is at the end at once, where PyTorch
    /// stays at the start for ever.
    ///
    /// # Errors
    /// `start_factor` outside (0, 1], as a rate of 0 would make the first update idle; `end_factor`
    /// outside [0, 1]; a rate that is negative or not finite.
    pub fn torch(lr: f64, start_factor: f64, end_factor: f64, total_iters: u64) -> Result<Self> {
        hyper::non_negative("Linear", "lr", lr)?;
        let ok = start_factor > 0.0 && start_factor <= 1.0;
        hyper::require("Linear", "start_factor", start_factor, ok, "in (0, 1]")?;
        hyper::probability("Linear", "end_factor", end_factor)?;
        Ok(Self { from: lr * start_factor, to: lr * end_factor, steps: total_iters })
    }
}

impl Schedule for Linear {
    fn at(&self, step: u64) -> f64 {
        ramp(self.from, self.to, step, self.steps, |x| x)
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Linear", "from", self.from)?;
        hyper::non_negative("Linear", "to", self.to)
    }
}

impl Phase for Linear {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let up = Linear { from: 1.0, to: 3.0, steps: 4 };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| up.at(t)), [1.0, 1.5, 2.0, 2.5, 3.0, 3.0]);
        let down = Linear { from: 3.0, to: 1.0, steps: 4 };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| down.at(t)), [3.0, 2.5, 2.0, 1.5, 1.0, 1.0]);
        assert_eq!(Linear { steps: 0, ..up }.at(0), 3.0);
    }

    #[test]
    fn torch_takes_factors_and_keeps_its_ranges() {
        let lr = Linear::torch(0.5, 0.25, 1.0, 8).unwrap();
        assert_eq!(lr, Linear { from: 0.125, to: 0.5, steps: 8 });
        assert!(Linear::torch(0.1, 1.0, 0.0, 0).is_ok());
        for (start, end) in [(0.0, 1.0), (1.5, 1.0), (f64::NAN, 1.0), (0.5, -0.1), (0.5, 1.2)] {
            let refused = Linear::torch(0.1, start, end, 5).unwrap_err().to_string();
            assert!(refused.contains("_factor is "), "{refused}");
        }
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let good = Linear { from: 0.1, to: 0.0, steps: 10 };
        assert!(good.validate().is_ok());
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            let from = Linear { from: bad, ..good }.validate().unwrap_err().to_string();
            let to = Linear { to: bad, ..good }.validate().unwrap_err().to_string();
            assert!(from.starts_with("Linear: from is ") && to.starts_with("Linear: to is "));
        }
    }
}
