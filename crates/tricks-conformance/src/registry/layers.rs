use super::About;
use tricks_net::layers::{Dense, ReLU, Sequential, Sigmoid, Tanh};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
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
];
