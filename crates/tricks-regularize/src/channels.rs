//! What layers of channels share: inputs are `[samples, channels, …]`.

use tricks_tensor::Result;
use tricks_tensor::views::require_shape;

/// Samples, channels, and the numbers of a plane: how many a channel of a sample has.
///
/// The shape has been held to [`require_channels`].
pub(crate) fn channels_of(x: &[usize]) -> [usize; 3] {
    [x[0], x[1], x[2..].iter().product()]
}

/// Refuses an input whose axis 1 is not `channels` long.
pub(crate) fn require_channels(owner: &'static str, x: &[usize], channels: usize) -> Result<()> {
    let (samples, rest) = (x.first().copied().unwrap_or(1), x.get(2..).unwrap_or_default());
    let expected = [&[samples, channels], rest].concat();
    require_shape(owner, ("input", x), ("expected", &expected))
}
