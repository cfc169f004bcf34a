use crate::{Phase, Schedule};
use tricks_tensor::Result;

/// A function of the value of a schedule; made by [`Schedule::mapped`].
///
/// # Formula
/// ```text
/// η(t) = f(s(t))
/// ```
///
/// # Notes
/// For a hyper-parameter that goes with another one: a momentum that falls while the rate rises.
/// Like any function it cannot be printed, compared or saved.
///
/// ```
/// use tricks_schedule::{Linear, Schedule};
/// let lr = Linear { from: 0.0, to: 0.5, steps: 2 };
/// let momentum = lr.mapped(|lr| 1.0 - lr);
/// assert_eq!([0, 1, 2].map(|t| momentum.at(t)), [1.0, 0.75, 0.5]);
/// ```
#[derive(Clone, Copy)]
pub struct Mapped<S, F> {
    /// The schedule.
    pub schedule: S,
    /// The function.
    pub map: F,
}

impl<S: Schedule, F: Fn(f64) -> f64> Schedule for Mapped<S, F> {
    fn at(&self, step: u64) -> f64 {
        (self.map)(self.schedule.at(step))
    }

    fn validate(&self) -> Result<()> {
        self.schedule.validate()
    }
}

impl<S: Phase, F: Fn(f64) -> f64> Phase for Mapped<S, F> {
    fn steps(&self) -> u64 {
        self.schedule.steps()
    }
}
