//! Small networks to use training techniques on.

mod buffer;
pub mod data;
pub mod layers;
pub mod losses;
mod net;
pub mod train;

pub use net::{Net, Pass};
