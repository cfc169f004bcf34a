//! Where a place is in its sequence: attention itself does not know.

mod learned;
mod rotary;
mod sinusoidal;

pub use learned::LearnedPositionalEncoding;
pub(super) use rotary::Angles;
pub use rotary::{RotaryConfig, RotaryPairs, RotaryPositionalEncoding};
pub use sinusoidal::SinusoidalPositionalEncoding;

use tricks_tensor::{Error, Result};

/// The steps and features of an input `[…, time, features]`.
fn last_axes(owner: &'static str, x: &[usize]) -> Result<[usize; 2]> {
    match *x {
        [.., time, features] => Ok([time, features]),
        _ => {
            let message = format!("input has shape {x:?}, must be […, time, features]");
            Err(Error::invalid(owner, message))
        }
    }
}

#[cfg(test)]
mod tests;
