use crate::{
    Cosine, Delay, Floor, Geometric, Linear, Mapped, PerEpoch, Product, Repeat, Scaled, Skip, Swa,
    Take, Then, Warmup,
};
use tricks_tensor::Result;

/// A value that depends on the step and on nothing else.
///
/// `step` counts the updates already done: `at(0)` drives the first one. Every `u64` has a value,
/// and for hyper-parameters that pass [`validate`](Schedule::validate) it is finite.
///
/// Two methods make a new one; the rest comes with them.
///
/// ```
/// use tricks_schedule::{Result, Schedule};
///
/// /// η₀ / √(t + 1)
/// struct InverseSqrt(f64);
///
/// impl Schedule for InverseSqrt {
///     fn at(&self, step: u64) -> f64 {
///         self.0 / (step as f64 + 1.0).sqrt()
///     }
///     fn validate(&self) -> Result<()> {
///         self.0.validate()
///     }
/// }
///
/// assert_eq!(InverseSqrt(0.1).at(3), 0.05);
/// assert_eq!(InverseSqrt(0.1).per_epoch(100).at(399), 0.05);
/// ```
pub trait Schedule {
    /// The value after `step` updates.
    fn at(&self, step: u64) -> f64;

    /// Refuses hyper-parameters outside their ranges. Call it once, before training.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper), naming the schedule and its field.
    fn validate(&self) -> Result<()>;

    /// A linear warmup of `steps` from `from` up to this schedule's first value, then this
    /// schedule from its own start. See [`Warmup`].
    fn warmup(self, from: f64, steps: u64) -> Warmup<Self>
    where
        Self: Sized,
    {
        Then { first: Linear { from, to: self.at(0), steps }, next: self }
    }

    /// The same along half a cosine wave.
    fn warmup_cosine(self, from: f64, steps: u64) -> Then<Cosine, Self>
    where
        Self: Sized,
    {
        Then { first: Cosine { from, to: self.at(0), steps }, next: self }
    }

    /// The same by equal factors; `from` and the first value are above 0.
    fn warmup_geometric(self, from: f64, steps: u64) -> Then<Geometric, Self>
    where
        Self: Sized,
    {
        Then { first: Geometric { from, to: self.at(0), steps }, next: self }
    }

    /// A linear warmup that counts from one: the first update has `1/steps` of the first value, not
    /// 0, and update `steps` has it whole.
    fn warmup_one_based(self, steps: u64) -> Then<Skip<Linear>, Self>
    where
        Self: Sized,
    {
        Then { first: Linear { from: 0.0, to: self.at(0), steps }.skip(1), next: self }
    }

    /// This schedule up to `start`, then in `anneal` steps to `lr`, and level. See [`Swa`].
    fn swa(self, start: u64, lr: f64, anneal: u64) -> Swa<Self>
    where
        Self: Sized,
    {
        let next = Cosine { from: self.at(start), to: lr, steps: anneal };
        Then { first: self.take(start), next }
    }

    /// This schedule's first `steps`, as a [`Phase`] that another schedule can follow.
    fn take(self, steps: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take { schedule: self, steps }
    }

    /// This schedule without its first `steps`: `t ↦ at(t + steps)`.
    fn skip(self, steps: u64) -> Skip<Self>
    where
        Self: Sized,
    {
        Skip { schedule: self, steps }
    }

    /// This schedule after a wait at its first value: `t ↦ at(max(t − steps, 0))`.
    fn delayed(self, steps: u64) -> Delay<Self>
    where
        Self: Sized,
    {
        Delay { schedule: self, steps }
    }

    /// This schedule where it is above `min`, and `min` elsewhere.
    fn at_least(self, min: f64) -> Floor<Self>
    where
        Self: Sized,
    {
        Floor { schedule: self, min }
    }

    /// A function of this schedule's value.
    fn mapped<F: Fn(f64) -> f64>(self, map: F) -> Mapped<Self, F>
    where
        Self: Sized,
    {
        Mapped { schedule: self, map }
    }

    /// This schedule times a number: a parameter group with a rate of its own.
    fn scaled(self, factor: f64) -> Scaled<Self>
    where
        Self: Sized,
    {
        Scaled { schedule: self, factor }
    }

    /// The product of two schedules, both counted from the same start.
    fn times<S: Schedule>(self, other: S) -> Product<Self, S>
    where
        Self: Sized,
    {
        Product { left: self, right: other }
    }

    /// Turns a schedule of epochs into one of updates: `t ↦ at(⌊t / steps_per_epoch⌋)`.
    fn per_epoch(self, steps_per_epoch: u64) -> PerEpoch<Self>
    where
        Self: Sized,
    {
        PerEpoch { schedule: self, steps_per_epoch }
    }
}

/// A schedule that ends.
///
/// It reaches its last value at `at(steps())`, exactly, and stays there.
pub trait Phase: Schedule {
    /// How many steps until the last value.
    fn steps(&self) -> u64;

    /// This phase, then `next`, which starts from its own step 0 at `at(steps())`.
    fn then<S: Schedule>(self, next: S) -> Then<Self, S>
    where
        Self: Sized,
    {
        Then { first: self, next }
    }

    /// This phase again and again.
    fn repeated(self) -> Repeat<Self>
    where
        Self: Sized,
    {
        Repeat { phase: self }
    }
}

macro_rules! through_pointer {
    ($pointer:ty) => {
        impl<S: Schedule + ?Sized> Schedule for $pointer {
            fn at(&self, step: u64) -> f64 {
                (**self).at(step)
            }
            fn validate(&self) -> Result<()> {
                (**self).validate()
            }
        }

        impl<S: Phase + ?Sized> Phase for $pointer {
            fn steps(&self) -> u64 {
                (**self).steps()
            }
        }
    };
}
through_pointer!(&S);
through_pointer!(Box<S>);
