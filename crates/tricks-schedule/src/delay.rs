use crate::{Phase, Schedule};
use tricks_tensor::Result;

/// A schedule that waits at its first value; made by [`Schedule::delayed`].
///
/// # Formula
/// ```text
/// η(t) = s(max(t − n, 0))
/// ```
///
/// # Notes
/// Optax' `transition_begin`. The other direction is [`Skip`](crate::Skip).
///
/// ```
/// use tricks_schedule::{Linear, Phase, Schedule};
/// let lr = Linear { from: 4.0, to: 0.0, steps: 4 }.delayed(10);
/// assert_eq!([0, 10, 11, 14].map(|t| lr.at(t)), [4.0, 4.0, 3.0, 0.0]);
/// assert_eq!(lr.steps(), 14);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay<S> {
    /// The schedule that waits.
    pub schedule: S,
    /// For how many steps.
    pub steps: u64,
}

impl<S: Schedule> Schedule for Delay<S> {
    fn at(&self, step: u64) -> f64 {
        self.schedule.at(step.saturating_sub(self.steps))
    }

    fn validate(&self) -> Result<()> {
        self.schedule.validate()
    }
}

impl<S: Phase> Phase for Delay<S> {
    fn steps(&self) -> u64 {
        self.schedule.steps().saturating_add(self.steps)
    }
}
