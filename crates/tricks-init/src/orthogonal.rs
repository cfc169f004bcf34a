use crate::initializer::{check, check_finite};
use crate::orthonormal::orthonormal_rows;
use crate::{Fan, Initializer, Layout};
use tricks_tensor::{Float, Noise, Result};

/// A random matrix with orthonormal rows or columns: no signal grows or fades in it.
///
/// # Formula
/// ```text
/// W Wᵀ = gain² I   where rows ≤ columns, else   Wᵀ W = gain² I
/// ```
/// The matrix is uniform among all such. A convolution's weight counts as the matrix from all
/// numbers of a patch, `in·Πk`, to the outputs, and is semi-orthogonal.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `gain` | g | 1 | finite |
/// | `layout` | | `OutIn` | that of the fan |
///
/// Memory: a copy in `f64` while it fills. Time: 2·rows²·columns multiplications and additions,
/// rows the smaller extent, on one thread.
///
/// Notes: PyTorch flattens as for [`Layout::OutIn`], Keras as for [`Layout::KernelInOut`]. For
/// activations that keep the norm only on average, `gain` is their [`Gain`](crate::Gain).
///
/// Source: Saxe, McClelland, Ganguli: *Exact Solutions to the Nonlinear Dynamics of Learning in
/// Deep Linear Neural Networks*, ICLR 2014, section 3.1.
///
/// ```
/// use tricks_init::{Fan, Initializer, Layout, Orthogonal};
/// use tricks_tensor::Noise;
/// let shape = [2, 3];
/// let mut w = [0.0f64; 6];
/// let fan = Fan::of(&shape, Layout::OutIn)?;
/// Orthogonal { gain: 2.0, ..Orthogonal::default() }.fill(fan, &shape, Noise::new(1), &mut w)?;
/// let dot = |i: usize, j: usize| (0..3).map(|k| w[3 * i + k] * w[3 * j + k]).sum::<f64>();
/// assert!((dot(0, 0) - 4.0).abs() < 1e-12 && (dot(1, 1) - 4.0).abs() < 1e-12);
/// assert!(dot(0, 1).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    /// Every singular value of the matrix.
    pub gain: f64,
    /// Where the outputs stand.
    pub layout: Layout,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self { gain: 1.0, layout: Layout::OutIn }
    }
}

impl<F: Float> Initializer<F> for Orthogonal {
    /// # Errors
    /// `gain` not finite; fewer than two dimensions; a fan of another layout.
    fn validate(&self, fan: Fan, shape: &[usize]) -> Result<()> {
        check_finite::<F>("Orthogonal", "gain", self.gain)?;
        self.layout.require("Orthogonal", fan, shape)
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("Orthogonal", self, (fan, shape), out)?;
        if out.is_empty() {
            return Ok(());
        }
        let last = shape[shape.len() - 1];
        let (rows, columns) = match self.layout {
            Layout::OutIn => (shape[0], out.len() / shape[0]),
            Layout::InOut | Layout::KernelInOut => (out.len() / last, last),
        };
        if rows <= columns {
            let q = orthonormal_rows(noise, rows, columns);
            for (out, q) in out.iter_mut().zip(q) {
                *out = F::of(self.gain * q);
            }
        } else {
            let q = orthonormal_rows(noise, columns, rows);
            for (i, out) in out.iter_mut().enumerate() {
                *out = F::of(self.gain * q[i % columns * rows + i / columns]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `in·Πk` to outputs, whatever the layout: the outputs' vectors are orthonormal if they fit.
    #[test]
    fn convolutions_are_semi_orthogonal_in_their_layout() {
        for (shape, layout, outputs) in [
            (&[5, 2, 3, 3][..], Layout::OutIn, 5),
            (&[3, 3, 2, 5], Layout::KernelInOut, 5),
            (&[6, 4], Layout::InOut, 4),
        ] {
            let fan = Fan::of(shape, layout).unwrap();
            let len = shape.iter().product();
            let mut w = vec![0.0f64; len];
            let init = Orthogonal { gain: 0.5, layout };
            init.fill(fan, shape, Noise::new(2), &mut w).unwrap();
            let at = |o: usize, i: usize| match layout {
                Layout::OutIn => w[o * (len / outputs) + i],
                _ => w[i * outputs + o],
            };
            for a in 0..outputs {
                for b in 0..outputs {
                    let dot: f64 = (0..len / outputs).map(|i| at(a, i) * at(b, i)).sum();
                    let want = if a == b { 0.25 } else { 0.0 };
                    assert!((dot - want).abs() < 1e-14, "{layout:?}: {a}, {b}: {dot}");
                }
            }
        }
    }

    #[test]
    fn refusals() {
        let fill = |init: Orthogonal, fan, shape: &[usize], len| {
            init.fill(fan, shape, Noise::new(0), &mut vec![0.0f32; len]).map_err(|e| e.to_string())
        };
        let init = Orthogonal::default();
        let fan = Fan { fan_in: 3, fan_out: 2 };
        assert_eq!(fill(init, fan, &[2, 3], 6), Ok(()));
        assert_eq!(
            fill(Orthogonal { layout: Layout::InOut, ..init }, fan, &[2, 3], 6),
            Err("Orthogonal: layout InOut gives shape [2, 3] fans of 2 and 3, not 3 and 2".into()),
        );
        assert_eq!(
            fill(init, fan, &[4], 4),
            Err("Orthogonal: layout OutIn needs at least 2 dimensions, shape [4] has 1".into()),
        );
        assert!(fill(Orthogonal { gain: 1e300, ..init }, fan, &[2, 3], 6).is_err());
        let nothing = Fan { fan_in: 0, fan_out: 2 };
        assert_eq!(fill(init, nothing, &[2, 0], 0), Ok(()));
    }
}
