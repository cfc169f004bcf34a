//! Layers with explicit forward and backward passes. Each is usable alone, by the contract of
//! [`Layer`](tricks_tensor::Layer).

#[macro_use]
mod activation;
mod dense;
mod relu;
mod sequential;
mod sigmoid;
mod tanh;

pub use dense::Dense;
pub use relu::ReLU;
pub use sequential::Sequential;
pub use sigmoid::Sigmoid;
pub use tanh::Tanh;

#[cfg(test)]
mod tests;
