//! Rules that use the gradient itself.

use super::{RuleForm, RuleRow, form};
use crate::registry::{About, NOT_FRACTION, NOT_PROBABILITY, both};
use tricks_optim::{Momentum, Sgd};

pub(super) static ROWS: &[RuleRow] = &[
    RuleRow {
        about: About {
            name: "Sgd",
            file: "crates/tricks-optim/src/rules/sgd.rs",
            formula: "θ ← θ − η g",
        },
        forms: &[form!("everywhere the same", Sgd)],
        refuses: &[],
    },
    RuleRow {
        about: About {
            name: "Momentum",
            file: "crates/tricks-optim/src/rules/momentum.rs",
            formula: "v ← μ v − η g; θ ← θ + v (or b ← μ b + g; θ ← θ − η b)",
        },
        forms: &[
            form!("chapter", Momentum::chapter()),
            form!("torch", Momentum::torch()),
            form!("nesterov", Momentum { nesterov: true, ..Momentum::torch() }),
            form!("velocity nesterov", Momentum { nesterov: true, ..Momentum::keras() }),
            form!("dampened", Momentum { dampening: 0.3, ..Momentum::torch() }),
        ],
        refuses: &[
            ("momentum", |x| Box::new(Momentum { momentum: x, ..Momentum::torch() }), NOT_FRACTION),
            (
                "dampening",
                |x| Box::new(Momentum { dampening: x, ..Momentum::torch() }),
                NOT_PROBABILITY,
            ),
        ],
    },
];
