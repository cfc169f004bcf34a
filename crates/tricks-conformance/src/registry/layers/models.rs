//! Models, small: whole nets, held to the laws of layers.

use super::{LayerRow, row};
use crate::registry::About;
use tricks_net::models::{
    ConvNetConfig, GptConfig, VitConfig, gpt, lenet, mlp, plain_cnn, resnet, vit,
};

const CONV_NET: ConvNetConfig =
    ConvNetConfig { channels: 2, classes: 2, width: 1, blocks: 1, drop_path: 0.2 };

/// Few small images.
fn images(rows: usize, channels: usize, size: [usize; 2]) -> Vec<usize> {
    vec![rows / 100 + 3, channels, size[0], size[1]]
}

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!(
            "mlp",
            "crates/tricks-net/src/models/mlp.rs",
            "y = Wₙ ReLU(… ReLU(W₁ x + b₁) …) + bₙ",
            |n| mlp(&[n, 4, 3, 2]).expect("valid")
        ),
        row!(
            "lenet",
            "crates/tricks-net/src/models/lenet.rs",
            "conv 5 × 5 → max → conv 5 × 5 → max → dense 120 → dense 84 → dense",
            |_| lenet([1, 12, 12], 2).expect("valid"),
            |rows, _| images(rows, 1, [12, 12])
        ),
        row!(
            "plain_cnn",
            "crates/tricks-net/src/models/conv_net.rs",
            "conv 3 × 3 → f → f → … → BN → ReLU → mean → dense, f = 2 × (BN → ReLU → conv 3 × 3)",
            |_| plain_cnn(&CONV_NET).expect("valid"),
            |rows, _| images(rows, 2, [6, 6])
        ),
        row!(
            "resnet",
            "crates/tricks-net/src/models/conv_net.rs",
            "the same with x + f(x) in place of f(x)",
            |_| resnet(&CONV_NET).expect("valid"),
            |rows, _| images(rows, 2, [6, 6])
        ),
        row!(
            "vit",
            "crates/tricks-net/src/models/vit.rs",
            "patches → + P → encoder blocks → norm → mean → dense",
            |_| {
                let config = VitConfig {
                    image: [1, 4, 6],
                    patch: 2,
                    classes: 3,
                    d_model: 4,
                    num_layers: 1,
                    num_heads: 2,
                    dim_feedforward: 6,
                    dropout: 0.3,
                };
                vit(&config).expect("valid")
            },
            |rows, _| images(rows, 1, [4, 6])
        ),
        LayerRow {
            indices: Some(7),
            ..row!(
                "gpt",
                "crates/tricks-net/src/models/gpt.rs",
                "E[token] + P → causal blocks → norm → dense",
                |_| {
                    let config = GptConfig {
                        vocabulary: 7,
                        max_len: 20,
                        d_model: 4,
                        num_layers: 1,
                        num_heads: 2,
                        dim_feedforward: 6,
                        dropout: 0.3,
                        ..GptConfig::default()
                    };
                    gpt(&config).expect("valid")
                },
                |rows, _| vec![2, rows / 50 + 3]
            )
        },
    ]
}
