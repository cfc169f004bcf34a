//! Rules that use the gradient itself.

use super::{RuleForm, RuleRow, form};
use crate::registry::{About, NOT_FRACTION, NOT_NON_NEGATIVE, NOT_POSITIVE, NOT_PROBABILITY, both};
use tricks_optim::{Asgd, Lars, Lion, Momentum, Rprop, Sgd};

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
    RuleRow {
        about: About {
            name: "Lion",
            file: "crates/tricks-optim/src/rules/lion.rs",
            formula: "θ ← θ − η sign(β₁ m + (1 − β₁) g); m ← β₂ m + (1 − β₂) g",
        },
        forms: &[form!("keras, optax", Lion::default())],
        refuses: &[
            ("beta1", |x| Box::new(Lion { beta1: x, ..Lion::default() }), NOT_FRACTION),
            ("beta2", |x| Box::new(Lion { beta2: x, ..Lion::default() }), NOT_FRACTION),
        ],
    },
    RuleRow {
        about: About {
            name: "Rprop",
            file: "crates/tricks-optim/src/rules/rprop.rs",
            formula: "s ← s η⁺ or s η⁻ by the sign of g g′; θ ← θ − s sign(g)",
        },
        forms: &[form!("torch", Rprop::torch()), form!("optax", Rprop::optax())],
        refuses: &[
            (
                "eta_minus",
                |x| Box::new(Rprop { eta_minus: x, ..Rprop::torch() }),
                &[0.0, 1.0, -0.1],
            ),
            (
                "eta_plus",
                |x| Box::new(Rprop { eta_plus: x, ..Rprop::torch() }),
                &[1.0, 0.5, f64::NAN],
            ),
            ("step_min", |x| Box::new(Rprop { step_min: x, ..Rprop::torch() }), NOT_NON_NEGATIVE),
            ("step_max", |x| Box::new(Rprop { step_max: x, ..Rprop::torch() }), NOT_NON_NEGATIVE),
            ("step_min", |x| Box::new(Rprop { step_min: x, ..Rprop::torch() }), &[51.0]),
        ],
    },
    RuleRow {
        about: About {
            name: "Asgd",
            file: "crates/tricks-optim/src/rules/asgd.rs",
            formula: "θ ← (1 − λ η_t) θ − η_t g; a ← a + μ_t (θ − a)",
        },
        forms: &[
            form!("torch", Asgd::torch()),
            form!("averaging early", Asgd { lambda: 0.01, t0: 2.0, ..Asgd::torch() }),
        ],
        refuses: &[
            ("lambda", |x| Box::new(Asgd { lambda: x, ..Asgd::torch() }), NOT_NON_NEGATIVE),
            ("alpha", |x| Box::new(Asgd { alpha: x, ..Asgd::torch() }), NOT_NON_NEGATIVE),
            ("t0", |x| Box::new(Asgd { t0: x, ..Asgd::torch() }), NOT_NON_NEGATIVE),
        ],
    },
    RuleRow {
        about: About {
            name: "Lars",
            file: "crates/tricks-optim/src/rules/lars.rs",
            formula: "v ← μ v + η c ‖θ‖/‖g‖ g; θ ← θ − v",
        },
        forms: &[
            form!("optax", Lars::optax()),
            form!("nesterov", Lars { nesterov: true, eps: 1e-6, ..Lars::optax() }),
        ],
        refuses: &[
            ("momentum", |x| Box::new(Lars { momentum: x, ..Lars::optax() }), NOT_FRACTION),
            (
                "trust_coefficient",
                |x| Box::new(Lars { trust_coefficient: x, ..Lars::optax() }),
                NOT_POSITIVE,
            ),
            ("eps", |x| Box::new(Lars { eps: x, ..Lars::optax() }), NOT_NON_NEGATIVE),
        ],
    },
];
