//! What layers of channels share: inputs are `[samples, channels, …]`.

use tricks_tensor::views::require_shape;
use tricks_tensor::{Error, Result};

/// Samples, channels, and the numbers of a plane: how many a channel of a sample has.
///
/// The shape has been held to [`require_channels`].
pub(crate) fn channels_of(x: &[usize]) -> [usize; 3] {
    [x[0], x[1], x[2..].iter().product()]
}

/// Refuses an input whose axis 1 is not `channels` long.
pub(crate) fn require_channels(owner: &'static str, x: &[usize], channels: usize) -> Result<()> {
    if x.get(1) == Some(&channels) {
        return Ok(());
    }
    let (samples, rest) = (x.first().copied().unwrap_or(1), x.get(2..).unwrap_or_default());
    let expected = [&[samples, channels], rest].concat();
    require_shape(owner, ("input", x), ("expected", &expected))
}

/// Refuses an input without an axis of channels.
pub(crate) fn require_channel_axis(owner: &'static str, x: &[usize]) -> Result<()> {
    if x.len() < 2 {
        let message = format!("input has shape {x:?}, needs samples and channels");
        return Err(Error::invalid(owner, message));
    }
    Ok(())
}
