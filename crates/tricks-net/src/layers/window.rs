use ndarray::Axis;
use std::ops::Range;
use tricks_tensor::{Error, Result, ndarray};

/// How a kernel moves over an image, height before width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
    pub(super) dilation: [usize; 2],
}

impl Window {
    /// Refuses a kernel of nothing, and one that does not move.
    pub(super) fn check(&self, name: &'static str) -> Result<()> {
        let all = [("kernel", self.kernel), ("stride", self.stride), ("dilation", self.dilation)];
        for (what, numbers) in all {
            if numbers.contains(&0) {
                let message = format!("{what} is {numbers:?}, must be at least 1");
                return Err(Error::invalid(name, message));
            }
        }
        Ok(())
    }

    /// How many places the kernel has along each axis of an image.
    pub(super) fn places(&self, name: &'static str, image: [usize; 2]) -> Result<[usize; 2]> {
        let too_large = || {
            let message = format!(
                "kernel {:?} with dilation {:?} is larger than the input {image:?} with padding {:?}",
                self.kernel, self.dilation, self.padding
            );
            Error::invalid(name, message)
        };
        let mut places = [0; 2];
        for axis in 0..2 {
            let span = (self.kernel[axis] - 1)
                .checked_mul(self.dilation[axis])
                .and_then(|span| span.checked_add(1));
            let padded =
                self.padding[axis].checked_mul(2).and_then(|both| both.checked_add(image[axis]));
            let free = padded.zip(span).and_then(|(padded, span)| padded.checked_sub(span));
            places[axis] = free.ok_or_else(too_large)? / self.stride[axis] + 1;
        }
        Ok(places)
    }

    /// The position in the image that tap `tap` of the kernel sees from place `place`; none in the
    /// padding.
    #[inline]
    pub(super) fn seen(&self, axis: usize, place: usize, tap: usize, len: usize) -> Option<usize> {
        let at = place * self.stride[axis] + tap * self.dilation[axis];
        at.checked_sub(self.padding[axis]).filter(|at| *at < len)
    }

    /// The positions a kernel without dilation sees from place `place`.
    pub(super) fn range(&self, axis: usize, place: usize, len: usize) -> Range<usize> {
        let start = place * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding[axis]).min(len);
        start.saturating_sub(self.padding[axis]).min(end)..end
    }
}

/// `[samples, channels, height, width]`, or a refusal.
pub(super) fn images(name: &'static str, x: &[usize]) -> Result<[usize; 4]> {
    x.try_into().map_err(|_| {
        let message = format!("input has shape {x:?}, must be [samples, channels, height, width]");
        Error::invalid(name, message)
    })
}

/// `[samples, channels, length]`, or a refusal.
pub(super) fn signals(name: &'static str, x: &[usize]) -> Result<[usize; 3]> {
    x.try_into().map_err(|_| {
        let message = format!("input has shape {x:?}, must be [samples, channels, length]");
        Error::invalid(name, message)
    })
}

/// The axis a signal gets to be an image of one row.
pub(super) const ROW: Axis = Axis(2);

/// Refuses groups that do not divide both numbers of channels, and no channels.
pub(super) fn check_groups(
    name: &'static str,
    groups: usize,
    inputs: usize,
    outputs: usize,
) -> Result<()> {
    let divides = |channels: usize| channels > 0 && channels.checked_rem(groups) == Some(0);
    if divides(inputs) && divides(outputs) {
        return Ok(());
    }
    let message = format!(
        "groups is {groups}, must divide {inputs} input and {outputs} output channels, neither of them 0"
    );
    Err(Error::invalid(name, message))
}
