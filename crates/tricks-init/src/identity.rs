use crate::initializer::{check, check_finite};
use crate::{Fan, Initializer};
use tricks_tensor::{Error, Float, Noise, Result};

/// The identity matrix: a dense layer that hands its inputs on.
///
/// # Formula
/// ```text
/// W[i, j] = gain · [i = j]
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `gain` | g | 1 | finite |
///
/// Notes: PyTorch's `eye_`. A matrix that is not square hands on as many inputs as it can, and
/// gives zeros for what is left. The same for every layout.
///
/// Source: Le, Jaitly, Hinton: *A Simple Way to Initialize Recurrent Networks of Rectified Linear
/// Units*, 2015, section 4.
///
/// ```
/// use tricks_init::{Fan, Identity, Initializer};
/// use tricks_tensor::Noise;
/// let mut w = [7.0f32; 6];
/// let fan = Fan { fan_in: 3, fan_out: 2 };
/// Identity::default().fill(fan, &[2, 3], Noise::new(0), &mut w)?;
/// assert_eq!(w, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identity {
    /// The numbers on the diagonal.
    pub gain: f64,
}

impl Default for Identity {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl<F: Float> Initializer<F> for Identity {
    /// # Errors
    /// `gain` not finite; not two dimensions.
    fn validate(&self, _: Fan, shape: &[usize]) -> Result<()> {
        check_finite::<F>("Identity", "gain", self.gain)?;
        require_matrix("Identity", shape)
    }

    fn fill(&self, fan: Fan, shape: &[usize], _: Noise, out: &mut [F]) -> Result<()> {
        check("Identity", self, (fan, shape), out)?;
        out.fill(F::zero());
        for (i, row) in out.chunks_exact_mut(shape[1].max(1)).enumerate() {
            if let Some(x) = row.get_mut(i) {
                *x = F::of(self.gain);
            }
        }
        Ok(())
    }

    fn uses_fan(&self) -> bool {
        false
    }
}

pub(crate) fn require_matrix(owner: &'static str, shape: &[usize]) -> Result<()> {
    if shape.len() == 2 {
        return Ok(());
    }
    let found = shape.len();
    Err(Error::invalid(owner, format!("needs 2 dimensions, shape {shape:?} has {found}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tall_and_empty() {
        let fill = |shape: &[usize], len| {
            let mut w = vec![7.0f64; len];
            let fan = Fan { fan_in: 1, fan_out: 1 };
            let filled = Identity { gain: 0.5 }.fill(fan, shape, Noise::new(0), &mut w);
            filled.map(|()| w).map_err(|e| e.to_string())
        };
        assert_eq!(fill(&[3, 2], 6), Ok(vec![0.5, 0.0, 0.0, 0.5, 0.0, 0.0]));
        assert_eq!(fill(&[3, 0], 0), Ok(vec![]));
        assert_eq!(
            fill(&[2, 2, 2], 8),
            Err("Identity: needs 2 dimensions, shape [2, 2, 2] has 3".into()),
        );
    }
}
