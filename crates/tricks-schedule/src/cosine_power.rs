use crate::ramp::{along, at_least_one};
use crate::{Phase, Schedule};
use std::f64::consts::FRAC_PI_2;
use tricks_tensor::{Result, hyper, math};

/// Half a cosine wave, bent: raised to a power, or on a bent axis of time.
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁) ((1 + cos(π (t/T)^k))/2)^p    t < T
///        η₁                                           t ≥ T
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `steps` | T | none | ≥ 1 |
/// | `power` | p | none | > 0; above 1 falls early |
/// | `k` | k | none | > 0; above 1 falls late |
///
/// # Notes
/// With p = k = 1 it is [`Cosine`](crate::Cosine). Optax' `exponent` is p; timm's `k_decay` is k.
/// Optax applies the power to the wave alone, before the end value is added, and so does this.
///
/// # Source
/// Zhang and Li, *k-decay: A New Method for Learning Rate Schedule*, 2020, for k.
///
/// ```
/// use tricks_schedule::{CosinePower, Schedule};
/// let lr = CosinePower { from: 0.8, to: 0.0, steps: 100, power: 2.0, k: 1.0 };
/// assert_eq!([lr.at(0), lr.at(100)], [0.8, 0.0]);
/// assert!((lr.at(50) - 0.2).abs() < 1e-15); // (1/2)²
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosinePower {
    /// The first value.
    pub from: f64,
    /// The last value.
    pub to: f64,
    /// The step that reaches it.
    pub steps: u64,
    /// The power of the wave.
    pub power: f64,
    /// The power of the time.
    pub k: f64,
}

impl Schedule for CosinePower {
    fn at(&self, step: u64) -> f64 {
        along(self.from, self.to, step, self.steps, |x| {
            // Without a bend, `x` keeps the digits that 1 − (1 − x) loses.
            let left = if self.k == 1.0 { x } else { 1.0 - math::pow(1.0 - x, self.k) };
            let s = math::sin(FRAC_PI_2 * left);
            math::pow(s * s, self.power)
        })
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("CosinePower", "from", self.from)?;
        hyper::non_negative("CosinePower", "to", self.to)?;
        at_least_one("CosinePower", "steps", self.steps)?;
        hyper::positive("CosinePower", "power", self.power)?;
        hyper::positive("CosinePower", "k", self.k)
    }
}

impl Phase for CosinePower {
    fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cosine;

    #[test]
    fn by_hand() {
        let lr = CosinePower { from: 17.0, to: 1.0, steps: 4, power: 2.0, k: 1.0 };
        // At half the time the wave is 1/2, its square 1/4.
        assert!((lr.at(2) - 5.0).abs() < 1e-14);
        assert!((CosinePower { from: 1.0, to: 17.0, ..lr }.at(2) - 13.0).abs() < 1e-14);
        // (1/2)² = 1/4 of the wave: (1 + cos 45°)/2.
        let bent = CosinePower { power: 1.0, k: 2.0, ..lr };
        assert!((bent.at(2) - (1.0 + 8.0 * (1.0 + 0.5_f64.sqrt()))).abs() < 1e-13);
        let plain = CosinePower { power: 1.0, ..lr };
        for t in 0..6 {
            let cosine = Cosine { from: 17.0, to: 1.0, steps: 4 };
            assert_eq!(plain.at(t), cosine.at(t));
        }
    }
}
