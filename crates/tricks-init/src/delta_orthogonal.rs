use crate::initializer::{check, check_finite};
use crate::orthonormal::orthonormal_rows;
use crate::{Fan, Initializer, Layout};
use tricks_tensor::{Error, Float, Noise, Result};

/// A convolution that is an orthogonal matrix at the kernel's centre and zero around it.
///
/// # Formula
/// ```text
/// W[·, ·, c] = gain · Q,  QᵀQ = I        c = k/2 in each dimension, rounded down
/// W[·, ·, t] = 0,  t ≠ c
/// ```
/// `Q` has a row for each output and is uniform among all such. Under circular padding every image
/// keeps its norm, times the gain: nets of thousands of convolutions train from here.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `gain` | g | 1 | finite |
/// | `layout` | | `OutIn` | that of the fan |
///
/// Notes: as in JAX, there must be at least as many outputs as inputs: with fewer some signal is
/// lost. A kernel of even extents has its centre behind the middle.
///
/// Source: Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington: *Dynamical Isometry and a Mean
/// Field Theory of CNNs*, ICML 2018, algorithm 2.
///
/// ```
/// use tricks_init::{DeltaOrthogonal, Fan, Initializer, Layout};
/// use tricks_tensor::Noise;
/// let shape = [1, 1, 3];
/// let mut w = [7.0f32; 3];
/// let fan = Fan::of(&shape, Layout::OutIn)?;
/// DeltaOrthogonal::default().fill(fan, &shape, Noise::new(1), &mut w)?;
/// assert_eq!(w.map(f32::abs), [0.0, 1.0, 0.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeltaOrthogonal {
    /// Every singular value of the matrix at the centre.
    pub gain: f64,
    /// Where outputs, inputs and kernel stand.
    pub layout: Layout,
}

impl Default for DeltaOrthogonal {
    fn default() -> Self {
        Self { gain: 1.0, layout: Layout::OutIn }
    }
}

impl<F: Float> Initializer<F> for DeltaOrthogonal {
    /// # Errors
    /// `gain` not finite; not three to five dimensions; fewer outputs than inputs; a fan of another
    /// layout.
    fn validate(&self, fan: Fan, shape: &[usize]) -> Result<()> {
        check_finite::<F>("DeltaOrthogonal", "gain", self.gain)?;
        self.layout.require("DeltaOrthogonal", fan, shape)?;
        let weight = self.layout.convolution("DeltaOrthogonal", shape)?;
        if weight.outputs < weight.inputs {
            let (outputs, inputs) = (weight.outputs, weight.inputs);
            return Err(Error::invalid(
                "DeltaOrthogonal",
                format!("{outputs} outputs for {inputs} inputs, must be at least as many"),
            ));
        }
        Ok(())
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("DeltaOrthogonal", self, (fan, shape), out)?;
        out.fill(F::zero());
        if out.is_empty() {
            return Ok(());
        }
        let weight = self.layout.convolution("DeltaOrthogonal", shape)?;
        let q = orthonormal_rows(noise, weight.inputs, weight.outputs);
        for (input, row) in q.chunks_exact(weight.outputs).enumerate() {
            for (output, q) in row.iter().enumerate() {
                out[weight.centre(output, input)] = F::of(self.gain * q);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_orthogonal_and_the_rest_is_zero() {
        for (shape, layout) in [([4, 3, 3, 2], Layout::OutIn), ([3, 2, 3, 4], Layout::KernelInOut)]
        {
            let fan = Fan::of(&shape, layout).unwrap();
            let mut w = [7.0f64; 72];
            let init = DeltaOrthogonal { gain: 2.0, layout };
            init.fill(fan, &shape, Noise::new(4), &mut w).unwrap();
            assert_eq!(w.iter().filter(|w| **w != 0.0).count(), 12);
            let at = |o: usize, i: usize| match layout {
                Layout::OutIn => w[((o * 3 + i) * 3 + 1) * 2 + 1],
                _ => w[((2 + 1) * 3 + i) * 4 + o],
            };
            for a in 0..3 {
                for b in 0..3 {
                    let dot: f64 = (0..4).map(|o| at(o, a) * at(o, b)).sum();
                    let want = if a == b { 4.0 } else { 0.0 };
                    assert!((dot - want).abs() < 1e-13, "{layout:?}: {a}, {b}: {dot}");
                }
            }
        }
    }

    #[test]
    fn refusals() {
        let fill = |shape: &[usize], len| {
            let fan = Fan::of(shape, Layout::OutIn).unwrap();
            DeltaOrthogonal::default()
                .fill(fan, shape, Noise::new(0), &mut vec![0.0f64; len])
                .map_err(|e| e.to_string())
        };
        assert_eq!(fill(&[0, 0, 3], 0), Ok(()));
        assert_eq!(
            fill(&[2, 3, 1], 6),
            Err("DeltaOrthogonal: 2 outputs for 3 inputs, must be at least as many".into()),
        );
        assert_eq!(
            fill(&[3, 2], 6),
            Err("DeltaOrthogonal: needs 3 to 5 dimensions, shape [3, 2] has 2".into()),
        );
    }
}
