use super::{About, Bad, Make, NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE, NOT_PROBABILITY, both};
use tricks_net::losses::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, CosineDistance, CosineEmbedding, DistanceEps,
    EachLoss, GaussianNll, HalfSquaredError, Hinge, HingeEmbedding, Huber, JointLoss, KlDivergence,
    LogCosh, MarginRanking, MeanAbsoluteError, MeanSquaredError, MultiMargin, MulticlassHinge,
    MulticlassPerceptron, Nll, Perceptron, PoissonNll, PolyCrossEntropy, Reduction, SigmoidFocal,
    SmoothL1, SoftMargin, SoftmaxCrossEntropy, Sparsemax, TripletMargin,
};

/// What a loss holds an output against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// The number of the right class.
    Labels,
    /// Numbers in [0, 1] of the output's shape.
    Values,
    /// 1 or −1.
    Signs,
}

/// A loss in both number types.
pub type MakeLoss = (Make<dyn EachLoss<f32>>, Make<dyn EachLoss<f64>>);

/// A loss of an output against a target.
pub struct LossRow {
    /// Name, file, formula.
    pub about: About,
    /// For three classes or columns where it has weights for them.
    pub forms: &'static [MakeLoss],
    /// The targets it takes.
    pub targets: &'static [Targets],
    /// Whether outputs must be in [0, 1].
    pub probabilities: bool,
    /// Bad hyper-parameters.
    pub refuses: &'static [Bad<Box<dyn EachLoss<f64>>>],
}

/// A loss of several arrays.
pub struct JointRow {
    /// Name, file, formula.
    pub about: About,
    /// Ways to set it.
    pub forms: &'static [JointForm],
}

/// How many arrays.
#[derive(Clone, Copy)]
pub enum JointForm {
    /// Two vectors or numbers each, and a target of 1 or −1 for each.
    Pair(Make<dyn JointLoss<f64, 2>>),
    /// Outputs and their variances, and values as targets.
    Variances(Make<dyn JointLoss<f64, 2>>),
    /// Three vectors, no target.
    Triplet(Make<dyn JointLoss<f64, 3>>),
}

/// Every loss of an output against a target.
pub static LOSSES: &[LossRow] = &[
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
                ..Default::default()
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
            both!(PolyCrossEntropy {
                epsilon: -1.0,
                reduction: Reduction::Sum,
                ..Default::default()
            }),
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
            both!(KlDivergence {
                log_target: true,
                reduction: Reduction::BatchMean,
                ..Default::default()
            }),
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

/// Every loss of several arrays.
pub static JOINT_LOSSES: &[JointRow] = &[
    JointRow {
        about: About {
            name: "GaussianNll",
            file: "crates/tricks-net/src/losses/gaussian_nll.rs",
            formula: "1/N Σ ½ (ln v + (y − t)²/v)",
        },
        forms: &[
            JointForm::Variances(|| Box::new(GaussianNll::default())),
            JointForm::Variances(|| {
                Box::new(GaussianNll {
                    full: true,
                    reduction: Reduction::Sum,
                    ..Default::default()
                })
            }),
        ],
    },
    JointRow {
        about: About {
            name: "CosineEmbedding",
            file: "crates/tricks-net/src/losses/cosine_embedding.rs",
            formula: "1 − cos(a, b), or max(0, cos(a, b) − margin) if t = −1",
        },
        forms: &[
            JointForm::Pair(|| Box::new(CosineEmbedding::default())),
            JointForm::Pair(|| {
                Box::new(CosineEmbedding { margin: -0.5, reduction: Reduction::BatchMean })
            }),
        ],
    },
    JointRow {
        about: About {
            name: "MarginRanking",
            file: "crates/tricks-net/src/losses/margin_ranking.rs",
            formula: "max(0, −t (a − b) + margin)",
        },
        forms: &[
            JointForm::Pair(|| Box::new(MarginRanking::default())),
            JointForm::Pair(|| Box::new(MarginRanking { margin: 0.3, reduction: Reduction::Sum })),
        ],
    },
    JointRow {
        about: About {
            name: "TripletMargin",
            file: "crates/tricks-net/src/losses/triplet_margin.rs",
            formula: "max(0, d(a, q) − d(a, n) + margin)",
        },
        forms: &[
            JointForm::Triplet(|| Box::new(TripletMargin::torch())),
            JointForm::Triplet(|| Box::new(TripletMargin::optax())),
            JointForm::Triplet(|| Box::new(TripletMargin { p: 1.0, ..TripletMargin::torch() })),
            JointForm::Triplet(|| {
                Box::new(TripletMargin { p: 3.0, swap: true, ..TripletMargin::torch() })
            }),
            JointForm::Triplet(|| {
                Box::new(TripletMargin {
                    swap: true,
                    eps_in: DistanceEps::Power,
                    ..TripletMargin::torch()
                })
            }),
        ],
    },
];

/// Losses with a call of their own.
pub static OTHER_LOSSES: &[About] = &[
    About {
        name: "Ctc",
        file: "crates/tricks-net/src/losses/ctc.rs",
        formula: "−ln Σ_π Π p_t(π_t), π: the paths that spell the labels",
    },
    About {
        name: "smooth_labels",
        file: "crates/tricks-net/src/losses/smooth_labels.rs",
        formula: "(1 − α) t + α/K",
    },
];
