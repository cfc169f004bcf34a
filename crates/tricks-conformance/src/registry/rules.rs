use super::{About, Bad, Make, NOT_FRACTION, NOT_NON_NEGATIVE, NOT_PROBABILITY, both};
use tricks_optim::{
    AdaGrad, Adam, AdamW, AmsGrad, EpsForm, EpsPlace, Momentum, RmsMomentum, RmsProp, Rule, Sgd,
};

/// An optimizer.
pub struct RuleRow {
    /// Name, file, formula.
    pub about: About,
    /// Every form that is code of its own.
    pub forms: &'static [RuleForm],
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Rule<f64>>>],
}

/// One form of a rule.
pub struct RuleForm {
    /// `torch`, `centered`, ...
    pub name: &'static str,
    /// In both number types.
    pub make: (Make<dyn Rule<f32>>, Make<dyn Rule<f64>>),
}

macro_rules! form {
    ($name:literal, $rule:expr) => {
        RuleForm { name: $name, make: both!($rule) }
    };
}

/// Every optimizer.
pub static RULES: &[RuleRow] = &[
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
