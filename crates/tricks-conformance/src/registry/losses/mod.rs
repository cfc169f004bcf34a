//! Losses, in files by kinship.

mod distances;
mod likelihoods;

use super::{About, Bad, Make};
use std::sync::LazyLock;
use tricks_net::losses::{
    CosineEmbedding, DistanceEps, EachLoss, GaussianNll, JointLoss, MarginRanking, Reduction,
    TripletMargin,
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
pub static LOSSES: LazyLock<Vec<&'static LossRow>> =
    LazyLock::new(|| [likelihoods::ROWS, distances::ROWS].into_iter().flatten().collect());

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
