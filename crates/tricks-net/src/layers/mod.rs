//! Layers with explicit forward and backward passes. Each is usable alone, by the contract of
//! [`Layer`](tricks_tensor::Layer).

mod activations;
mod dense;
mod sequential;

pub use activations::{
    CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softshrink,
    Softsign, Tanh, Tanhshrink, Threshold,
};
pub use dense::Dense;
pub use sequential::Sequential;

#[cfg(test)]
mod tests;
