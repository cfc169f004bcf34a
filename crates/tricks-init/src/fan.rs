use tricks_tensor::{Error, Result};

/// How many numbers flow into one output of a layer, and out of one input.
///
/// # Formula
/// ```text
/// fan_in  = inputs · Πk        k: the kernel's extents, none for a dense layer
/// fan_out = outputs · Πk
/// ```
/// Where the inputs stand in a shape is a matter of convention, so a shape alone has no fan:
/// see [`Layout`].
///
/// ```
/// use tricks_init::{Fan, Layout};
/// // 16 filters over 3 channels, 5 × 5.
/// let fan = Fan::of(&[16, 3, 5, 5], Layout::OutIn)?;
/// assert_eq!(fan, Fan { fan_in: 75, fan_out: 400 });
/// assert_eq!(fan, Fan::of(&[5, 5, 3, 16], Layout::KernelInOut)?);
/// let refused = Fan::of(&[16], Layout::OutIn).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "Fan: layout OutIn needs at least 2 dimensions, shape [16] has 1",
/// );
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fan {
    /// Numbers that flow into one output.
    pub fan_in: usize,
    /// Numbers that one input flows into.
    pub fan_out: usize,
}

/// Where inputs and outputs stand in a weight's shape.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `[out, in, k…]`: this library's layers, and PyTorch's. A grouped convolution has
    /// `in / groups` here, which is what its fan should count.
    OutIn,
    /// `[in, out]`: a dense layer that computes `x·W`.
    InOut,
    /// `[k…, in, out]`: Keras and JAX. Without kernel dimensions it is [`Layout::InOut`].
    KernelInOut,
}

impl Layout {
    /// Inputs, outputs and the kernel's extents.
    fn split<'s>(
        self,
        owner: &'static str,
        shape: &'s [usize],
    ) -> Result<(usize, usize, &'s [usize])> {
        match (self, shape) {
            (Self::OutIn, &[outputs, inputs, ref kernel @ ..]) => Ok((inputs, outputs, kernel)),
            (Self::InOut, &[inputs, outputs]) => Ok((inputs, outputs, &[])),
            (Self::KernelInOut, &[ref kernel @ .., inputs, outputs]) => {
                Ok((inputs, outputs, kernel))
            }
            _ => {
                let needs = if self == Self::InOut { "exactly" } else { "at least" };
                let found = shape.len();
                Err(Error::invalid(
                    owner,
                    format!(
                        "layout {self:?} needs {needs} 2 dimensions, shape {shape:?} has {found}"
                    ),
                ))
            }
        }
    }

    /// Refuses a shape that has other fans in this layout: it was meant in another.
    pub(crate) fn require(self, owner: &'static str, fan: Fan, shape: &[usize]) -> Result<()> {
        self.split(owner, shape)?;
        let own = Fan::of(shape, self)?;
        if fan == own {
            return Ok(());
        }
        let [Fan { fan_in, fan_out }, Fan { fan_in: other_in, fan_out: other_out }] = [own, fan];
        let found = format!("fans of {fan_in} and {fan_out}, not {other_in} and {other_out}");
        Err(Error::invalid(owner, format!("layout {self:?} gives shape {shape:?} {found}")))
    }

    /// A convolution's weight over signals, images or volumes.
    pub(crate) fn convolution<'s>(
        self,
        owner: &'static str,
        shape: &'s [usize],
    ) -> Result<Convolution<'s>> {
        let (inputs, outputs, kernel) = self.split(owner, shape)?;
        if !(1..=3).contains(&kernel.len()) {
            let found = shape.len();
            return Err(Error::invalid(
                owner,
                format!("needs 3 to 5 dimensions, shape {shape:?} has {found}"),
            ));
        }
        Ok(Convolution { inputs, outputs, kernel, layout: self })
    }
}

/// The weight of a convolution.
pub(crate) struct Convolution<'s> {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    kernel: &'s [usize],
    layout: Layout,
}

impl Convolution<'_> {
    /// Where the number at the kernel's centre stands, from an input to an output.
    pub(crate) fn centre(&self, output: usize, input: usize) -> usize {
        let centre = self.kernel.iter().fold(0, |at, k| at * k + k / 2);
        match self.layout {
            Layout::OutIn => {
                (output * self.inputs + input) * self.kernel.iter().product::<usize>() + centre
            }
            Layout::InOut | Layout::KernelInOut => {
                (centre * self.inputs + input) * self.outputs + output
            }
        }
    }
}

/// Which fan sets the variance.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FanMode {
    /// `fan_in`: keeps the variance of activations.
    In,
    /// `fan_out`: keeps the variance of gradients.
    Out,
    /// `(fan_in + fan_out) / 2`: between the two.
    Avg,
}

impl Fan {
    /// The fans of a weight.
    ///
    /// # Errors
    /// Fewer than two dimensions; more than two for [`Layout::InOut`]; a fan beyond `usize`.
    pub fn of(shape: &[usize], layout: Layout) -> Result<Self> {
        let (inputs, outputs, kernel) = layout.split("Fan", shape)?;
        let times_kernel = |fan: usize| {
            kernel.iter().try_fold(fan, |fan, &k| fan.checked_mul(k)).ok_or_else(|| {
                Error::invalid("Fan", format!("shape {shape:?} has a fan above {}", usize::MAX))
            })
        };
        Ok(Self { fan_in: times_kernel(inputs)?, fan_out: times_kernel(outputs)? })
    }

    /// The number a mode picks.
    pub fn by(self, mode: FanMode) -> f64 {
        let (fan_in, fan_out) = (self.fan_in as f64, self.fan_out as f64);
        match mode {
            FanMode::In => fan_in,
            FanMode::Out => fan_out,
            FanMode::Avg => (fan_in + fan_out) / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_convolution() {
        let fan = |shape: &[usize], layout| {
            let fan = Fan::of(shape, layout).unwrap();
            (fan.fan_in, fan.fan_out)
        };
        assert_eq!(fan(&[3, 5], Layout::OutIn), (5, 3));
        assert_eq!(fan(&[3, 5], Layout::InOut), (3, 5));
        assert_eq!(fan(&[3, 5], Layout::KernelInOut), (3, 5));
        assert_eq!(fan(&[8, 4, 5], Layout::OutIn), (20, 40));
        assert_eq!(fan(&[4, 2, 3, 3, 3], Layout::OutIn), (54, 108));
        assert_eq!(fan(&[3, 3, 16, 32], Layout::KernelInOut), (144, 288));
        assert_eq!(fan(&[0, 4], Layout::OutIn), (4, 0));
    }

    #[test]
    fn modes() {
        let fan = Fan { fan_in: 4, fan_out: 7 };
        assert_eq!([FanMode::In, FanMode::Out, FanMode::Avg].map(|m| fan.by(m)), [4.0, 7.0, 5.5]);
    }

    #[test]
    fn refusals_name_the_numbers() {
        let refused = |shape: &[usize], layout| Fan::of(shape, layout).unwrap_err().to_string();
        assert_eq!(
            refused(&[], Layout::KernelInOut),
            "Fan: layout KernelInOut needs at least 2 dimensions, shape [] has 0",
        );
        assert_eq!(
            refused(&[3, 3, 2], Layout::InOut),
            "Fan: layout InOut needs exactly 2 dimensions, shape [3, 3, 2] has 3",
        );
        let huge = [1 << 40, 2, 1 << 40];
        assert!(refused(&huge, Layout::OutIn).contains("has a fan above"));
    }
}
