use crate::ramp::at_least_one;
use crate::{Cosine, KDecay, Linear, Phase, Schedule};
use tricks_tensor::{Result, hyper};

/// A climb, a long level stretch, a short fall: warmup–stable–decay.
///
/// # Formula
/// ```text
/// η_from ── W, a line ──→ η_peak ── S, level ── C, `shape` ──→ η_to
/// at the share x of the fall, what is left of η_peak − η_to:
///   Linear        1 − x
///   Cosine        (1 + cos πx)/2
///   OneMinusSqrt  1 − √x
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η_from | none | ≥ 0 |
/// | `peak` | η_peak | none | ≥ 0 |
/// | `to` | η_to | none | ≥ 0 |
/// | `warmup` | W | none | any; 0 is none |
/// | `stable` | S | none | any; 0 is none |
/// | `cooldown` | C | none | ≥ 1 |
/// | `shape` | | `Linear` | |
///
/// # Notes
/// The level stretch can be made longer while a run is under way: what was trained stays as it is,
/// which no schedule that falls all the time allows. The rate falls from `peak` already at the
/// first step of the cooldown; `to` is reached at step W + S + C.
///
/// # Source
/// Hu and others, *MiniCPM*, 2024, section 4; Hägele and others, *Scaling Laws and Compute-Optimal
/// Training Beyond Fixed Training Durations*, 2024, section 4.1, for 1 − √x.
///
/// ```
/// use tricks_schedule::{Cooldown, Schedule, Wsd};
/// let lr = Wsd {
///     from: 0.0, peak: 0.8, to: 0.0, warmup: 4, stable: 10, cooldown: 4, shape: Cooldown::OneMinusSqrt,
/// };
/// assert_eq!([0, 2, 4, 14, 15, 18].map(|t| lr.at(t)), [0.0, 0.4, 0.8, 0.8, 0.4, 0.0]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wsd {
    /// The first value.
    pub from: f64,
    /// The value of the level stretch.
    pub peak: f64,
    /// The last value.
    pub to: f64,
    /// Steps of the climb.
    pub warmup: u64,
    /// Steps of the level stretch.
    pub stable: u64,
    /// Steps of the fall.
    pub cooldown: u64,
    /// How it falls.
    pub shape: Cooldown,
}

/// How [`Wsd`] falls.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cooldown {
    /// In a straight line.
    #[default]
    Linear,
    /// In half a wave.
    Cosine,
    /// As one minus the root of the time.
    OneMinusSqrt,
}

impl Schedule for Wsd {
    fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return Linear { from: self.from, to: self.peak, steps: self.warmup }.at(step);
        }
        let Some(step) = step.checked_sub(self.warmup.saturating_add(self.stable)) else {
            return self.peak;
        };
        let (from, to, steps) = (self.peak, self.to, self.cooldown);
        match self.shape {
            Cooldown::Linear => Linear { from, to, steps }.at(step),
            Cooldown::Cosine => Cosine { from, to, steps }.at(step),
            Cooldown::OneMinusSqrt => KDecay { from, to, steps, power: 1.0, k: 0.5 }.at(step),
        }
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("Wsd", "from", self.from)?;
        hyper::non_negative("Wsd", "peak", self.peak)?;
        hyper::non_negative("Wsd", "to", self.to)?;
        at_least_one("Wsd", "cooldown", self.cooldown)
    }
}

impl Phase for Wsd {
    fn steps(&self) -> u64 {
        self.warmup.saturating_add(self.stable).saturating_add(self.cooldown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let lr = Wsd {
            from: 1.0,
            peak: 9.0,
            to: 1.0,
            warmup: 2,
            stable: 3,
            cooldown: 4,
            shape: Cooldown::Linear,
        };
        let curve = |lr: Wsd| [0, 1, 2, 4, 5, 6, 7, 9, 10].map(|t| lr.at(t));
        assert_eq!(curve(lr), [1.0, 5.0, 9.0, 9.0, 9.0, 7.0, 5.0, 1.0, 1.0]);
        let root = Wsd { shape: Cooldown::OneMinusSqrt, ..lr };
        assert_eq!(curve(root)[..6], [1.0, 5.0, 9.0, 9.0, 9.0, 5.0]);
        let cosine = Wsd { shape: Cooldown::Cosine, ..lr };
        assert!((cosine.at(7) - 5.0).abs() < 1e-14);
        assert_eq!(lr.steps(), 9);
        let none = Wsd { warmup: 0, stable: 0, ..lr };
        assert_eq!([none.at(0), none.at(4)], [9.0, 1.0]);
        assert!(Wsd { cooldown: 0, ..lr }.validate().is_err());
    }

    #[test]
    fn total_for_every_step() {
        let shape = Cooldown::Linear;
        let (from, peak, to) = (0.0, 1.0, 0.5);
        let lr = Wsd { from, peak, to, warmup: u64::MAX, stable: u64::MAX, cooldown: 7, shape };
        assert_eq!([lr.at(0), lr.at(u64::MAX)], [0.0, 1.0]);
    }
}
