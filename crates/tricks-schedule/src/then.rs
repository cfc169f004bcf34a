use crate::{Phase, Schedule};
use tricks_tensor::Result;

/// One phase, then another schedule, made by [`Phase::then`].
///
/// # Formula
/// ```text
/// η(t) = first(t)        t < T, the steps of the first
///        next(t − T)     t ≥ T
/// ```
///
/// # Notes
/// PyTorch's `SequentialLR` and Optax's `join_schedules`. Step `T` belongs to `next`: when the
/// first ends where the next begins, that value is held for one update, not two. The grouping does
/// not matter: `a.then(b).then(c)` and `a.then(b.then(c))` have the same values.
///
/// ```
/// use tricks_schedule::{Constant, Linear, Phase, Schedule, Step};
/// let lr = Linear { from: 0.0, to: 0.8, steps: 4 }
///     .then(Constant { value: 0.8, steps: 6 })
///     .then(Step { from: 0.8, gamma: 0.5, every: 5 });
/// assert_eq!([lr.at(2), lr.at(4), lr.at(14), lr.at(15)], [0.4, 0.8, 0.8, 0.4]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Then<A, B> {
    /// What comes first.
    pub first: A,
    /// What follows, counted from its own step 0.
    pub next: B,
}

impl<A: Phase, B: Schedule> Schedule for Then<A, B> {
    fn at(&self, step: u64) -> f64 {
        match step.checked_sub(self.first.steps()) {
            None => self.first.at(step),
            Some(since) => self.next.at(since),
        }
    }

    fn validate(&self) -> Result<()> {
        self.first.validate()?;
        self.next.validate()
    }
}

impl<A: Phase, B: Phase> Phase for Then<A, B> {
    fn steps(&self) -> u64 {
        self.first.steps().saturating_add(self.next.steps())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cosine, Linear};

    #[test]
    fn the_seam_belongs_to_the_next() {
        let lr =
            Linear { from: 0.0, to: 1.0, steps: 2 }.then(Cosine { from: 5.0, to: 3.0, steps: 2 });
        assert_eq!([0, 1, 2, 3, 4, 5].map(|t| lr.at(t)), [0.0, 0.5, 5.0, 4.0, 3.0, 3.0]);
        assert_eq!(lr.steps(), 4);
    }

    #[test]
    fn both_sides_are_validated() {
        let good = Linear { from: 0.0, to: 1.0, steps: 2 };
        let bad = Cosine { from: 1.0, to: -1.0, steps: 2 };
        assert_eq!(
            good.then(bad).validate().unwrap_err().to_string(),
            "Cosine: to is -1, must be finite and at least 0"
        );
        assert!(bad.then(good).validate().is_err());
        assert!(good.then(good).validate().is_ok());
    }
}
