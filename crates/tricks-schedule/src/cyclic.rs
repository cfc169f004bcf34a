use crate::Schedule;
use crate::ramp::{at_least_one, geometric, mix};
use tricks_tensor::{Error, Result, hyper};

/// Up and down in straight lines, again and again.
///
/// # Formula
/// ```text
/// η(t) = η₀ + (η₁ − η₀) a x
/// x: climbs from 0 to 1 in `up` steps and falls back to 0 in `down`
/// a: 1,  2^(−cycles so far),  or γᵗ
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `up`, `down` | | none | ≥ 1 |
/// | `height` | a | none | γ in (0, 1] |
///
/// # Notes
/// PyTorch's `CyclicLR` in its modes `triangular`, `triangular2` and `exp_range`, which begins at
/// the low end: [`Cyclic::torch`]. A momentum that goes the opposite way is one with `from` above
/// `to`.
///
/// # Source
/// Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017, section 3.
///
/// ```
/// use tricks_schedule::{Cyclic, CyclicHeight, Schedule};
/// let lr = Cyclic { from: 0.0, to: 1.0, up: 2, down: 4, height: CyclicHeight::Halved };
/// assert_eq!([0, 1, 2, 4, 6, 8].map(|t| lr.at(t)), [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cyclic {
    /// The value between two cycles.
    pub from: f64,
    /// The value at the first peak.
    pub to: f64,
    /// Steps from the one to the other.
    pub up: u64,
    /// Steps back.
    pub down: u64,
    /// How the cycles change.
    pub height: CyclicHeight,
}

/// How high the peaks of [`Cyclic`] are.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CyclicHeight {
    /// All the same: `triangular`.
    Constant,
    /// Each half as high as the one before: `triangular2`.
    Halved,
    /// Times γ at every step: `exp_range`.
    Exponential(f64),
}

impl Cyclic {
    /// PyTorch's `CyclicLR` without `step_size_down`: as long down as up.
    ///
    /// # Errors
    /// `base_lr` above `max_lr`, and what [`validate`](Schedule::validate) refuses.
    pub fn torch(
        base_lr: f64,
        max_lr: f64,
        step_size_up: u64,
        height: CyclicHeight,
    ) -> Result<Self> {
        let (up, down) = (step_size_up, step_size_up);
        let cyclic = Self { from: base_lr, to: max_lr, up, down, height };
        cyclic.validate()?;
        if base_lr > max_lr {
            let message = format!("base_lr is {base_lr}, must not be above max_lr, {max_lr}");
            return Err(Error::invalid("Cyclic", message));
        }
        Ok(cyclic)
    }
}

impl Schedule for Cyclic {
    fn at(&self, step: u64) -> f64 {
        // `max` keeps unchecked zeros from dividing.
        let (up, down) = (self.up.max(1), self.down.max(1));
        // No cycle is longer than all steps there are.
        let (cycle, within) = match up.checked_add(down) {
            Some(length) => (step / length, step % length),
            None => (0, step),
        };
        let x = match within.checked_sub(up) {
            None => within as f64 / up as f64,
            Some(since) => (down - since) as f64 / down as f64,
        };
        let height = match self.height {
            CyclicHeight::Constant => 1.0,
            CyclicHeight::Halved => geometric(1.0, 0.5, cycle),
            CyclicHeight::Exponential(gamma) => geometric(1.0, gamma, step),
        };
        mix(self.from, self.to, x * height)
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Cyclic", "from", self.from)?;
        hyper::non_negative("Cyclic", "to", self.to)?;
        at_least_one("Cyclic", "up", self.up)?;
        at_least_one("Cyclic", "down", self.down)?;
        match self.height {
            CyclicHeight::Exponential(gamma) => {
                hyper::require("Cyclic", "gamma", gamma, gamma > 0.0 && gamma <= 1.0, "in (0, 1]")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LR: Cyclic =
        Cyclic { from: 1.0, to: 5.0, up: 2, down: 4, height: CyclicHeight::Constant };

    #[test]
    fn by_hand() {
        let curve = [1.0, 3.0, 5.0, 4.0, 3.0, 2.0, 1.0, 3.0];
        assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|t| LR.at(t)), curve);
        let halved = Cyclic { height: CyclicHeight::Halved, ..LR };
        assert_eq!([2, 8, 14].map(|t| halved.at(t)), [5.0, 3.0, 2.0]);
        let fading = Cyclic { height: CyclicHeight::Exponential(0.5), ..LR };
        assert_eq!([0, 1, 2, 6].map(|t| fading.at(t)), [1.0, 2.0, 2.0, 1.0]);
        let momentum = Cyclic { from: 5.0, to: 1.0, ..LR };
        assert_eq!([0, 1, 2, 4].map(|t| momentum.at(t)), [5.0, 3.0, 1.0, 3.0]);
    }

    #[test]
    fn torch_has_its_base_below() {
        let constant = CyclicHeight::Constant;
        let lr = Cyclic::torch(1.0, 5.0, 2, constant).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(|t| lr.at(t)), [1.0, 3.0, 5.0, 3.0, 1.0]);
        assert_eq!(
            Cyclic::torch(0.1, 0.01, 2, constant).unwrap_err().to_string(),
            "Cyclic: base_lr is 0.1, must not be above max_lr, 0.01"
        );
        assert!(Cyclic::torch(0.1, 0.2, 0, constant).is_err());
    }

    #[test]
    fn total_for_every_step() {
        for (up, down) in [(1, 1), (1, u64::MAX), (u64::MAX, 1), (u64::MAX, u64::MAX), (0, 0)] {
            for t in [0, 1, 1 << 53, u64::MAX - 1, u64::MAX] {
                let value = Cyclic { up, down, ..LR }.at(t);
                assert!((1.0..=5.0).contains(&value), "{up} {down} {t}: {value}");
            }
        }
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let refused = |bad: Cyclic| bad.validate().unwrap_err().to_string();
        assert!(LR.validate().is_ok());
        assert_eq!(refused(Cyclic { up: 0, ..LR }), "Cyclic: up is 0, must be at least 1");
        assert_eq!(refused(Cyclic { down: 0, ..LR }), "Cyclic: down is 0, must be at least 1");
        for gamma in [0.0, 1.5, f64::NAN] {
            let bad = Cyclic { height: CyclicHeight::Exponential(gamma), ..LR };
            assert!(refused(bad).starts_with("Cyclic: gamma is "));
        }
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(refused(Cyclic { from: bad, ..LR }).starts_with("Cyclic: from is "));
            assert!(refused(Cyclic { to: bad, ..LR }).starts_with("Cyclic: to is "));
        }
    }
}
