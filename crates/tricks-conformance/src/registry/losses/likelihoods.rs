//! Losses of probabilities and their logits.

use super::super::{About, NOT_FINITE, NOT_NON_NEGATIVE, NOT_PROBABILITY, both};
use super::{LossRow, Targets};
use tricks_net::losses::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, KlDivergence, Nll, PolyCrossEntropy,
    Reduction, SigmoidFocal, SoftmaxCrossEntropy, Sparsemax,
};

pub(super) static ROWS: &[LossRow] = &[
    LossRow {
        about: About {
            name: "SoftmaxCrossEntropy",
            file: "crates/tricks-net/src/losses/softmax_cross_entropy.rs",
            formula: "−1/n Σ wⱼ qⱼ ln pⱼ, p = softmax(x), q smoothed by ε",
        },
        forms: &[
            both!(SoftmaxCrossEntropy::default()),
            both!(SoftmaxCrossEntropy {
                label_smoothing: 0.1,
                weight: Some(vec![0.5, 2.0, 1.5]),
                ..Default::default()
            }),
            both!(SoftmaxCrossEntropy {
                ignore_index: Some(2),
                weight: Some(vec![0.5, 2.0, 1.5]),
                ..Default::default()
            }),
            both!(SoftmaxCrossEntropy {
                weight: Some(vec![0.5, 2.0, 1.5]),
                reduction: Reduction::Sum,
                ..Default::default()
            }),
            both!(SoftmaxCrossEntropy {
                weight: Some(vec![0.5, 2.0, 1.5]),
                ..SoftmaxCrossEntropy::next_token()
            }),
        ],
        targets: &[Targets::Labels, Targets::Values],
        probabilities: false,
        refuses: &[
            (
                "label_smoothing",
                |x| Box::new(SoftmaxCrossEntropy { label_smoothing: x, ..Default::default() }),
                NOT_PROBABILITY,
            ),
            (
                "weight",
                |x| {
                    Box::new(SoftmaxCrossEntropy {
                        weight: Some(vec![1.0, x, 1.0]),
                        ..Default::default()
                    })
                },
                NOT_NON_NEGATIVE,
            ),
        ],
    },
    LossRow {
        about: About {
            name: "Nll",
            file: "crates/tricks-net/src/losses/nll.rs",
            formula: "−1/n Σ w x_label",
        },
        forms: &[
            both!(Nll::default()),
            both!(Nll {
                weight: Some(vec![0.5, 2.0, 1.5]),
                ignore_index: Some(0),
                ..Default::default()
            }),
            both!(Nll { reduction: Reduction::BatchMean, ..Default::default() }),
        ],
        targets: &[Targets::Labels],
        probabilities: false,
        refuses: &[(
            "weight",
            |x| Box::new(Nll { weight: Some(vec![1.0, x, 1.0]), ..Default::default() }),
            NOT_NON_NEGATIVE,
        )],
    },
    LossRow {
        about: About {
            name: "BinaryCrossEntropy",
            file: "crates/tricks-net/src/losses/binary_cross_entropy.rs",
            formula: "−1/N Σ w (t ln y + (1 − t) ln(1 − y))",
        },
        forms: &[
            both!(BinaryCrossEntropy::default()),
            both!(BinaryCrossEntropy { weight: Some(vec![0.5, 2.0, 1.5]), ..Default::default() }),
        ],
        targets: &[Targets::Values],
        probabilities: true,
        refuses: &[(
            "weight",
            |x| {
                Box::new(BinaryCrossEntropy {
                    weight: Some(vec![1.0, x, 1.0]),
                    ..Default::default()
                })
            },
            NOT_NON_NEGATIVE,
        )],
    },
    LossRow {
        about: About {
            name: "BinaryCrossEntropyWithLogits",
            file: "crates/tricks-net/src/losses/binary_cross_entropy_with_logits.rs",
            formula: "the same of y = σ(x), positive examples times p",
        },
        forms: &[
            both!(BinaryCrossEntropyWithLogits::default()),
            both!(BinaryCrossEntropyWithLogits {
                weight: Some(vec![0.5, 2.0, 1.5]),
                pos_weight: Some(vec![3.0, 0.0, 1.0]),
                reduction: Reduction::Sum,
            }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[(
            "pos_weight",
            |x| {
                Box::new(BinaryCrossEntropyWithLogits {
                    pos_weight: Some(vec![1.0, x, 1.0]),
                    ..Default::default()
                })
            },
            NOT_NON_NEGATIVE,
        )],
    },
    LossRow {
        about: About {
            name: "SigmoidFocal",
            file: "crates/tricks-net/src/losses/sigmoid_focal.rs",
            formula: "1/N Σ αₜ (1 − pₜ)^γ BCE",
        },
        forms: &[
            both!(SigmoidFocal::default()),
            both!(SigmoidFocal { gamma: 0.0, alpha: None, ..Default::default() }),
            both!(SigmoidFocal { gamma: 0.5, ..Default::default() }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[
            (
                "gamma",
                |x| Box::new(SigmoidFocal { gamma: x, ..Default::default() }),
                NOT_NON_NEGATIVE,
            ),
            (
                "alpha",
                |x| Box::new(SigmoidFocal { alpha: Some(x), ..Default::default() }),
                NOT_PROBABILITY,
            ),
        ],
    },
    LossRow {
        about: About {
            name: "PolyCrossEntropy",
            file: "crates/tricks-net/src/losses/poly_cross_entropy.rs",
            formula: "cross-entropy + ε (1 − pₜ)",
        },
        forms: &[
            both!(PolyCrossEntropy::default()),
            both!(PolyCrossEntropy { epsilon: -1.0, reduction: Reduction::Sum }),
        ],
        targets: &[Targets::Labels, Targets::Values],
        probabilities: false,
        refuses: &[(
            "epsilon",
            |x| Box::new(PolyCrossEntropy { epsilon: x, ..Default::default() }),
            &NOT_FINITE,
        )],
    },
    LossRow {
        about: About {
            name: "KlDivergence",
            file: "crates/tricks-net/src/losses/kl_divergence.rs",
            formula: "1/N Σ t (ln t − y)",
        },
        forms: &[
            both!(KlDivergence::default()),
            both!(KlDivergence { log_target: true, reduction: Reduction::BatchMean }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "Sparsemax",
            file: "crates/tricks-net/src/losses/sparsemax.rs",
            formula: "−x_label + ½ Σ_S (x² − τ²) + ½",
        },
        forms: &[both!(Sparsemax::default())],
        targets: &[Targets::Labels],
        probabilities: false,
        refuses: &[],
    },
];
