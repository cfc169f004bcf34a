use crate::ramp::at_least_one;
use crate::{Phase, Schedule};
use tricks_tensor::Result;

/// A phase again and again; made by [`Phase::repeated`].
///
/// # Formula
/// ```text
/// η(t) = s(t mod T)      T: the steps of s
/// ```
///
/// # Notes
/// Step T is the first of the second round, so the last value of the phase is not used: hold it for
/// a step if it should be, with `phase.then(Constant { value, steps: 1 })`.
///
/// ```
/// use tricks_schedule::{Linear, Phase, Schedule};
/// let lr = Linear { from: 3.0, to: 0.0, steps: 3 }.repeated();
/// assert_eq!([0, 1, 2, 3, 4].map(|t| lr.at(t)), [3.0, 2.0, 1.0, 3.0, 2.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeat<P> {
    /// One round, at least one step long.
    pub phase: P,
}

impl<P: Phase> Schedule for Repeat<P> {
    fn at(&self, step: u64) -> f64 {
        // `max` keeps an unchecked 0 from dividing.
        self.phase.at(step % self.phase.steps().max(1))
    }

    fn validate(&self) -> Result<()> {
        at_least_one("Repeat", "steps", self.phase.steps())?;
        self.phase.validate()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Constant, Linear, Phase, Schedule};

    #[test]
    fn rounds() {
        let line = Linear { from: 2.0, to: 0.0, steps: 2 };
        let lr = line.then(Constant { value: 0.0, steps: 1 }).repeated();
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| lr.at(t)), [2.0, 1.0, 0.0, 2.0, 1.0, 0.0]);
        let nothing = Linear { steps: 0, ..line }.repeated();
        assert_eq!(
            nothing.validate().unwrap_err().to_string(),
            "Repeat: steps is 0, must be at least 1"
        );
        assert_eq!(nothing.at(5), 0.0);
    }
}
