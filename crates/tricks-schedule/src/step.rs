use crate::Schedule;
use crate::ramp::{at_least_one, geometric};
use tricks_tensor::{Result, hyper};

/// Multiplies the rate by γ every `k` steps.
///
/// # Formula
/// ```text
/// η(t) = η₀ γ^⌊t/k⌋
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `gamma` | γ | none | > 0 |
/// | `every` | k | none | ≥ 1 |
///
/// # Notes
/// PyTorch's `StepLR`, with `every` for its `step_size`. The first change falls on `t = k`. A γ
/// above 1 grows, up to the largest `f64`. Count in epochs with [`Schedule::per_epoch`].
///
/// ```
/// use tricks_schedule::{Schedule, Step};
/// let lr = Step { from: 0.1, gamma: 0.5, every: 10 };
/// assert_eq!([lr.at(9), lr.at(10), lr.at(50)], [0.1, 0.05, 0.1 * 0.03125]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The first value.
    pub from: f64,
    /// The factor of each change.
    pub gamma: f64,
    /// Steps between two changes.
    pub every: u64,
}

impl Schedule for Step {
    fn at(&self, step: u64) -> f64 {
        // `max` keeps an unchecked 0 from dividing.
        geometric(self.from, self.gamma, step / self.every.max(1))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Step", "from", self.from)?;
        hyper::positive("Step", "gamma", self.gamma)?;
        at_least_one("Step", "every", self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let lr = Step { from: 8.0, gamma: 0.25, every: 3 };
        let curve: Vec<_> = (0..8).map(|t| lr.at(t)).collect();
        assert_eq!(curve, [8.0, 8.0, 8.0, 2.0, 2.0, 2.0, 0.5, 0.5]);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let good = Step { from: 0.1, gamma: 0.5, every: 3 };
        let refused = |bad: Step| bad.validate().unwrap_err().to_string();
        assert!(good.validate().is_ok());
        assert_eq!(refused(Step { every: 0, ..good }), "Step: every is 0, must be at least 1");
        for bad in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(refused(Step { from: bad, ..good }).starts_with("Step: from is "));
            assert!(refused(Step { gamma: bad, ..good }).starts_with("Step: gamma is "));
        }
        assert!(refused(Step { gamma: 0.0, ..good }).starts_with("Step: gamma is 0, "));
        // Asked all the same, it answers.
        assert_eq!(Step { every: 0, ..good }.at(1), 0.05);
    }
}
