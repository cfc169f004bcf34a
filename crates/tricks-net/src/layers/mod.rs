//! Layers with explicit forward and backward passes. Each is usable alone, by the contract of
//! [`Layer`](tricks_tensor::Layer).

mod activations;
mod conv2d;
mod dense;
mod embedding;
mod flatten;
mod parallel;
mod patches;
mod pooling;
mod residual;
mod sequential;
mod window;

pub use activations::{
    CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softshrink,
    Softsign, Tanh, Tanhshrink, Threshold,
};
pub use conv2d::{Conv2d, ConvConfig};
pub use dense::Dense;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use parallel::{Combine, Parallel};
pub use pooling::{AdaptiveAvgPool2d, AvgPool2d, MaxPool2d};
pub use residual::Residual;
pub use sequential::Sequential;

#[cfg(test)]
mod tests;
