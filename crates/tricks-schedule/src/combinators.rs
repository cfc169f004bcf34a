use crate::ramp::{at_least_one, saturate};
use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper};

/// The first steps of a schedule, as a phase; made by [`Schedule::take`].
///
/// # Formula
/// ```text
/// η(t) = s(min(t, T))
/// ```
///
/// ```
/// use tricks_schedule::{Phase, Schedule, Step};
/// let lr = Step { from: 8.0, gamma: 0.5, every: 2 }.take(5).then(1.0);
/// assert_eq!([lr.at(0), lr.at(2), lr.at(4), lr.at(5)], [8.0, 4.0, 2.0, 1.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Take<S> {
    /// The schedule cut short.
    pub schedule: S,
    /// After how many steps; 0 goes on at once.
    pub steps: u64,
}

impl<S: Schedule> Schedule for Take<S> {
    fn at(&self, step: u64) -> f64 {
        self.schedule.at(step.min(self.steps))
    }

    fn validate(&self) -> Result<()> {
        self.schedule.validate()
    }
}

impl<S: Schedule> Phase for Take<S> {
    fn steps(&self) -> u64 {
        self.steps
    }
}

/// A schedule entered later than at its start; made by [`Schedule::skip`].
///
/// # Formula
/// ```text
/// η(t) = s(t + n)
/// ```
///
/// ```
/// use tricks_schedule::{Linear, Phase, Schedule};
/// let lr = Linear { from: 4.0, to: 0.0, steps: 4 }.skip(1);
/// assert_eq!([lr.at(0), lr.at(3), lr.at(u64::MAX)], [3.0, 0.0, 0.0]);
/// assert_eq!(lr.steps(), 3);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skip<S> {
    /// The schedule entered late.
    pub schedule: S,
    /// How many of its steps are left out.
    pub steps: u64,
}

impl<S: Schedule> Schedule for Skip<S> {
    fn at(&self, step: u64) -> f64 {
        self.schedule.at(step.saturating_add(self.steps))
    }

    fn validate(&self) -> Result<()> {
        self.schedule.validate()
    }
}

impl<S: Phase> Phase for Skip<S> {
    fn steps(&self) -> u64 {
        self.schedule.steps().saturating_sub(self.steps)
    }
}

/// A schedule times a number; made by [`Schedule::scaled`].
///
/// # Formula
/// ```text
/// η(t) = c · s(t)
/// ```
///
/// ```
/// use tricks_schedule::{Linear, Schedule};
/// let head = Linear { from: 4.0, to: 0.0, steps: 4 };
/// let body = head.scaled(0.5);
/// assert_eq!([head.at(1), body.at(1)], [3.0, 1.5]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled<S> {
    /// The schedule.
    pub schedule: S,
    /// The number, at least 0.
    pub factor: f64,
}

impl<S: Schedule> Schedule for Scaled<S> {
    fn at(&self, step: u64) -> f64 {
        saturate(self.factor * self.schedule.at(step))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Scaled", "factor", self.factor)?;
        self.schedule.validate()
    }
}

impl<S: Phase> Phase for Scaled<S> {
    fn steps(&self) -> u64 {
        self.schedule.steps()
    }
}

/// Two schedules multiplied; made by [`Schedule::times`].
///
/// # Formula
/// ```text
/// η(t) = a(t) b(t)
/// ```
///
/// # Notes
/// PyTorch's `ChainedScheduler`, with one of the two in units of the rate and the other a factor.
///
/// ```
/// use tricks_schedule::{Linear, Schedule, Step};
/// let lr = Step { from: 0.5, gamma: 0.5, every: 4 }.times(Linear { from: 0.0, to: 1.0, steps: 2 });
/// assert_eq!([lr.at(0), lr.at(1), lr.at(2), lr.at(4)], [0.0, 0.25, 0.5, 0.25]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Product<A, B> {
    /// One factor.
    pub left: A,
    /// The other.
    pub right: B,
}

