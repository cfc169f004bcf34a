use crate::{Cosine, Linear, Phase, Schedule};
use tricks_tensor::{Error, Result, hyper};

/// Values at chosen steps, and a way between them.
///
/// # Formula
/// ```text
/// η(tᵢ) = ηᵢ            before t₀: η₀        after the last: the last
/// between tᵢ and tᵢ₊₁:  ηᵢ,  a straight line,  or half a cosine wave
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `points` | (tᵢ, ηᵢ) | none | at least one; tᵢ ascending, ηᵢ ≥ 0 |
/// | `between` | | none | |
///
/// # Notes
/// A value changes *on* its step, as in Optax' `piecewise_constant_schedule`; Keras'
/// `PiecewiseConstantDecay` changes one step later: add 1 to its boundaries. Optax names factors of
/// the value before, and this the values themselves.
///
/// ```
/// use tricks_schedule::{Between, Piecewise, Schedule};
/// let lr = Piecewise { points: vec![(0, 0.5), (10, 0.25), (30, 0.125)], between: Between::Hold };
/// assert_eq!([9, 10, 29, 30].map(|t| lr.at(t)), [0.5, 0.25, 0.25, 0.125]);
/// let lr = Piecewise { between: Between::Linear, ..lr };
/// assert_eq!([0, 5, 10, 20, 30, 31].map(|t| lr.at(t)), [0.5, 0.375, 0.25, 0.1875, 0.125, 0.125]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct Piecewise {
    /// Steps, and the values there.
    pub points: Vec<(u64, f64)>,
    /// The way from one to the next.
    pub between: Between,
}

/// How [`Piecewise`] goes from one value to the next.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// It stays, and jumps: piecewise constant.
    Hold,
    /// In a straight line.
    Linear,
    /// In half a wave.
    Cosine,
}

impl Schedule for Piecewise {
    fn at(&self, step: u64) -> f64 {
        let next = self.points.partition_point(|(at, _)| *at <= step);
        let Some(&(start, from)) = self.points.get(next.saturating_sub(1)) else {
            // Unchecked, and without a value.
            return 0.0;
        };
        let Some(&(end, to)) = self.points.get(next).filter(|_| next > 0) else { return from };
        let (step, steps) = (step.saturating_sub(start), end.saturating_sub(start));
        match self.between {
            Between::Hold => from,
            Between::Linear => Linear { from, to, steps }.at(step),
            Between::Cosine => Cosine { from, to, steps }.at(step),
        }
    }

    fn validate(&self) -> Result<()> {
        if self.points.is_empty() {
            return Err(Error::invalid("Piecewise", "there are no points, must be at least 1"));
        }
        for (i, pair) in self.points.windows(2).enumerate() {
            let (before, after) = (pair[0].0, pair[1].0);
            if after <= before {
                return Err(Error::invalid(
                    "Piecewise",
                    format!("point {} is at step {after}, must be after {before}", i + 1),
                ));
            }
        }
        self.points
            .iter()
            .try_for_each(|(_, value)| hyper::non_negative("Piecewise", "value", *value))
    }
}

impl Phase for Piecewise {
    fn steps(&self) -> u64 {
        self.points.last().map_or(0, |(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lr(between: Between) -> Piecewise {
        Piecewise { points: vec![(2, 8.0), (6, 4.0), (8, 6.0)], between }
    }

    #[test]
    fn by_hand() {
        let curve = |s: Piecewise| [0, 2, 3, 4, 6, 7, 8, u64::MAX].map(|t| s.at(t));
        assert_eq!(curve(lr(Between::Hold)), [8.0, 8.0, 8.0, 8.0, 4.0, 4.0, 6.0, 6.0]);
        assert_eq!(curve(lr(Between::Linear)), [8.0, 8.0, 7.0, 6.0, 4.0, 5.0, 6.0, 6.0]);
        let cosine = curve(lr(Between::Cosine));
        assert!((cosine[2] - (6.0 + 2f64.sqrt())).abs() < 1e-14 && (cosine[3] - 6.0).abs() < 1e-14);
        assert_eq!(lr(Between::Hold).steps(), 8);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let of = |points: &[(u64, f64)]| Piecewise { points: points.to_vec(), ..lr(Between::Hold) };
        let refused = |points: &[(u64, f64)]| of(points).validate().unwrap_err().to_string();
        assert!(lr(Between::Linear).validate().is_ok());
        assert_eq!(refused(&[]), "Piecewise: there are no points, must be at least 1");
        assert_eq!(
            refused(&[(0, 1.0), (7, 1.0), (7, 0.5)]),
            "Piecewise: point 2 is at step 7, must be after 7"
        );
        assert_eq!(refused(&[(0, -1.0)]), "Piecewise: value is -1, must be finite and at least 0");
        assert_eq!(of(&[]).at(3), 0.0);
    }
}
