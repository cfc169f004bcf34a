//! Networks to try techniques on, as functions that give a
//! [`Sequential`](crate::layers::Sequential).
//!
//! Weights and biases are zero: He initialization is one call of `tricks_init::initialize`, with
//! `Layout::OutIn` and `VarianceScaling::he_normal()`.
//!
//! | model | input |
//! |---|---|
//! | [`mlp`]: dense layers with ReLU between them | `[samples, features]` |
//! | [`lenet`]: two convolutions with pooling, three dense layers | `[samples, channels, height, width]` |
//! | [`plain_cnn`]: 3 × 3 convolutions of any depth | `[samples, channels, height, width]` |
//! | [`resnet`]: the same with residual connections | `[samples, channels, height, width]` |
//! | [`vit`]: a Transformer over patches of an image | `[samples, channels, height, width]` |
//! | [`gpt`]: a language model | `[samples, time]`, whole numbers |

mod conv_net;
mod gpt;
mod lenet;
mod mlp;
mod vit;

pub use conv_net::{ConvNetConfig, plain_cnn, resnet};
pub use gpt::{GptConfig, gpt};
pub use lenet::lenet;
pub use mlp::mlp;
pub use vit::{VitConfig, vit};
