use super::{LayerRow, images, row};
use crate::registry::About;
use tricks_net::layers::{Conv1d, Conv1dConfig, ConvTranspose2d, ConvTransposeConfig, MaxPool1d};

/// Few signals of many features.
fn signals(rows: usize, n: usize) -> Vec<usize> {
    vec![3, n, rows / 5 + 4]
}

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!(
            "Conv1d",
            "crates/tricks-net/src/layers/conv1d.rs",
            "y = W ⋆ x + b over signals",
            |n| {
                let config = Conv1dConfig { stride: 2, padding: 1, ..Conv1dConfig::default() };
                Conv1d::new(n, 2, 3, config).expect("valid")
            },
            signals
        ),
        row!(
            "ConvTranspose2d",
            "crates/tricks-net/src/layers/conv_transpose2d.rs",
            "y = Wᵀ ⋆ x + b over images, at s times the size",
            |n| {
                let config = ConvTransposeConfig {
                    stride: [2, 1],
                    padding: [1, 1],
                    output_padding: [1, 0],
                    ..ConvTransposeConfig::default()
                };
                ConvTranspose2d::new(n, 2, [3, 3], config).expect("valid")
            },
            images
        ),
        row!(
            "MaxPool1d",
            "crates/tricks-net/src/layers/max_pool1d.rs",
            "y = max of each window of a signal",
            |_| MaxPool1d::new(3).and_then(|pool| pool.moving(2, 1)).expect("valid"),
            signals
        ),
    ]
}
