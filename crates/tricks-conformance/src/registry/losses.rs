use super::{About, Make, both};
use tricks_net::losses::{Loss, MeanSquaredError, SoftmaxCrossEntropy};

/// What a loss holds an output against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// The number of the right class.
    Labels,
    /// Numbers of the output's shape.
    Values,
}

/// A loss.
pub struct LossRow {
    /// Name, file, formula.
    pub about: About,
    /// In both number types.
    pub make: (Make<dyn Loss<f32>>, Make<dyn Loss<f64>>),
    /// The targets it takes.
    pub targets: &'static [Targets],
}

/// Every loss.
pub static LOSSES: &[LossRow] = &[
    LossRow {
        about: About {
            name: "SoftmaxCrossEntropy",
            file: "crates/tricks-net/src/losses/softmax_cross_entropy.rs",
            formula: "−1/n Σ qⱼ ln pⱼ, p = softmax(x), q smoothed by ε",
        },
        make: both!(SoftmaxCrossEntropy { label_smoothing: 0.1 }),
        targets: &[Targets::Labels, Targets::Values],
    },
    LossRow {
        about: About {
            name: "MeanSquaredError",
            file: "crates/tricks-net/src/losses/mean_squared_error.rs",
            formula: "1/N Σ (y − t)²",
        },
        make: both!(MeanSquaredError),
        targets: &[Targets::Values],
    },
];
