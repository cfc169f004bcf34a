//! Layers with explicit forward and backward passes. Each is usable alone, by the contract of
//! [`Layer`](tricks_tensor::Layer).

mod activations;
mod attention;
mod channels_last;
mod conv1d;
mod conv2d;
mod conv_transpose2d;
mod dense;
mod embedding;
mod flatten;
mod max_pool1d;
mod parallel;
mod patches;
mod pooling;
mod positions;
mod projection;
mod recurrence;
mod recurrent;
mod residual;
mod reversed;
mod sequence_mean;
mod sequential;
mod transformer;
mod window;

pub use activations::{
    CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softshrink,
    Softsign, Tanh, Tanhshrink, Threshold,
};
pub use attention::{
    AttentionConfig, AttentionMask, MultiheadAttention, scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
};
pub use channels_last::ChannelsLast;
pub use conv_transpose2d::{ConvTranspose2d, ConvTransposeConfig};
pub use conv1d::{Conv1d, Conv1dConfig};
pub use conv2d::{Conv2d, ConvConfig};
pub use dense::Dense;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use max_pool1d::MaxPool1d;
pub use parallel::{Combine, Parallel};
pub use pooling::{AdaptiveAvgPool2d, AvgPool2d, MaxPool2d};
pub use positions::{
    LearnedPositionalEncoding, RotaryConfig, RotaryPairs, RotaryPositionalEncoding,
    SinusoidalPositionalEncoding,
};
pub use recurrent::{Gru, Lstm, Rnn, RnnActivation};
pub use residual::Residual;
pub use reversed::Reversed;
pub use sequence_mean::SequenceMean;
pub use sequential::Sequential;
pub use transformer::{
    FeedForwardActivation, TransformerConfig, TransformerDecoderLayer, TransformerEncoderLayer,
};

#[cfg(test)]
mod tests;
