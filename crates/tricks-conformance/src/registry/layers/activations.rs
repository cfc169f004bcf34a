use super::{LayerRow, row};
use crate::registry::About;
use tricks_net::layers::{
    CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softshrink,
    Softsign, Tanh, Tanhshrink, Threshold,
};

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!("ReLU", "crates/tricks-net/src/layers/activations/relu.rs", "y = max(x, 0)", |_| ReLU),
        row!(
            "Sigmoid",
            "crates/tricks-net/src/layers/activations/sigmoid.rs",
            "y = 1 / (1 + e⁻ˣ)",
            |_| Sigmoid
        ),
        row!("Tanh", "crates/tricks-net/src/layers/activations/tanh.rs", "y = tanh x", |_| Tanh),
        row!(
            "ReLU6",
            "crates/tricks-net/src/layers/activations/relu.rs",
            "y = min(max(x, 0), 6)",
            |_| ReLU6
        ),
        row!(
            "LeakyReLU",
            "crates/tricks-net/src/layers/activations/relu.rs",
            "y = x where x > 0, else α x",
            |_| LeakyReLU::default()
        ),
        row!(
            "Threshold",
            "crates/tricks-net/src/layers/activations/relu.rs",
            "y = x where x > θ, else v",
            |_| Threshold::new(0.0, 0.5).expect("valid")
        ),
        row!(
            "PReLU",
            "crates/tricks-net/src/layers/activations/prelu.rs",
            "y = x where x > 0, else α x with a learned α",
            |n| PReLU::new(n).expect("valid")
        ),
        row!(
            "ELU",
            "crates/tricks-net/src/layers/activations/elu.rs",
            "y = x where x > 0, else α (eˣ − 1)",
            |_| ELU::default()
        ),
        row!(
            "CELU",
            "crates/tricks-net/src/layers/activations/elu.rs",
            "y = x where x > 0, else α (e^(x/α) − 1)",
            |_| CELU::new(1.5).expect("valid")
        ),
        row!(
            "SELU",
            "crates/tricks-net/src/layers/activations/elu.rs",
            "y = λ x where x > 0, else λ α (eˣ − 1)",
            |_| SELU
        ),
        row!(
            "GELU",
            "crates/tricks-net/src/layers/activations/gelu.rs",
            "y = x Φ(x), or with a tanh for Φ",
            |_| GELU::Erf
        ),
        row!("SiLU", "crates/tricks-net/src/layers/activations/silu.rs", "y = x σ(x)", |_| SiLU),
        row!(
            "Mish",
            "crates/tricks-net/src/layers/activations/silu.rs",
            "y = x tanh(ln(1 + eˣ))",
            |_| Mish
        ),
        row!(
            "LogSigmoid",
            "crates/tricks-net/src/layers/activations/sigmoid.rs",
            "y = −ln(1 + e⁻ˣ)",
            |_| LogSigmoid
        ),
        row!(
            "Softplus",
            "crates/tricks-net/src/layers/activations/softplus.rs",
            "y = ln(1 + e^(β x)) / β",
            |_| Softplus::default()
        ),
        row!(
            "Softsign",
            "crates/tricks-net/src/layers/activations/tanh.rs",
            "y = x / (1 + |x|)",
            |_| Softsign
        ),
        row!(
            "Hardtanh",
            "crates/tricks-net/src/layers/activations/hard.rs",
            "y = min(max(x, −1), 1)",
            |_| Hardtanh::new(-0.3, 0.4).expect("valid")
        ),
        row!(
            "Hardsigmoid",
            "crates/tricks-net/src/layers/activations/hard.rs",
            "y = min(max(x + 3, 0), 6) / 6",
            |_| Hardsigmoid
        ),
        row!(
            "Hardswish",
            "crates/tricks-net/src/layers/activations/hard.rs",
            "y = x min(max(x + 3, 0), 6) / 6",
            |_| Hardswish
        ),
        row!(
            "Hardshrink",
            "crates/tricks-net/src/layers/activations/shrink.rs",
            "y = 0 where |x| ≤ λ, else x",
            |_| Hardshrink::default()
        ),
        row!(
            "Softshrink",
            "crates/tricks-net/src/layers/activations/shrink.rs",
            "y = sign(x) max(|x| − λ, 0)",
            |_| Softshrink::default()
        ),
        row!(
            "Tanhshrink",
            "crates/tricks-net/src/layers/activations/shrink.rs",
            "y = x − tanh x",
            |_| Tanhshrink
        ),
        row!(
            "Softmax",
            "crates/tricks-net/src/layers/activations/softmax.rs",
            "yᵢ = e^xᵢ / Σⱼ e^xⱼ",
            |_| Softmax::default()
        ),
        row!(
            "LogSoftmax",
            "crates/tricks-net/src/layers/activations/softmax.rs",
            "yᵢ = xᵢ − ln Σⱼ e^xⱼ",
            |_| LogSoftmax::default()
        ),
        row!(
            "GLU",
            "crates/tricks-net/src/layers/activations/glu.rs",
            "y = a σ(b), x = [a, b]",
            |_| GLU::default(),
            |rows, n| vec![rows, 2 * n]
        ),
    ]
}
