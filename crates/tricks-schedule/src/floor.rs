use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper};

/// A schedule that goes no lower than a number; made by [`Schedule::at_least`].
///
/// # Formula
/// ```text
/// η(t) = max(s(t), m)
/// ```
///
/// # Notes
/// Optax' `end_value` of an exponential decay.
///
/// ```
/// use tricks_schedule::{Schedule, Step};
/// let lr = Step { from: 8.0, gamma: 0.5, every: 1 }.at_least(3.0);
/// assert_eq!([0, 1, 2, 99].map(|t| lr.at(t)), [8.0, 4.0, 3.0, 3.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor<S> {
    /// The schedule.
    pub schedule: S,
    /// The number, at least 0.
    pub min: f64,
}

impl<S: Schedule> Schedule for Floor<S> {
    fn at(&self, step: u64) -> f64 {
        self.schedule.at(step).max(self.min)
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Floor", "min", self.min)?;
        self.schedule.validate()
    }
}

impl<S: Phase> Phase for Floor<S> {
    fn steps(&self) -> u64 {
        self.schedule.steps()
    }
}
