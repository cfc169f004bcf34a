use crate::ramp::mix;
use crate::{Phase, Schedule};
use std::f64::consts::FRAC_PI_2;
use tricks_tensor::{Result, hyper, math};

/// One climb to a high rate and one long fall: super-convergence.
///
/// # Formula
/// ```text
/// η₀ ─── T₁ ──→ η_peak ─── T₂ ──→ η₀ ─── T₃ ──→ η_last       the middle one only with `back`
/// between two ends a and b, at the share x of the way:
///   Linear   a + (b − a) x
///   Cosine   a + (b − a)(1 − cos πx)/2
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | peak/25 | ≥ 0 |
/// | `peak` | η_peak | none | ≥ 0 |
/// | `to` | η_last | η₀/10⁴ | ≥ 0 |
/// | `top` | T₁ | | at least 0 |
/// | `back` | T₁ + T₂ | | `None`, or at least `top` |
/// | `end` | T₁ + T₂ + T₃ | | above 0, at least `back` or `top` |
/// | `anneal` | | | |
///
/// # Notes
/// The ends are times, not counts: PyTorch's fall between two steps. Its `OneCycleLR` of N steps
/// has its top at `pct_start·N − 1` and its end at `N − 1`, and with `three_phase` is back at
/// `2·pct_start·N − 2`. Optax' have their top at `⌊pct_start·N⌋` and their end at N; the linear one
/// is back at `⌊pct_final·N⌋`. [`OneCycle::torch`], [`OneCycle::optax_linear`] and
/// [`OneCycle::optax_cosine`] say it all. After the end it stays, where PyTorch raises an error.
///
/// A momentum that goes the opposite way is the same with other values: 0.95, 0.85, 0.95 for
/// `from`, `peak`, `to`.
///
/// # Source
/// Smith and Topin, *Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
/// Rates*, 2018, section 3; Smith, *A disciplined approach to neural network hyper-parameters*,
/// 2018.
///
/// ```
/// use tricks_schedule::{OneCycle, Schedule};
/// let lr = OneCycle::torch(0.1, 100, 0.3);
/// assert_eq!([lr.at(0), lr.at(29), lr.at(99)], [0.1 / 25.0, 0.1, 0.1 / 25.0 / 1e4]);
/// let momentum = OneCycle { from: 0.95, peak: 0.85, to: 0.95, ..lr };
/// assert_eq!([momentum.at(0), momentum.at(29), momentum.at(99)], [0.95, 0.85, 0.95]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    /// The first value.
    pub from: f64,
    /// The highest value.
    pub peak: f64,
    /// The last value.
    pub to: f64,
    /// When the peak is reached, in steps.
    pub top: f64,
    /// When the first value is reached again, in steps, if it is.
    pub back: Option<f64>,
    /// When the last value is reached, in steps.
    pub end: f64,
    /// The shape of the ways between.
    pub anneal: Anneal,
}

/// How [`OneCycle`] moves from one value to the next.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anneal {
    /// In half a wave.
    #[default]
    Cosine,
    /// In a straight line.
    Linear,
}

impl OneCycle {
    /// `torch.optim.lr_scheduler.OneCycleLR` of so many steps, with a cosine, from peak/25 to a
    /// ten-thousandth of it.
    pub fn torch(peak: f64, total_steps: u64, pct_start: f64) -> Self {
        let n = total_steps as f64;
        let (top, end) = (pct_start * n - 1.0, n - 1.0);
        Self { top, end, ..Self::usual(peak, Anneal::Cosine) }
    }

    /// The same with `three_phase`: back at the first value after twice the climb.
    #[must_use]
    pub fn three_phase(self) -> Self {
        Self { back: Some(2.0 * self.top), ..self }
    }

    /// `optax.linear_onecycle_schedule`; its defaults are 0.3 and 0.85.
    pub fn optax_linear(peak: f64, steps: u64, pct_start: f64, pct_final: f64) -> Self {
        let n = steps as f64;
        let (top, back) = ((pct_start * n).floor(), Some((pct_final * n).floor()));
        Self { top, back, end: n, ..Self::usual(peak, Anneal::Linear) }
    }

    /// `optax.cosine_onecycle_schedule`; its default is 0.3.
    pub fn optax_cosine(peak: f64, steps: u64, pct_start: f64) -> Self {
        let n = steps as f64;
        Self { top: (pct_start * n).floor(), end: n, ..Self::usual(peak, Anneal::Cosine) }
    }

    fn usual(peak: f64, anneal: Anneal) -> Self {
        let from = peak / 25.0;
        Self { from, peak, to: from / 1e4, top: 0.0, back: None, end: 0.0, anneal }
    }

    /// From `a` at the time `start` to `b` at `end`; `t` is between them.
    fn between(&self, (start, a): (f64, f64), (end, b): (f64, f64), t: f64) -> f64 {
        // Counted from the lower value, so that a fall to 0 keeps its digits.
        let (low, high, way) = if a > b { (b, a, end - t) } else { (a, b, t - start) };
        let x = way / (end - start);
        let weight = match self.anneal {
            Anneal::Linear => x,
            Anneal::Cosine => {
                let s = math::sin(FRAC_PI_2 * x);
                s * s
            }
        };
        mix(low, high, weight)
    }
}

