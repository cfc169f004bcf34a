use crate::initializer::check;
use crate::{Fan, Initializer, Layout};
use tricks_tensor::{Error, Float, Noise, Result};

/// The identity as a convolution: each channel is handed on as it is.
///
/// # Formula
/// ```text
/// W[o, i, t] = 1   where t is the kernel's centre, k/2 rounded down, and o = i in its group; else 0
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `groups` | | 1 | ≥ 1, divides the outputs |
/// | `layout` | | `OutIn` | that of the fan |
///
/// Notes: PyTorch's `dirac_`. With fewer inputs than outputs, the outputs left over are zero. In a
/// grouped convolution the weight's inputs are those of one group, and every group starts anew.
///
/// ```
/// use tricks_init::{Dirac, Fan, Initializer, Layout};
/// use tricks_tensor::Noise;
/// let shape = [2, 2, 3];
/// let mut w = [7.0f32; 12];
/// let fan = Fan::of(&shape, Layout::OutIn)?;
/// Dirac::default().fill(fan, &shape, Noise::new(0), &mut w)?;
/// assert_eq!(w, [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirac {
    /// Groups of the convolution.
    pub groups: usize,
    /// Where outputs, inputs and kernel stand.
    pub layout: Layout,
}

impl Default for Dirac {
    fn default() -> Self {
        Self { groups: 1, layout: Layout::OutIn }
    }
}

impl<F: Float> Initializer<F> for Dirac {
    /// # Errors
    /// Not three to five dimensions; groups that do not divide the outputs; a fan of another
    /// layout.
    fn validate(&self, fan: Fan, shape: &[usize]) -> Result<()> {
        self.layout.require("Dirac", fan, shape)?;
        let (outputs, groups) = (self.layout.convolution("Dirac", shape)?.outputs, self.groups);
        if groups == 0 || !outputs.is_multiple_of(groups) {
            return Err(Error::invalid(
                "Dirac",
                format!("groups is {groups}, must divide the outputs, {outputs}"),
            ));
        }
        Ok(())
    }

    fn fill(&self, fan: Fan, shape: &[usize], _: Noise, out: &mut [F]) -> Result<()> {
        check("Dirac", self, (fan, shape), out)?;
        out.fill(F::zero());
        if out.is_empty() {
            return Ok(());
        }
        let weight = self.layout.convolution("Dirac", shape)?;
        let outputs = weight.outputs / self.groups;
        for group in 0..self.groups {
            for channel in 0..outputs.min(weight.inputs) {
                out[weight.centre(group * outputs + channel, channel)] = F::one();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_hold_the_same_convolution() {
        let (there, back) = ([4, 2, 3], [3, 2, 4]);
        let fill = |shape: &[usize], layout| {
            let mut w = [7.0f64; 24];
            let fan = Fan::of(shape, layout).unwrap();
            Dirac { groups: 2, layout }.fill(fan, shape, Noise::new(0), &mut w).unwrap();
            w
        };
        let (a, b) = (fill(&there, Layout::OutIn), fill(&back, Layout::KernelInOut));
        for (o, i, t) in (0..24).map(|n| (n / 6, n / 3 % 2, n % 3)) {
            let want = f64::from(u8::from(t == 1 && i == o % 2));
            assert_eq!((a[(o * 2 + i) * 3 + t], b[(t * 2 + i) * 4 + o]), (want, want));
        }
    }

    #[test]
    fn refusals() {
        let refused = |groups, shape: &[usize]| {
            let fan = Fan::of(shape, Layout::OutIn).unwrap();
            let init = Dirac { groups, ..Dirac::default() };
            Initializer::<f64>::validate(&init, fan, shape).unwrap_err().to_string()
        };
        assert_eq!(refused(2, &[5, 2, 3]), "Dirac: groups is 2, must divide the outputs, 5");
        assert_eq!(refused(0, &[5, 2, 3]), "Dirac: groups is 0, must divide the outputs, 5");
        assert_eq!(refused(1, &[2, 2]), "Dirac: needs 3 to 5 dimensions, shape [2, 2] has 2");
    }
}
