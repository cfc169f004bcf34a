use crate::{Cosine, Schedule};
use tricks_tensor::Result;

/// Down half a cosine wave and up again, without end.
///
/// # Formula
/// ```text
/// η(t) = η₁ + (η₀ − η₁)(1 + cos(πt/T))/2
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `from` | η₀ | none | ≥ 0 |
/// | `to` | η₁, η_min | none | ≥ 0 |
/// | `steps` | T | none | ≥ 1 |
///
/// # Notes
/// PyTorch's `CosineAnnealingLR`, which rises again after `T_max`. The one that stays at its end,
/// as in Optax, Keras and timm, is [`Cosine`]. The whole wave takes 2T steps.
///
/// # Source
/// Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, equation 5.
///
/// ```
/// use tricks_schedule::{CosineWave, Schedule};
/// let lr = CosineWave { from: 0.5, to: 0.1, steps: 10 };
/// assert_eq!([0, 10, 20, 30].map(|t| lr.at(t)), [0.5, 0.1, 0.5, 0.1]);
/// assert_eq!(lr.at(13), lr.at(7));
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineWave {
    /// The value at the tops.
    pub from: f64,
    /// The value between them.
    pub to: f64,
    /// Steps from a top to the next low.
    pub steps: u64,
}

impl Schedule for CosineWave {
    fn at(&self, step: u64) -> f64 {
        // `max` keeps an unchecked 0 from dividing.
        let steps = self.steps.max(1);
        let (half, within) = (step / steps, step % steps);
        let down = if half % 2 == 0 { within } else { steps - within };
        Cosine { from: self.from, to: self.to, steps }.at(down)
    }

    fn validate(&self) -> Result<()> {
        Cosine { from: self.from, to: self.to, steps: self.steps }.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let lr = CosineWave { from: 9.0, to: 1.0, steps: 6 };
        let curve = [(0, 9.0), (2, 7.0), (3, 5.0), (6, 1.0), (8, 3.0), (9, 5.0), (12, 9.0)];
        for (t, want) in curve {
            assert!((lr.at(t) - want).abs() < 1e-14, "{t}: {}", lr.at(t));
        }
        let long = CosineWave { steps: u64::MAX, ..lr };
        assert_eq!([long.at(0), long.at(u64::MAX)], [9.0, 1.0]);
    }
}
