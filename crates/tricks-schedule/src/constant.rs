use crate::{Phase, Schedule, Then};
use tricks_tensor::{Result, hyper};

/// A number is the schedule that never changes.
impl Schedule for f64 {
    fn at(&self, _step: u64) -> f64 {
        *self
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Constant", "value", *self)
    }
}

/// The same value for a number of steps, in front of something else.
///
/// # Formula
/// ```text
/// η(t) = value
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `value` | η | none | ≥ 0 |
/// | `steps` | T | none | any; 0 goes on at once |
///
/// # Notes
/// A constant that nothing follows is a plain `f64`.
///
/// ```
/// use tricks_schedule::{Constant, Cosine, Phase, Schedule};
/// let lr = Constant { value: 0.1, steps: 100 }.then(Cosine { from: 0.1, to: 0.0, steps: 50 });
/// assert_eq!([lr.at(99), lr.at(100), lr.at(150)], [0.1, 0.1, 0.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// The value.
    pub value: f64,
    /// For how long.
    pub steps: u64,
}

impl Constant {
    /// PyTorch's `ConstantLR`: `lr · factor` for `total_iters` steps, then `lr`.
    ///
    /// # Errors
    /// `factor` outside [0, 1]; a rate that is negative or not finite.
    pub fn torch(lr: f64, factor: f64, total_iters: u64) -> Result<Then<Self, f64>> {
        hyper::non_negative("Constant", "lr", lr)?;
        hyper::probability("Constant", "factor", factor)?;
        Ok(Self { value: lr * factor, steps: total_iters }.then(lr))
    }
}

impl Schedule for Constant {
    fn at(&self, _step: u64) -> f64 {
        self.value
    }

    fn validate(&self) -> Result<()> {
        self.value.validate()
    }
}

impl Phase for Constant {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torch_holds_the_factor_then_lets_go() {
        let lr = Constant::torch(0.25, 0.5, 3).unwrap();
        assert_eq!([0, 2, 3, 100].map(|t| lr.at(t)), [0.125, 0.125, 0.25, 0.25]);
        for factor in [-0.1, 1.5, f64::NAN] {
            let refused = Constant::torch(0.1, factor, 3).unwrap_err();
            assert!(refused.to_string().starts_with("Constant: factor is "), "{refused}");
        }
        assert!(Constant::torch(f64::INFINITY, 0.5, 3).is_err());
    }

    #[test]
    fn bad_values_are_refused() {
        for bad in [-1e-9, f64::NAN, f64::INFINITY] {
            assert!(bad.validate().is_err());
            assert!(Constant { value: bad, steps: 1 }.validate().is_err());
        }
        assert!(0.0_f64.validate().is_ok());
    }
}
