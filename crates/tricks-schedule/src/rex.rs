use crate::ramp::{along, at_least_one};
use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper};

/// Slowly at first, fast at the end: reflected exponential decay (REX).
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁) (1 − x)/(1/2 + (1 − x)/2)    x = t/T < 1
///        η₁                                          t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0; the paper has 0 |
/// | `steps` | T | none | ≥ 1 |
///
/// # Source
/// Chen, Wolfe and Kyrillidis, *REX: Revisiting Budgeted Training with an Improved Schedule*, 2021,
/// section 3.
///
/// ```
/// use tricks_schedule::{Rex, Schedule};
/// let lr = Rex { from: 0.9, to: 0.0, steps: 100 };
/// assert_eq!([lr.at(0), lr.at(50), lr.at(100)], [0.9, 0.6, 0.0]); // above the straight line
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rex {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
}

impl Schedule for Rex {
    fn at(&self, step: u64) -> f64 {
        along(self.from, self.to, step, self.steps, |x| 2.0 * x / (1.0 + x))
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Rex", "from", self.from)?;
        hyper::non_negative("Rex", "to", self.to)?;
        at_least_one("Rex", "steps", self.steps)
    }
}

impl Phase for Rex {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // 2x/(1 + x) for x = 3/4, 1/2, 1/4 is 6/7, 2/3, 2/5.
        let lr = Rex { from: 106.0, to: 1.0, steps: 4 };
        for (t, want) in [(0, 106.0), (1, 91.0), (2, 71.0), (3, 43.0), (4, 1.0), (5, 1.0)] {
            assert!((lr.at(t) - want).abs() < 1e-12, "{t}: {}", lr.at(t));
            let up = Rex { from: 1.0, to: 106.0, ..lr };
            assert!((up.at(t) - (107.0 - want)).abs() < 1e-12, "{t}: {}", up.at(t));
        }
        assert!(Rex { steps: 0, ..lr }.validate().is_err());
    }
}
