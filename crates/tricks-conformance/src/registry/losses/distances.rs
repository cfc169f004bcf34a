//! Losses of distances and margins.

use super::super::{About, NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE, both};
use super::{LossRow, Targets};
use tricks_net::losses::{
    CosineDistance, HalfSquaredError, Hinge, HingeEmbedding, Huber, LogCosh, MeanAbsoluteError,
    MeanSquaredError, MultiMargin, MulticlassHinge, MulticlassPerceptron, Perceptron, PoissonNll,
    Reduction, SmoothL1, SoftMargin,
};

pub(super) static ROWS: &[LossRow] = &[
    LossRow {
        about: About {
            name: "MeanSquaredError",
            file: "crates/tricks-net/src/losses/mean_squared_error.rs",
            formula: "1/N Σ (y − t)²",
        },
        forms: &[
            both!(MeanSquaredError::default()),
            both!(MeanSquaredError { reduction: Reduction::Sum }),
            both!(MeanSquaredError { reduction: Reduction::BatchMean }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "HalfSquaredError",
            file: "crates/tricks-net/src/losses/half_squared_error.rs",
            formula: "1/N Σ ½ (y − t)²",
        },
        forms: &[both!(HalfSquaredError::default())],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "MeanAbsoluteError",
            file: "crates/tricks-net/src/losses/mean_absolute_error.rs",
            formula: "1/N Σ |y − t|",
        },
        forms: &[both!(MeanAbsoluteError::default())],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "Huber",
            file: "crates/tricks-net/src/losses/huber.rs",
            formula: "½ d² up to |d| = δ, then δ (|d| − ½ δ)",
        },
        forms: &[both!(Huber::default()), both!(Huber { delta: 0.4, ..Default::default() })],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[("delta", |x| Box::new(Huber { delta: x, ..Default::default() }), NOT_POSITIVE)],
    },
    LossRow {
        about: About {
            name: "SmoothL1",
            file: "crates/tricks-net/src/losses/smooth_l1.rs",
            formula: "½ d²/β up to |d| = β, then |d| − ½ β",
        },
        forms: &[
            both!(SmoothL1::default()),
            both!(SmoothL1 { beta: 0.0, ..Default::default() }),
            both!(SmoothL1 { beta: 0.4, ..Default::default() }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[(
            "beta",
            |x| Box::new(SmoothL1 { beta: x, ..Default::default() }),
            NOT_NON_NEGATIVE,
        )],
    },
    LossRow {
        about: About {
            name: "LogCosh",
            file: "crates/tricks-net/src/losses/log_cosh.rs",
            formula: "1/N Σ ln cosh(y − t)",
        },
        forms: &[both!(LogCosh::default())],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "PoissonNll",
            file: "crates/tricks-net/src/losses/poisson_nll.rs",
            formula: "1/N Σ (e^y − t y)",
        },
        forms: &[
            both!(PoissonNll::default()),
            both!(PoissonNll { full: true, ..Default::default() }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[(
            "eps",
            |x| Box::new(PoissonNll { eps: x, ..Default::default() }),
            NOT_POSITIVE,
        )],
    },
    LossRow {
        about: About {
            name: "CosineDistance",
            file: "crates/tricks-net/src/losses/cosine_distance.rs",
            formula: "1 − x·t / (‖x‖ ‖t‖)",
        },
        forms: &[
            both!(CosineDistance::default()),
            both!(CosineDistance { eps: 10.0, ..Default::default() }),
        ],
        targets: &[Targets::Values],
        probabilities: false,
        refuses: &[(
            "eps",
            |x| Box::new(CosineDistance { eps: x, ..Default::default() }),
            NOT_POSITIVE,
        )],
    },
    LossRow {
        about: About {
            name: "Hinge",
            file: "crates/tricks-net/src/losses/hinge.rs",
            formula: "max(0, 1 − t y)",
        },
        forms: &[both!(Hinge::default())],
        targets: &[Targets::Signs],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "Perceptron",
            file: "crates/tricks-net/src/losses/perceptron.rs",
            formula: "max(0, −t y)",
        },
        forms: &[both!(Perceptron::default())],
        targets: &[Targets::Signs],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "SoftMargin",
            file: "crates/tricks-net/src/losses/soft_margin.rs",
            formula: "ln(1 + e^(−t y))",
        },
        forms: &[both!(SoftMargin::default())],
        targets: &[Targets::Signs],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "HingeEmbedding",
            file: "crates/tricks-net/src/losses/hinge_embedding.rs",
            formula: "y, or max(0, margin − y) if t = −1",
        },
        forms: &[
            both!(HingeEmbedding::default()),
            both!(HingeEmbedding { margin: 0.3, ..Default::default() }),
        ],
        targets: &[Targets::Signs],
        probabilities: false,
        refuses: &[(
            "margin",
            |x| Box::new(HingeEmbedding { margin: x, ..Default::default() }),
            &NOT_FINITE,
        )],
    },
    LossRow {
        about: About {
            name: "MultiMargin",
            file: "crates/tricks-net/src/losses/multi_margin.rs",
            formula: "w/K Σⱼ max(0, margin − x_label + xⱼ)^p",
        },
        forms: &[
            both!(MultiMargin::default()),
            both!(MultiMargin {
                p: 2,
                margin: 0.5,
                weight: Some(vec![0.5, 2.0, 1.5]),
                ..Default::default()
            }),
        ],
        targets: &[Targets::Labels],
        probabilities: false,
        refuses: &[
            ("margin", |x| Box::new(MultiMargin { margin: x, ..Default::default() }), &NOT_FINITE),
            ("p", |x| Box::new(MultiMargin { p: x as u32, ..Default::default() }), &[0.0, 3.0]),
        ],
    },
    LossRow {
        about: About {
            name: "MulticlassHinge",
            file: "crates/tricks-net/src/losses/multiclass_hinge.rs",
            formula: "max_j (xⱼ + [j ≠ label]) − x_label",
        },
        forms: &[both!(MulticlassHinge::default())],
        targets: &[Targets::Labels],
        probabilities: false,
        refuses: &[],
    },
    LossRow {
        about: About {
            name: "MulticlassPerceptron",
            file: "crates/tricks-net/src/losses/multiclass_perceptron.rs",
            formula: "max_j xⱼ − x_label",
        },
        forms: &[both!(MulticlassPerceptron::default())],
        targets: &[Targets::Labels],
        probabilities: false,
        refuses: &[],
    },
];