impl<A: Schedule, B: Schedule> Schedule for Product<A, B> {
    fn at(&self, step: u64) -> f64 {
        saturate(self.left.at(step) * self.right.at(step))
    }

    fn validate(&self) -> Result<()> {
        self.left.validate()?;
        self.right.validate()
    }
}

impl<A: Phase, B: Phase> Phase for Product<A, B> {
    fn steps(&self) -> u64 {
        self.left.steps().max(self.right.steps())
    }
}

/// A schedule of epochs as one of updates; made by [`Schedule::per_epoch`].
///
/// # Formula
/// ```text
/// η(t) = s(⌊t/n⌋)
/// ```
///
/// ```
/// use tricks_schedule::{Milestones, Schedule};
/// let epochs = Milestones { from: 1.0, gamma: 0.5, milestones: [30, 60] };
/// let lr = epochs.per_epoch(100);
/// assert_eq!([lr.at(2_999), lr.at(3_000), lr.at(6_000)], [1.0, 0.5, 0.25]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerEpoch<S> {
    /// The schedule, counted in epochs.
    pub schedule: S,
    /// Updates in one epoch, at least 1.
    pub steps_per_epoch: u64,
}

impl<S: Schedule> Schedule for PerEpoch<S> {
    fn at(&self, step: u64) -> f64 {
        // `max` keeps an unchecked 0 from dividing.
        self.schedule.at(step / self.steps_per_epoch.max(1))
    }

    fn validate(&self) -> Result<()> {
        at_least_one("PerEpoch", "steps_per_epoch", self.steps_per_epoch)?;
        self.schedule.validate()
    }
}

impl<S: Phase> Phase for PerEpoch<S> {
    fn steps(&self) -> u64 {
        self.schedule.steps().saturating_mul(self.steps_per_epoch)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Exponential, Linear, Phase, Schedule};

    const LINE: Linear = Linear { from: 4.0, to: 0.0, steps: 4 };

    #[test]
    fn phases_keep_their_ends() {
        assert_eq!(LINE.per_epoch(10).steps(), 40);
        assert_eq!([39, 40].map(|t| LINE.per_epoch(10).at(t)), [1.0, 0.0]);
        assert_eq!(LINE.scaled(2.0).steps(), 4);
        assert_eq!(LINE.skip(9).steps(), 0);
        assert_eq!([0, 1, u64::MAX].map(|t| LINE.skip(2).at(t)), [2.0, 1.0, 0.0]);
        assert_eq!([1, 2, 3, u64::MAX].map(|t| LINE.take(2).at(t)), [3.0, 2.0, 2.0, 2.0]);
        let product = LINE.times(Linear { from: 0.0, to: 1.0, steps: 8 });
        assert_eq!(product.steps(), 8);
        assert_eq!([0, 2, 8].map(|t| product.at(t)), [0.0, 0.5, 0.0]);
    }

    #[test]
    fn products_overflow_to_the_largest_number() {
        let growing = Exponential { from: 1.0, lambda: -1.0 };
        assert_eq!(growing.times(growing).at(u64::MAX), f64::MAX);
        assert_eq!(growing.scaled(10.0).at(u64::MAX), f64::MAX);
        assert_eq!(growing.scaled(0.0).at(u64::MAX), 0.0);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let bad = Linear { to: f64::NAN, ..LINE };
        let inner = [
            bad.take(1).validate(),
            bad.skip(1).validate(),
            bad.scaled(1.0).validate(),
            bad.times(LINE).validate(),
            LINE.times(bad).validate(),
            bad.per_epoch(1).validate(),
        ];
        for refused in inner {
            assert!(refused.unwrap_err().to_string().starts_with("Linear: to is NaN"));
        }
        assert_eq!(
            LINE.scaled(-2.0).validate().unwrap_err().to_string(),
            "Scaled: factor is -2, must be finite and at least 0"
        );
        assert_eq!(
            LINE.per_epoch(0).validate().unwrap_err().to_string(),
            "PerEpoch: steps_per_epoch is 0, must be at least 1"
        );
        assert_eq!(LINE.per_epoch(0).at(3), 1.0);
    }
}
