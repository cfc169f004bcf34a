use crate::ramp::{along, at_least_one};
use crate::{Phase, Schedule};
use tricks_tensor::{Result, hyper, math};

/// A polynomial decay on a bent axis of time.
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁)(1 − (t/T)^k)^p    t < T
///        η₁                               t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `steps` | T | none | ≥ 1 |
/// | `power` | p, the paper's N | none | > 0 |
/// | `k` | k | none | > 0; above 1 falls late |
///
/// # Notes
/// With k = 1 it is [`Polynomial`](crate::Polynomial); with k = 1/2 and p = 1 it is the 1 − √x of
/// [`Wsd`](crate::Wsd). timm's `k_decay` of a cosine is [`CosinePower`](crate::CosinePower)'s `k`.
///
/// # Source
/// Zhang and Li, *k-decay: A New Method for Learning Rate Schedule*, 2020.
///
/// ```
/// use tricks_schedule::{KDecay, Schedule};
/// let lr = KDecay { from: 1.0, to: 0.0, steps: 4, power: 1.0, k: 2.0 };
/// assert_eq!([0, 1, 2, 3, 4].map(|t| lr.at(t)), [1.0, 0.9375, 0.75, 0.4375, 0.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KDecay {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
    /// The power of what is left.
    pub power: f64,
    /// The power of the time.
    pub k: f64,
}

impl Schedule for KDecay {
    fn at(&self, step: u64) -> f64 {
        along(self.from, self.to, step, self.steps, |x| {
            math::pow(1.0 - math::pow(1.0 - x, self.k), self.power)
        })
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("KDecay", "from", self.from)?;
        hyper::non_negative("KDecay", "to", self.to)?;
        at_least_one("KDecay", "steps", self.steps)?;
        hyper::positive("KDecay", "power", self.power)?;
        hyper::positive("KDecay", "k", self.k)
    }
}

impl Phase for KDecay {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // (1 − (1/2)²)² = 9/16.
        let lr = KDecay { from: 17.0, to: 1.0, steps: 4, power: 2.0, k: 2.0 };
        assert_eq!([0, 2, 4, 5].map(|t| lr.at(t)), [17.0, 10.0, 1.0, 1.0]);
        let up = KDecay { from: 1.0, to: 17.0, ..lr };
        assert_eq!([0, 2, 4, 5].map(|t| up.at(t)), [1.0, 8.0, 17.0, 17.0]);
        assert!(KDecay { k: 0.0, ..lr }.validate().is_err());
        assert!(KDecay { power: 0.0, ..lr }.validate().is_err());
    }
}
