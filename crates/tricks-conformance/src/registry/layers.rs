use super::About;
use super::one_channel::OneChannel;
use tricks_net::layers::{Dense, ReLU, Sequential, Sigmoid, Tanh};
use tricks_regularize::{
    BatchNorm, BatchNormConfig, Dropout, GroupNorm, GroupNormConfig, InstanceNorm,
    InstanceNormConfig, LayerNorm, LayerNormConfig, RmsNorm, RmsNormConfig,
};
use tricks_tensor::Layer;

/// How to make a layer for this many features.
pub type MakeLayer<F> = fn(usize) -> Box<dyn Layer<F>>;

/// A layer.
pub struct LayerRow {
    /// Name, file, formula.
    pub about: About,
    /// In both number types.
    pub make: (MakeLayer<f32>, MakeLayer<f64>),
}

macro_rules! row {
    ($name:literal, $file:literal, $formula:literal, |$n:pat_param| $make:expr) => {
        LayerRow {
            about: About { name: $name, file: $file, formula: $formula },
            make: (|$n| Box::new($make), |$n| Box::new($make)),
        }
    };
}

/// Every layer.
pub static LAYERS: &[LayerRow] = &[
    row!("Dense", "crates/tricks-net/src/layers/dense.rs", "y = x Wᵀ + b", |n| Dense::new(
        n,
        n / 2 + 1
    )),
    row!("ReLU", "crates/tricks-net/src/layers/relu.rs", "y = max(x, 0)", |_| ReLU),
    row!("Sigmoid", "crates/tricks-net/src/layers/sigmoid.rs", "y = 1 / (1 + e⁻ˣ)", |_| Sigmoid),
    row!("Tanh", "crates/tricks-net/src/layers/tanh.rs", "y = tanh x", |_| Tanh),
    row!(
        "Sequential",
        "crates/tricks-net/src/layers/sequential.rs",
        "y = fₙ(…f₂(f₁(x)))",
        |n| Sequential::new()
            .push(Dense::new(n, n + 1))
            .push(BatchNorm::new(n + 1, BatchNormConfig::torch()).expect("valid"))
            .push(Tanh)
            .push(Dropout::new(0.3).expect("valid"))
            .push(Dense::without_bias(n + 1, 2))
    ),
    row!(
        "BatchNorm",
        "crates/tricks-regularize/src/batch_norm.rs",
        "y = γ (x − μ_B) / √(σ²_B + ε) + β",
        |n| BatchNorm::new(n, BatchNormConfig::torch()).expect("valid")
    ),
    row!("Dropout", "crates/tricks-regularize/src/dropout.rs", "y = x·mask / (1 − p)", |_| {
        Dropout::new(0.3).expect("valid")
    }),
    row!(
        "LayerNorm",
        "crates/tricks-regularize/src/layer_norm.rs",
        "y = γ (x − μ) / √(σ² + ε) + β, μ and σ² of each sample",
        |n| LayerNorm::new(&[n], LayerNormConfig::torch()).expect("valid")
    ),
    row!(
        "RmsNorm",
        "crates/tricks-regularize/src/rms_norm.rs",
        "y = γ x / √(mean x² + ε)",
        |n| RmsNorm::new(&[n], RmsNormConfig::default()).expect("valid")
    ),
    row!(
        "GroupNorm",
        "crates/tricks-regularize/src/group_norm.rs",
        "y = γ (x − μ) / √(σ² + ε) + β, μ and σ² of each group of channels of a sample",
        |n| GroupNorm::new(if n % 2 == 0 { 2 } else { 1 }, n, GroupNormConfig::torch())
            .expect("valid")
    ),
    row!(
        "InstanceNorm",
        "crates/tricks-regularize/src/instance_norm.rs",
        "y = γ (x − μ) / √(σ² + ε) + β, μ and σ² of each channel of a sample",
        |_| {
            let config = InstanceNormConfig {
                affine: true,
                track_running_stats: true,
                ..InstanceNormConfig::default()
            };
            OneChannel(InstanceNorm::new(1, config).expect("valid"))
        }
    ),
];
