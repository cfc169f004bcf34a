use super::{About, Bad, Make, NOT_NON_NEGATIVE, both};
use tricks_regularize::{ElasticNet, Gram, GroupLasso, L1, L2, Orthogonal, Penalty};

/// A penalty: a part of the loss.
pub struct PenaltyRow {
    /// Name, file, formula.
    pub about: About,
    /// In both number types.
    pub make: (Make<dyn Penalty<f32>>, Make<dyn Penalty<f64>>),
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Penalty<f64>>>],
}

/// Every penalty.
pub static PENALTIES: &[PenaltyRow] = &[
    PenaltyRow {
        about: About {
            name: "L1", file: "crates/tricks-regularize/src/l1.rs", formula: "λ Σ |w|"
        },
        make: both!(L1 { lambda: 0.01 }),
        refuses: &[("lambda", |x| Box::new(L1 { lambda: x }), NOT_NON_NEGATIVE)],
    },
    PenaltyRow {
        about: About {
            name: "L2",
            file: "crates/tricks-regularize/src/l2.rs",
            formula: "λ/2 Σ w²",
        },
        make: both!(L2 { lambda: 0.01 }),
        refuses: &[("lambda", |x| Box::new(L2 { lambda: x }), NOT_NON_NEGATIVE)],
    },
    PenaltyRow {
        about: About {
            name: "ElasticNet",
            file: "crates/tricks-regularize/src/elastic_net.rs",
            formula: "λ₁ Σ |w| + λ₂/2 Σ w²",
        },
        make: both!(ElasticNet { l1: 0.01, l2: 0.02 }),
        refuses: &[
            ("l1", |x| Box::new(ElasticNet { l1: x, l2: 0.0 }), NOT_NON_NEGATIVE),
            ("l2", |x| Box::new(ElasticNet { l1: 0.0, l2: x }), NOT_NON_NEGATIVE),
        ],
    },
    PenaltyRow {
        about: About {
            name: "GroupLasso",
            file: "crates/tricks-regularize/src/group_lasso.rs",
            formula: "λ Σ √n_g ‖w_g‖ over rows, columns or filters",
        },
        make: both!(GroupLasso { lambda: 0.01, dim: 1 }),
        refuses: &[("lambda", |x| Box::new(GroupLasso { lambda: x, dim: 0 }), NOT_NON_NEGATIVE)],
    },
    PenaltyRow {
        about: About {
            name: "Orthogonal",
            file: "crates/tricks-regularize/src/orthogonal.rs",
            formula: "λ ‖W Wᵀ − I‖²_F, or of Wᵀ W",
        },
        make: both!(Orthogonal { lambda: 0.01, of: Gram::Rows }),
        refuses: &[(
            "lambda",
            |x| Box::new(Orthogonal { lambda: x, of: Gram::Columns }),
            NOT_NON_NEGATIVE,
        )],
    },
];
