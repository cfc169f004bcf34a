use crate::Schedule;
use crate::ramp::at_least_one;
use tricks_tensor::{Result, hyper};

/// A straight climb, then a fall as one over the root of the time (Noam).
///
/// # Formula
/// ```text
/// η(t) = η_peak min((t+1)/w, √(w/(t+1)))
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `peak` | η_peak | none | ≥ 0 |
/// | `warmup` | w | none | ≥ 1; 1 is no climb |
///
/// # Notes
/// The paper writes `d^(−1/2) min(s^(−1/2), s w^(−3/2))` for the width `d` of the model, with steps
/// `s = t + 1` counted from 1: that is a peak of `(d w)^(−1/2)`, [`InverseSqrt::noam`]. The first
/// update has `η_peak/w`, not 0; the peak drives update `w`.
///
/// # Source
/// Vaswani and others, *Attention Is All You Need*, 2017, equation 3.
///
/// ```
/// use tricks_schedule::{InverseSqrt, Schedule};
/// let lr = InverseSqrt { peak: 0.8, warmup: 4 };
/// assert_eq!([0, 1, 3, 15, 63].map(|t| lr.at(t)), [0.2, 0.4, 0.8, 0.4, 0.2]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseSqrt {
    /// The highest value.
    pub peak: f64,
    /// Which update has it, counted from 1.
    pub warmup: u64,
}

impl InverseSqrt {
    /// The paper's form: `scale` times `(width · warmup)^(−1/2)` at the peak.
    ///
    /// # Errors
    /// A `scale` that is negative or not finite; a `width` or a `warmup` of 0.
    pub fn noam(scale: f64, width: u64, warmup: u64) -> Result<Self> {
        hyper::non_negative("InverseSqrt", "scale", scale)?;
        at_least_one("InverseSqrt", "width", width)?;
        at_least_one("InverseSqrt", "warmup", warmup)?;
        Ok(Self { peak: scale / (width as f64 * warmup as f64).sqrt(), warmup })
    }
}

impl Schedule for InverseSqrt {
    fn at(&self, step: u64) -> f64 {
        let (s, w) = (step as f64 + 1.0, self.warmup.max(1) as f64);
        self.peak * if s <= w { s / w } else { (w / s).sqrt() }
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("InverseSqrt", "peak", self.peak)?;
        at_least_one("InverseSqrt", "warmup", self.warmup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_numbers() {
        // d = 512, w = 4000: the base model peaks at 7.0e-4.
        let lr = InverseSqrt::noam(1.0, 512, 4000).unwrap();
        assert!((lr.at(3999) - 6.987_712_429_686_843e-4).abs() < 1e-18);
        let first = 1.0 / 512f64.sqrt() / (4000.0 * 4000f64.sqrt());
        assert!((lr.at(0) - first).abs() < 1e-15 * first);
        assert!((lr.at(15_999) - lr.peak / 2.0).abs() < 1e-18);
    }

    #[test]
    fn without_a_climb() {
        let lr = InverseSqrt { peak: 1.0, warmup: 1 };
        assert_eq!([0, 3, 99].map(|t| lr.at(t)), [1.0, 0.5, 0.1]);
        let zero = InverseSqrt { warmup: 0, ..lr };
        let refused = zero.validate().unwrap_err().to_string();
        assert_eq!(refused, "InverseSqrt: warmup is 0, must be at least 1");
        assert_eq!(zero.at(3), 0.5);
        assert!(InverseSqrt::noam(1.0, 0, 1).is_err() && InverseSqrt::noam(-1.0, 1, 1).is_err());
    }
}
