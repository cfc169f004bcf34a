use crate::initializer::{check, check_finite};
use crate::{Fan, Initializer};
use tricks_tensor::{Float, Noise, Result};

/// The same number everywhere.
///
/// # Formula
/// ```text
/// w ← value
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `value` | | 0 | finite |
///
/// Notes: right for biases (0) and scales (1), wrong for weights. Units of a hidden layer that
/// start equal receive equal gradients and stay equal for ever, so the layer computes one feature.
///
/// ```
/// use tricks_init::{Constant, Fan, Initializer};
/// use tricks_tensor::Noise;
/// let mut scale = [0.0f32; 4];
/// Constant::ones().fill(Fan { fan_in: 1, fan_out: 4 }, &[4], Noise::new(0), &mut scale)?;
/// assert_eq!(scale, [1.0; 4]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Constant {
    /// The number.
    pub value: f64,
}

impl Constant {
    /// All zeros.
    pub const fn zeros() -> Self {
        Self { value: 0.0 }
    }

    /// All ones.
    pub const fn ones() -> Self {
        Self { value: 1.0 }
    }
}

impl<F: Float> Initializer<F> for Constant {
    fn validate(&self, _: Fan, _: &[usize]) -> Result<()> {
        check_finite::<F>("Constant", "value", self.value)
    }

    fn fill(&self, fan: Fan, shape: &[usize], _: Noise, out: &mut [F]) -> Result<()> {
        check("Constant", self, (fan, shape), out)?;
        out.fill(F::of(self.value));
        Ok(())
    }

    fn uses_fan(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals() {
        let fill = |value, shape: &[usize]| {
            let mut out = [7.0f32; 6];
            let result = Constant { value }.fill(
                Fan { fan_in: 3, fan_out: 2 },
                shape,
                Noise::new(0),
                &mut out,
            );
            (result.map_err(|e| e.to_string()), out)
        };
        assert_eq!(fill(0.5, &[2, 3]), (Ok(()), [0.5; 6]));
        let (refused, untouched) = fill(0.5, &[2, 4]);
        assert_eq!(refused, Err("Constant: output has shape [6], parameter [2, 4]".into()));
        assert_eq!(untouched, [7.0; 6]);
        // Finite as an f64, but not as an f32.
        assert!(fill(1e300, &[6]).0.is_err());
        assert!(fill(f64::NAN, &[6]).0.is_err());
        assert!(fill(0.0, &[usize::MAX, 3]).0.is_err());
    }
}
