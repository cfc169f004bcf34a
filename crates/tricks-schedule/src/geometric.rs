use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper, math};

/// From one value to another by the same factor at every step.
///
/// # Formula
/// ```text
/// η(t) = η₀ (η₁/η₀)^(t/T)    t < T
///        η₁                  t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | > 0 |
/// | `to` | η₁ | none | > 0 |
/// | `steps` | T | none | any; 0 is at `to` at once |
///
/// # Notes
/// A straight line on a logarithmic scale: the sweep of a learning-rate range test, and with
/// [`warmup_geometric`](Schedule::warmup_geometric) an exponential warmup.
/// [`Exponential`](crate::Exponential) is the one that never ends.
///
/// ```
/// use tricks_schedule::{Geometric, Schedule};
/// let lr = Geometric { from: 1e-4, to: 1.0, steps: 4 };
/// assert_eq!([lr.at(0), lr.at(4), lr.at(5)], [1e-4, 1.0, 1.0]);
/// assert!((lr.at(1) - 1e-3).abs() < 1e-17);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometric {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
}

impl Schedule for Geometric {
    fn at(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.to;
        }
        if step == 0 {
            return self.from;
        }
        let way = |n: u64| n as f64 / self.steps as f64;
        // Neither factor overflows, though the ratio of the ends may.
        let value = math::pow(self.from, way(self.steps - step)) * math::pow(self.to, way(step));
        value.max(self.from.min(self.to)).min(self.from.max(self.to))
    }

    fn validate(&self) -> Result<()> {
        hyper::positive("Geometric", "from", self.from)?;
        hyper::positive("Geometric", "to", self.to)
    }
}

impl Phase for Geometric {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let up = Geometric { from: 1.0, to: 16.0, steps: 4 };
        let down = Geometric { from: 16.0, to: 1.0, steps: 4 };
        for (t, want) in [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (9, 16.0)] {
            assert!((up.at(t) - want).abs() <= 1e-14 * want);
            assert!((down.at(t) - 16.0 / want).abs() <= 1e-14 * 16.0 / want);
        }
        let wide = Geometric { from: 1e-300, to: 1e300, steps: 2 };
        assert!((wide.at(1) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_grows_from_zero() {
        let bad = Geometric { from: 0.0, to: 1.0, steps: 4 };
        assert_eq!(
            bad.validate().unwrap_err().to_string(),
            "Geometric: from is 0, must be finite and above 0"
        );
    }
}
