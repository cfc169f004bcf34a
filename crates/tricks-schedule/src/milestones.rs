use crate::Schedule;
use crate::ramp::geometric;
use tricks_tensor::{Result, hyper};

/// Multiplies the rate by γ at chosen steps (interval decay).
///
/// # Formula
/// ```text
/// η(t) = η₀ γ^(number of milestones ≤ t)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `gamma` | γ | none | > 0 |
/// | `milestones` | | none | any, in any order; none is a constant |
///
/// `milestones` is an array, a `Vec<u64>` or a `&[u64]`; with an array or a slice the schedule is
/// `Copy`.
///
/// # Notes
/// PyTorch's `MultiStepLR`: the change falls *on* the milestone, and a milestone named twice counts
/// twice. Keras' `PiecewiseConstantDecay` changes one step later.
///
/// ```
/// use tricks_schedule::{Milestones, Schedule};
/// let lr = Milestones { from: 1.0, gamma: 0.5, milestones: [10, 50, 200] };
/// assert_eq!([lr.at(9), lr.at(10), lr.at(50), lr.at(200)], [1.0, 0.5, 0.25, 0.125]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Milestones<M> {
    /// The first value.
    pub from: f64,
    /// The factor of each change.
    pub gamma: f64,
    /// The steps at which it changes.
    pub milestones: M,
}

impl<M: AsRef<[u64]>> Schedule for Milestones<M> {
    fn at(&self, step: u64) -> f64 {
        let passed = self.milestones.as_ref().iter().filter(|&&m| m <= step).count();
        geometric(self.from, self.gamma, passed as u64)
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Milestones", "from", self.from)?;
        hyper::positive("Milestones", "gamma", self.gamma)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_twice_counts_twice() {
        let sorted = Milestones { from: 8.0, gamma: 0.5, milestones: [2, 4, 4] };
        let mixed = Milestones { from: 8.0, gamma: 0.5, milestones: vec![4, 2, 4] };
        let curve = |s: &dyn Schedule| [0, 1, 2, 3, 4, 5, u64::MAX].map(|t| s.at(t));
        assert_eq!(curve(&sorted), [8.0, 8.0, 4.0, 4.0, 1.0, 1.0, 1.0]);
        assert_eq!(curve(&mixed), curve(&sorted));
        assert_eq!(curve(&Milestones { from: 8.0, gamma: 0.5, milestones: [0; 0] }), [8.0; 7]);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let good = Milestones { from: 0.1, gamma: 0.5, milestones: [5, 3] };
        assert!(good.validate().is_ok());
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            let from = Milestones { from: bad, ..good }.validate().unwrap_err().to_string();
            let gamma = Milestones { gamma: bad, ..good }.validate().unwrap_err().to_string();
            assert!(from.starts_with("Milestones: from is "), "{from}");
            assert!(gamma.starts_with("Milestones: gamma is "), "{gamma}");
        }
    }
}
