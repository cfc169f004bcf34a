//! Adam and its kin.

use super::{RuleForm, RuleRow, form};
use crate::registry::{About, NOT_FRACTION, NOT_NON_NEGATIVE, both};
use tricks_optim::{Adam, AdamW, AmsGrad, EpsForm};

pub(super) static ROWS: &[RuleRow] = &[
    RuleRow {
        about: About {
            name: "Adam",
            file: "crates/tricks-optim/src/rules/adam.rs",
            formula: "m ← β₁ m + (1 − β₁) g; v ← β₂ v + (1 − β₂) g²; θ ← θ − η m̂ / (√v̂ + ε)",
        },
        forms: &[
            form!("chapter, keras", Adam::chapter()),
            form!("torch, optax", Adam::torch()),
            form!("amsgrad", Adam { amsgrad: AmsGrad::Uncorrected, ..Adam::torch() }),
            form!("optax amsgrad", Adam { amsgrad: AmsGrad::Corrected, ..Adam::optax() }),
        ],
        refuses: &[
            ("beta1", |x| Box::new(Adam { beta1: x, ..Adam::torch() }), NOT_FRACTION),
            ("beta2", |x| Box::new(Adam { beta2: x, ..Adam::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(Adam { eps: x, ..Adam::torch() }), NOT_NON_NEGATIVE),
            (
                "eps_root",
                |x| {
                    Box::new(Adam { eps_form: EpsForm::Corrected { eps_root: x }, ..Adam::optax() })
                },
                NOT_NON_NEGATIVE,
            ),
        ],
    },
    RuleRow {
        about: About {
            name: "AdamW",
            file: "crates/tricks-optim/src/rules/adamw.rs",
            formula: "θ ← (1 − ηλ) θ, then Adam",
        },
        forms: &[
            form!("torch", AdamW::torch()),
            form!("keras", AdamW::keras()),
            form!("optax", AdamW::optax()),
        ],
        refuses: &[
            ("lambda", |x| Box::new(AdamW { weight_decay: x, ..AdamW::torch() }), NOT_NON_NEGATIVE),
            (
                "beta1",
                |x| Box::new(AdamW { adam: Adam { beta1: x, ..Adam::torch() }, ..AdamW::torch() }),
                NOT_FRACTION,
            ),
        ],
    },
];
