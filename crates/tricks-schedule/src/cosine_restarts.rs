use crate::Schedule;
use crate::ramp::{at_least_one, mix};
use std::f64::consts::FRAC_PI_2;
use tricks_tensor::{Result, hyper, math};

/// Half a cosine wave again and again (SGDR).
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁) mⁿ (1 + cos(π τ/Tₙ))/2
/// Tₙ = T₀ fⁿ     n: restarts so far     τ: steps since the last
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁ | none | ≥ 0 |
/// | `steps` | T₀ | none | ≥ 1 |
/// | `period_factor` | f | none | ≥ 1 |
/// | `peak_factor` | m | none | [0, 1] |
///
/// # Notes
/// PyTorch's `CosineAnnealingWarmRestarts` has a whole f and m = 1. Keras' `CosineDecayRestarts`
/// has both factors, and `to = alpha · from`. With a real f a cycle need not end on a step. The
/// value at a restart is the peak: the end η₁ itself is never used.
///
/// # Source
/// Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, equation 5.
///
/// ```
/// use tricks_schedule::{CosineRestarts, Schedule};
/// let lr =
///     CosineRestarts { from: 1.0, to: 0.0, steps: 10, period_factor: 2.0, peak_factor: 0.5 };
/// assert_eq!([lr.at(0), lr.at(10), lr.at(30)], [1.0, 0.5, 0.25]);
/// assert!((lr.at(5) - 0.5).abs() < 1e-15 && (lr.at(20) - 0.25).abs() < 1e-15);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineRestarts {
    /// The first peak.
    pub from: f64,
    /// What every cycle falls to.
    pub to: f64,
    /// Steps of the first cycle.
    pub steps: u64,
    /// How much longer each cycle is than the one before.
    pub period_factor: f64,
    /// The height of each cycle above `to`, over that of the one before.
    pub peak_factor: f64,
}

impl CosineRestarts {
    /// Restarts so far, and the share of the present cycle that is over, in [0, 1].
    fn cycle(&self, step: u64) -> (f64, f64) {
        let (first, factor, t) = (self.steps.max(1), self.period_factor, step as f64);
        if factor <= 1.0 {
            return ((step / first) as f64, (step % first) as f64 / first as f64);
        }
        let first = first as f64;
        // Where cycle n begins: T₀ (fⁿ − 1)/(f − 1).
        let start = |n: f64| first * ((math::pow(factor, n) - 1.0) / (factor - 1.0));
        let n = math::ln(1.0 + t / first * (factor - 1.0)) / math::ln(factor);
        // The logarithm may round to the wrong side of a restart.
        let near = [n.floor() + 1.0, n.floor()];
        let n = near.into_iter().find(|n| start(*n) <= t).unwrap_or((n.floor() - 1.0).max(0.0));
        let share = (t - start(n)) / (first * math::pow(factor, n));
        (n, if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) })
    }
}

impl Schedule for CosineRestarts {
    fn at(&self, step: u64) -> f64 {
        let (n, share) = self.cycle(step);
        let s = math::sin(FRAC_PI_2 * (1.0 - share));
        let weight = math::pow(self.peak_factor, n) * (s * s);
        mix(self.to, self.from, weight)
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("CosineRestarts", "from", self.from)?;
        hyper::non_negative("CosineRestarts", "to", self.to)?;
        at_least_one("CosineRestarts", "steps", self.steps)?;
        let factor = self.period_factor;
        let ok = factor.is_finite() && factor >= 1.0;
        hyper::require("CosineRestarts", "period_factor", factor, ok, "finite and at least 1")?;
        hyper::probability("CosineRestarts", "peak_factor", self.peak_factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LR: CosineRestarts =
        CosineRestarts { from: 9.0, to: 1.0, steps: 6, period_factor: 1.0, peak_factor: 1.0 };

    #[test]
    fn by_hand() {
        // cos 60° = 1/2, cos 90° = 0.
        for cycle in 0..3 {
            for (t, want) in [(0, 9.0), (2, 7.0), (3, 5.0), (4, 3.0)] {
                let got = LR.at(6 * cycle + t);
                assert!((got - want).abs() < 1e-14, "{got} {want}");
            }
        }
    }

    #[test]
    fn every_restart_is_on_its_step() {
        for factor in [2u64, 3, 10] {
            let lr = CosineRestarts { period_factor: factor as f64, steps: 7, ..LR };
            let (mut start, mut steps) = (0u64, 7u64);
            while start < 1 << 50 {
                assert_eq!(lr.at(start), 9.0, "{factor}: {start}");
                assert!(start == 0 || lr.at(start - 1) < 2.0, "{factor}: {start}");
                start += steps;
                steps *= factor;
            }
        }
    }

    #[test]
    fn peaks_fall() {
        let lr = CosineRestarts { peak_factor: 0.5, ..LR };
        assert_eq!([0, 6, 12, 18].map(|t| lr.at(t)), [9.0, 5.0, 3.0, 2.0]);
        assert_eq!(lr.at(u64::MAX), 1.0);
    }

    #[test]
    fn total_for_every_step() {
        for factor in [1.0, 1.0 + 1e-12, 1.1, 1e300] {
            let lr = CosineRestarts { period_factor: factor, ..LR };
            for t in [0, 1, 5, 6, 7, 1000, 1 << 53, u64::MAX] {
                let value = lr.at(t);
                assert!((1.0..=9.0).contains(&value), "{factor} {t}: {value}");
            }
        }
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let refused = |bad: CosineRestarts| bad.validate().unwrap_err().to_string();
        assert!(LR.validate().is_ok());
        let name = "CosineRestarts";
        let zero = CosineRestarts { steps: 0, ..LR };
        assert_eq!(refused(zero), format!("{name}: steps is 0, must be at least 1"));
        assert_eq!(
            refused(CosineRestarts { period_factor: 0.5, ..LR }),
            format!("{name}: period_factor is 0.5, must be finite and at least 1")
        );
        assert_eq!(
            refused(CosineRestarts { peak_factor: 1.5, ..LR }),
            format!("{name}: peak_factor is 1.5, must be in [0, 1]")
        );
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            let of = |field| format!("{name}: {field} is ");
            assert!(refused(CosineRestarts { from: bad, ..LR }).starts_with(&of("from")));
            assert!(refused(CosineRestarts { to: bad, ..LR }).starts_with(&of("to")));
        }
    }
}
