mod activations;
mod containers;
mod convolutions;
mod models;
mod regularizers;
mod sequences;

use super::About;
use std::sync::LazyLock;
use tricks_net::layers::{
    AdaptiveAvgPool2d, AvgPool2d, Conv2d, ConvConfig, Dense, Embedding, Flatten, MaxPool2d,
    Sequential, Tanh,
};
use tricks_regularize::{
    AlphaDropout, BatchNorm, BatchNormConfig, DropBlock, DropPath, Dropout, GroupNorm,
    GroupNormConfig, InstanceNorm, InstanceNormConfig, L2Normalize, LayerNorm, LayerNormConfig,
    LocalResponseNorm, LocalResponseNormConfig, RmsNorm, RmsNormConfig, SpatialDropout,
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
    /// The shape of an input of so many rows, for a layer made for so many features.
    pub input: fn(usize, usize) -> Vec<usize>,
    /// How many numbers an input may be, if it is whole numbers and not any.
    pub indices: Option<usize>,
}

impl LayerRow {
    /// Whether it is a whole net.
    pub fn is_model(&self) -> bool {
        self.about.file.contains("/models/")
    }
}

/// Few images of many features.
fn images(rows: usize, n: usize) -> Vec<usize> {
    vec![2, n, 4, rows / 10 + 3]
}

/// A row, from the layer it makes.
macro_rules! row {
    ($name:literal, $file:literal, $formula:literal, |$n:pat_param| $make:expr) => {
        row!($name, $file, $formula, |$n| $make, |rows, n| vec![rows, n])
    };
    ($name:literal, $file:literal, $formula:literal, |$n:pat_param| $make:expr, $input:expr) => {
        LayerRow {
            about: About { name: $name, file: $file, formula: $formula },
            make: (|$n| Box::new($make), |$n| Box::new($make)),
            input: $input,
            indices: None,
        }
    };
}
use row;

/// Every layer, and every model.
pub static LAYERS: LazyLock<Vec<LayerRow>> = LazyLock::new(|| {
    layers()
        .into_iter()
        .chain(regularizers::rows())
        .chain(activations::rows())
        .chain(containers::rows())
        .chain(convolutions::rows())
        .chain(sequences::rows())
        .chain(models::rows())
        .collect()
});

fn layers() -> Vec<LayerRow> {
    vec![
        row!("Dense", "crates/tricks-net/src/layers/dense.rs", "y = x Wᵀ + b", |n| Dense::new(
            n,
            n / 2 + 1
        )),
        row!(
            "Conv2d",
            "crates/tricks-net/src/layers/conv2d.rs",
            "y = W ⋆ x + b over images",
            |n| {
                let config =
                    ConvConfig { stride: [2, 1], padding: [1, 1], ..ConvConfig::default() };
                Conv2d::new(n, 2, [3, 3], config).expect("valid")
            },
            images
        ),
        row!(
            "Flatten",
            "crates/tricks-net/src/layers/flatten.rs",
            "y = x as [samples, rest]",
            |_| Flatten,
            images
        ),
        row!(
            "MaxPool2d",
            "crates/tricks-net/src/layers/pooling.rs",
            "y = max of each window",
            |_| MaxPool2d::new([3, 2]).and_then(|pool| pool.moving([2, 1], [1, 1])).expect("valid"),
            images
        ),
        row!(
            "AvgPool2d",
            "crates/tricks-net/src/layers/pooling.rs",
            "y = mean of each window",
            |_| AvgPool2d::new([3, 2]).and_then(|pool| pool.moving([2, 1], [1, 1])).expect("valid"),
            images
        ),
        row!(
            "AdaptiveAvgPool2d",
            "crates/tricks-net/src/layers/pooling.rs",
            "y = mean of each of H·W windows",
            |_| AdaptiveAvgPool2d::new([3, 2]).expect("valid"),
            images
        ),
        LayerRow {
            indices: Some(7),
            ..row!("Embedding", "crates/tricks-net/src/layers/embedding.rs", "y = W[x]", |_| {
                Embedding::new(7, 3)
            })
        },
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
        row!(
            "Dropout",
            "crates/tricks-regularize/src/dropout.rs",
            "y = x·mask / (1 − p)",
            |_| { Dropout::new(0.3).expect("valid") }
        ),
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
            |n| {
                let groups = (2..=n).find(|groups| n.is_multiple_of(*groups)).unwrap_or(1);
                GroupNorm::new(groups, n, GroupNormConfig::torch()).expect("valid")
            },
            images
        ),
        row!(
            "InstanceNorm",
            "crates/tricks-regularize/src/instance_norm.rs",
            "y = γ (x − μ) / √(σ² + ε) + β, μ and σ² of each channel of a sample",
            |n| {
                let config = InstanceNormConfig {
                    affine: true,
                    track_running_stats: true,
                    ..InstanceNormConfig::default()
                };
                InstanceNorm::new(n, config).expect("valid")
            },
            images
        ),
        row!(
            "LocalResponseNorm",
            "crates/tricks-regularize/src/local_response_norm.rs",
            "y = x / (k + α/n Σ x²)^β, over n neighbouring channels",
            |_| {
                let config = LocalResponseNormConfig { size: 3, alpha: 0.5, beta: 0.75, k: 1.0 };
                LocalResponseNorm::new(config).expect("valid")
            },
            images
        ),
        row!(
            "L2Normalize",
            "crates/tricks-regularize/src/l2_normalize.rs",
            "y = x / ‖x‖",
            |_| { L2Normalize::default() }
        ),
        row!(
            "SpatialDropout",
            "crates/tricks-regularize/src/spatial_dropout.rs",
            "y = x·mask / (1 − p), a mask of channels",
            |_| SpatialDropout::new(0.3).expect("valid"),
            images
        ),
        row!(
            "DropPath",
            "crates/tricks-regularize/src/drop_path.rs",
            "y = x·mask / (1 − p), a mask of samples",
            |_| DropPath::new(0.3).expect("valid")
        ),
        row!(
            "AlphaDropout",
            "crates/tricks-regularize/src/alpha_dropout.rs",
            "y = a (x·mask + α′ (1 − mask)) + b",
            |_| AlphaDropout::new(0.3).expect("valid")
        ),
        row!(
            "DropBlock",
            "crates/tricks-regularize/src/drop_block.rs",
            "y = x·mask / mean(mask), a mask of squares",
            |_| DropBlock::new(0.3, 2).expect("valid"),
            images
        ),
    ]
}
