//! Rules that divide by a root of squares.

use super::{RuleForm, RuleRow, form};
use crate::registry::{About, NOT_FRACTION, NOT_NON_NEGATIVE, both};
use tricks_optim::{AdaGrad, Adadelta, EpsPlace, Ftrl, RmsMomentum, RmsProp};

pub(super) static ROWS: &[RuleRow] = &[
    RuleRow {
        about: About {
            name: "AdaGrad",
            file: "crates/tricks-optim/src/rules/adagrad.rs",
            formula: "h ← h + g²; θ ← θ − η g / (√h + ε)",
        },
        forms: &[
            form!("chapter", AdaGrad::chapter()),
            form!("torch", AdaGrad::torch()),
            form!("keras, optax", AdaGrad::keras()),
            form!("decaying", AdaGrad { lr_decay: 0.1, ..AdaGrad::torch() }),
        ],
        refuses: &[
            ("eps", |x| Box::new(AdaGrad { eps: x, ..AdaGrad::torch() }), NOT_NON_NEGATIVE),
            (
                "lr_decay",
                |x| Box::new(AdaGrad { lr_decay: x, ..AdaGrad::torch() }),
                NOT_NON_NEGATIVE,
            ),
            (
                "initial_accumulator",
                |x| Box::new(AdaGrad { initial_accumulator: x, ..AdaGrad::torch() }),
                NOT_NON_NEGATIVE,
            ),
        ],
    },
    RuleRow {
        about: About {
            name: "RmsProp",
            file: "crates/tricks-optim/src/rules/rmsprop.rs",
            formula: "h ← ρ h + (1 − ρ) g²; θ ← θ − η g / (√h + ε)",
        },
        forms: &[
            form!("chapter", RmsProp::chapter()),
            form!("torch", RmsProp::torch()),
            form!("keras", RmsProp::keras()),
            form!("optax", RmsProp::optax()),
            form!("centered", RmsProp { centered: true, ..RmsProp::torch() }),
            form!("momentum", RmsProp { momentum: 0.9, ..RmsProp::torch() }),
            form!("centered with momentum", {
                RmsProp { centered: true, momentum: 0.9, ..RmsProp::torch() }
            }),
            form!(
                "centered momentum",
                RmsProp { centered: true, momentum: 0.9, ..RmsProp::keras() }
            ),
            form!(
                "corrected nesterov",
                RmsProp {
                    momentum: 0.9,
                    momentum_form: RmsMomentum::Nesterov,
                    bias_correction: true,
                    eps_place: EpsPlace::Outside,
                    ..RmsProp::optax()
                }
            ),
        ],
        refuses: &[
            ("rho", |x| Box::new(RmsProp { rho: x, ..RmsProp::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(RmsProp { eps: x, ..RmsProp::torch() }), NOT_NON_NEGATIVE),
            ("momentum", |x| Box::new(RmsProp { momentum: x, ..RmsProp::torch() }), NOT_FRACTION),
            (
                "initial_scale",
                |x| Box::new(RmsProp { initial_scale: x, ..RmsProp::torch() }),
                NOT_NON_NEGATIVE,
            ),
        ],
    },
    RuleRow {
        about: About {
            name: "Adadelta",
            file: "crates/tricks-optim/src/rules/adadelta.rs",
            formula: "Δ = g √(u + ε)/√(v + ε); θ ← θ − η Δ",
        },
        forms: &[form!("torch, optax", Adadelta::torch()), form!("keras", Adadelta::keras())],
        refuses: &[
            ("rho", |x| Box::new(Adadelta { rho: x, ..Adadelta::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(Adadelta { eps: x, ..Adadelta::torch() }), NOT_NON_NEGATIVE),
        ],
    },
    RuleRow {
        about: About {
            name: "Ftrl",
            file: "crates/tricks-optim/src/rules/ftrl.rs",
            formula: "z ← z + g − σ θ; θ ← (clip(z, ±l₁) − z) / (√n/η + 2 l₂)",
        },
        forms: &[
            form!("keras", Ftrl::keras()),
            form!("shrinkage", Ftrl { l2_shrinkage: 0.1, ..Ftrl::keras() }),
            form!(
                "of another power",
                Ftrl { lr_power: -0.4, l1: 0.01, beta: 0.5, ..Ftrl::keras() }
            ),
        ],
        refuses: &[
            ("lr_power", |x| Box::new(Ftrl { lr_power: x, ..Ftrl::keras() }), &[0.1, f64::NAN]),
            (
                "initial_accumulator",
                |x| Box::new(Ftrl { initial_accumulator: x, ..Ftrl::keras() }),
                NOT_NON_NEGATIVE,
            ),
            ("l1", |x| Box::new(Ftrl { l1: x, ..Ftrl::keras() }), NOT_NON_NEGATIVE),
            ("l2", |x| Box::new(Ftrl { l2: x, ..Ftrl::keras() }), NOT_NON_NEGATIVE),
            (
                "l2_shrinkage",
                |x| Box::new(Ftrl { l2_shrinkage: x, ..Ftrl::keras() }),
                NOT_NON_NEGATIVE,
            ),
            ("beta", |x| Box::new(Ftrl { beta: x, ..Ftrl::keras() }), NOT_NON_NEGATIVE),
        ],
    },
];