impl Schedule for OneCycle {
    fn at(&self, step: u64) -> f64 {
        let t = step as f64;
        let (first, top) = ((0.0, self.from), (self.top, self.peak));
        let last = (self.end, self.to);
        let back = self.back.map(|back| (back, self.from));
        // A way of no length is never taken.
        if t >= self.end {
            self.to
        } else if t < self.top {
            self.between(first, top, t)
        } else {
            match back {
                None => self.between(top, last, t),
                Some(back) if t < back.0 => self.between(top, back, t),
                Some(back) => self.between(back, last, t),
            }
        }
    }

    fn validate(&self) -> Result<()> {
        const NAME: &str = "OneCycle";
        hyper::non_negative(NAME, "from", self.from)?;
        hyper::non_negative(NAME, "peak", self.peak)?;
        hyper::non_negative(NAME, "to", self.to)?;
        hyper::non_negative(NAME, "top", self.top)?;
        let mut before = self.top;
        if let Some(back) = self.back {
            hyper::require(NAME, "back", back, back >= before, "at least top")?;
            before = back;
        }
        let ok = self.end > 0.0 && self.end >= before && self.end.is_finite();
        hyper::require(NAME, "end", self.end, ok, "finite, above 0 and not before what comes first")
    }
}

impl Phase for OneCycle {
    /// The first step at the last value.
    fn steps(&self) -> u64 {
        self.end.ceil() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LR: OneCycle = OneCycle {
        from: 2.0,
        peak: 6.0,
        to: 0.0,
        top: 4.0,
        back: None,
        end: 10.0,
        anneal: Anneal::Linear,
    };

    #[test]
    fn by_hand() {
        let curve = [2.0, 3.0, 4.0, 5.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0];
        let at = |lr: OneCycle| (0..12).map(|t| lr.at(t)).collect::<Vec<_>>();
        assert_eq!(at(LR), curve);
        // Back at 2 after 8 steps, and 2 steps to the end.
        assert_eq!(at(LR.three_phase()), [2., 3., 4., 5., 6., 5., 4., 3., 2., 1., 0., 0.]);
        assert_eq!(LR.three_phase().back, Some(8.0));
        let cosine = OneCycle { anneal: Anneal::Cosine, ..LR };
        for (t, want) in [(0, 2.0), (2, 4.0), (4, 6.0), (7, 3.0), (10, 0.0)] {
            assert!((cosine.at(t) - want).abs() < 1e-14, "{t}: {} {want}", cosine.at(t));
        }
        assert_eq!((LR.steps(), OneCycle { end: 9.5, ..LR }.steps()), (10, 10));
    }

    #[test]
    fn a_top_between_two_steps() {
        let lr = OneCycle { top: 1.5, back: Some(3.0), end: 4.0, ..LR };
        let third = 4.0 / 1.5;
        for (t, want) in [(0, 2.0), (1, 2.0 + third), (2, 2.0 + third), (3, 2.0), (4, 0.0)] {
            assert!((lr.at(t) - want).abs() < 1e-14, "{t}: {} {want}", lr.at(t));
        }
    }

    #[test]
    fn ways_of_no_length() {
        let lr = OneCycle { top: 0.0, back: Some(0.0), end: 2.0, ..LR };
        assert_eq!([0, 1, 2].map(|t| lr.at(t)), [2.0, 1.0, 0.0]);
        let lr = OneCycle { top: 2.0, back: None, end: 2.0, ..LR };
        assert_eq!([0, 1, 2].map(|t| lr.at(t)), [2.0, 4.0, 0.0]);
        assert!(lr.validate().is_ok());
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let refused = |bad: OneCycle| bad.validate().unwrap_err().to_string();
        assert!(LR.validate().is_ok() && LR.three_phase().validate().is_ok());
        for bad in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(refused(OneCycle { from: bad, ..LR }).starts_with("OneCycle: from is "));
            assert!(refused(OneCycle { peak: bad, ..LR }).starts_with("OneCycle: peak is "));
            assert!(refused(OneCycle { to: bad, ..LR }).starts_with("OneCycle: to is "));
            assert!(refused(OneCycle { top: bad, ..LR }).starts_with("OneCycle: top is "));
            assert!(refused(OneCycle { end: bad, ..LR }).starts_with("OneCycle: end is "));
        }
        assert_eq!(
            refused(OneCycle { back: Some(3.0), ..LR }),
            "OneCycle: back is 3, must be at least top"
        );
        // A climb that ends before it begins.
        assert!(refused(OneCycle::torch(0.1, 10, 0.05)).starts_with("OneCycle: top is -0.5"));
        assert!(OneCycle::torch(0.1, 0, 0.3).at(5).is_finite());
    }
}
