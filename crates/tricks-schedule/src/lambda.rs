use crate::Schedule;
use tricks_tensor::Result;

/// Any function of the step.
///
/// # Formula
/// ```text
/// η(t) = f(t)
/// ```
///
/// # Notes
/// PyTorch's `LambdaLR` multiplies the rate by its function; here the function gives the rate
/// itself. Nothing can be known of a function: [`validate`](Schedule::validate) accepts it, and
/// that it is finite for every step is up to you. It cannot be printed, compared, saved or read
/// from a text; for what a configuration file names, see [`AnySchedule`](crate::AnySchedule).
///
/// ```
/// use tricks_schedule::{Lambda, Phase, Schedule};
/// let lr = Lambda(|t| 0.1 / (1.0 + t as f64));
/// assert_eq!([lr.at(0), lr.at(1)], [0.1, 0.05]);
/// assert_eq!(lr.take(1).then(0.01).at(5), 0.01);
/// ```
#[derive(Clone, Copy)]
pub struct Lambda<F>(
    /// The function.
    pub F,
);

impl<F: Fn(u64) -> f64> Schedule for Lambda<F> {
    fn at(&self, step: u64) -> f64 {
        (self.0)(step)
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}
