//! Adam and its kin.

use super::{RuleForm, RuleRow, form};
use crate::registry::{About, NOT_FRACTION, NOT_NON_NEGATIVE, both};
use tricks_optim::{
    Adam, AdamW, Adamax, AmsGrad, EpsForm, Lamb, NAdam, RAdam, ScheduleFree, ScheduleFreeBase,
};

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
            form!("torch with corrected amsgrad", {
                Adam { amsgrad: AmsGrad::Corrected, ..Adam::torch() }
            }),
            form!("eps_root", {
                Adam { eps_form: EpsForm::Corrected { eps_root: 1e-6 }, ..Adam::optax() }
            }),
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
    RuleRow {
        about: About {
            name: "Adamax",
            file: "crates/tricks-optim/src/rules/adamax.rs",
            formula: "u ← max(β₂ u, |g|); θ ← θ − η/(1 − β₁ᵗ) · m / u",
        },
        forms: &[form!("torch, optax", Adamax::torch()), form!("keras", Adamax::keras())],
        refuses: &[
            ("beta1", |x| Box::new(Adamax { beta1: x, ..Adamax::torch() }), NOT_FRACTION),
            ("beta2", |x| Box::new(Adamax { beta2: x, ..Adamax::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(Adamax { eps: x, ..Adamax::torch() }), NOT_NON_NEGATIVE),
        ],
    },
    RuleRow {
        about: About {
            name: "NAdam",
            file: "crates/tricks-optim/src/rules/nadam.rs",
            formula: "Adam with m̂ = (1 − μ_t)/(1 − Π_t) g + μ_{t+1}/(1 − Π_t μ_{t+1}) m",
        },
        forms: &[
            form!("torch", NAdam::torch()),
            form!("keras", NAdam::keras()),
            form!("optax", NAdam::optax()),
        ],
        refuses: &[
            ("beta1", |x| Box::new(NAdam { beta1: x, ..NAdam::torch() }), NOT_FRACTION),
            ("beta2", |x| Box::new(NAdam { beta2: x, ..NAdam::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(NAdam { eps: x, ..NAdam::torch() }), NOT_NON_NEGATIVE),
            ("eps_root", |x| Box::new(NAdam { eps_root: x, ..NAdam::torch() }), NOT_NON_NEGATIVE),
            (
                "momentum_decay",
                |x| Box::new(NAdam { momentum_decay: x, ..NAdam::torch() }),
                &[-0.1, f64::NAN],
            ),
        ],
    },
    RuleRow {
        about: About {
            name: "RAdam",
            file: "crates/tricks-optim/src/rules/radam.rs",
            formula: "θ ← θ − η r_t m̂ / √v̂, and θ ← θ − η m̂ until v̂ can be trusted",
        },
        forms: &[
            form!("torch", RAdam::torch()),
            form!("optax", RAdam::optax()),
            form!("torch and adaptive early", RAdam { beta2: 0.8, ..RAdam::torch() }),
            form!("adaptive early", RAdam { beta2: 0.8, nesterov: true, ..RAdam::optax() }),
        ],
        refuses: &[
            ("beta1", |x| Box::new(RAdam { beta1: x, ..RAdam::torch() }), NOT_FRACTION),
            ("beta2", |x| Box::new(RAdam { beta2: x, ..RAdam::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(RAdam { eps: x, ..RAdam::torch() }), NOT_NON_NEGATIVE),
            (
                "eps_root",
                |x| {
                    let eps_form = EpsForm::Corrected { eps_root: x };
                    Box::new(RAdam { eps_form, ..RAdam::optax() })
                },
                NOT_NON_NEGATIVE,
            ),
            (
                "threshold",
                |x| Box::new(RAdam { threshold: x, ..RAdam::torch() }),
                &[3.9, f64::NAN, f64::INFINITY],
            ),
        ],
    },
    RuleRow {
        about: About {
            name: "Lamb",
            file: "crates/tricks-optim/src/rules/lamb.rs",
            formula: "θ ← θ − η ‖θ‖/‖r‖ r,  r: Adam's direction, and λθ",
        },
        forms: &[form!("optax", Lamb::optax()), form!("keras", Lamb::keras())],
        refuses: &[
            ("beta1", |x| Box::new(Lamb { beta1: x, ..Lamb::optax() }), NOT_FRACTION),
            ("beta2", |x| Box::new(Lamb { beta2: x, ..Lamb::optax() }), NOT_FRACTION),
            ("eps", |x| Box::new(Lamb { eps: x, ..Lamb::optax() }), NOT_NON_NEGATIVE),
            ("eps_root", |x| Box::new(Lamb { eps_root: x, ..Lamb::optax() }), NOT_NON_NEGATIVE),
        ],
    },
    RuleRow {
        about: About {
            name: "ScheduleFree",
            file: "crates/tricks-optim/src/rules/schedule_free.rs",
            formula: "z ← z − η d; x: the average of z; θ = β x + (1 − β) z, evaluated at x",
        },
        forms: &[
            form!("adamw", ScheduleFree::adamw()),
            form!("keras", ScheduleFree::keras()),
            form!("sgd", ScheduleFree::sgd()),
            form!(
                "weighted sgd",
                ScheduleFree { r: 1.0, weight_lr_power: 0.5, ..ScheduleFree::sgd() }
            ),
        ],
        refuses: &[
            (
                "beta",
                |x| Box::new(ScheduleFree { beta: x, ..ScheduleFree::sgd() }),
                &[0.0, 1.0, -0.1, f64::NAN],
            ),
            ("r", |x| Box::new(ScheduleFree { r: x, ..ScheduleFree::sgd() }), NOT_NON_NEGATIVE),
            (
                "weight_lr_power",
                |x| Box::new(ScheduleFree { weight_lr_power: x, ..ScheduleFree::sgd() }),
                NOT_NON_NEGATIVE,
            ),
            (
                "beta2",
                |x| {
                    let base = ScheduleFreeBase::AdamW { beta2: x, eps: 1e-8 };
                    Box::new(ScheduleFree { base, ..ScheduleFree::adamw() })
                },
                NOT_FRACTION,
            ),
            (
                "eps",
                |x| {
                    let base = ScheduleFreeBase::AdamW { beta2: 0.9, eps: x };
                    Box::new(ScheduleFree { base, ..ScheduleFree::adamw() })
                },
                NOT_NON_NEGATIVE,
            ),
        ],
    },
];
