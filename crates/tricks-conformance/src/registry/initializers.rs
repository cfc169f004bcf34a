use super::{About, Bad, Make, NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE, both};
use tricks_init::{
    Constant, FanMode, Gain, Initializer, Normal, TruncatedNormal, Uniform, VarianceScaling,
};

/// Name, and how to make it in both number types.
pub type InitializerForm = (&'static str, (Make<dyn Initializer<f32>>, Make<dyn Initializer<f64>>));

/// An initializer.
pub struct InitializerRow {
    /// Name, file, formula.
    pub about: About,
    /// Its named forms.
    pub forms: &'static [InitializerForm],
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Initializer<f64>>>],
}

/// Every initializer.
pub static INITIALIZERS: &[InitializerRow] = &[
    InitializerRow {
        about: About {
            name: "VarianceScaling",
            file: "crates/tricks-init/src/variance_scaling.rs",
            formula: "Var w = scale / n, n = fan_in, fan_out or their mean",
        },
        forms: &[
            ("he_normal", both!(VarianceScaling::he_normal())),
            ("he_uniform", both!(VarianceScaling::he_uniform())),
            ("xavier_normal", both!(VarianceScaling::xavier_normal())),
            ("xavier_uniform", both!(VarianceScaling::xavier_uniform())),
            ("xavier_one_sided", both!(VarianceScaling::xavier_one_sided())),
            ("lecun_normal", both!(VarianceScaling::lecun_normal())),
            ("lecun_uniform", both!(VarianceScaling::lecun_uniform())),
            ("torch_default", both!(VarianceScaling::torch_default())),
            ("truncated and with a gain", both!(VarianceScaling::default().gain(Gain::Tanh))),
            (
                "fan_out",
                both!(VarianceScaling { mode: FanMode::Out, ..VarianceScaling::he_normal() }),
            ),
        ],
        refuses: &[(
            "scale",
            |x| Box::new(VarianceScaling { scale: x, ..VarianceScaling::he_normal() }),
            NOT_POSITIVE,
        )],
    },
    InitializerRow {
        about: About {
            name: "Normal",
            file: "crates/tricks-init/src/normal.rs",
            formula: "w ~ N(μ, σ²)",
        },
        forms: &[("any σ", both!(Normal { mean: 0.1, std: 0.01 }))],
        refuses: &[
            ("mean", |x| Box::new(Normal { mean: x, std: 1.0 }), &NOT_FINITE),
            ("std", |x| Box::new(Normal { mean: 0.0, std: x }), NOT_NON_NEGATIVE),
        ],
    },
    InitializerRow {
        about: About {
            name: "TruncatedNormal",
            file: "crates/tricks-init/src/truncated_normal.rs",
            formula: "w ~ N(μ, σ²) confined to [a, b]",
        },
        forms: &[
            ("two_sigma", both!(TruncatedNormal::two_sigma(0.0, 0.02))),
            ("two_sigma_corrected", both!(TruncatedNormal::two_sigma_corrected(0.0, 0.02))),
            ("far in a tail", both!(TruncatedNormal { mean: 0.0, std: 1.0, low: 5.0, high: 9.0 })),
        ],
        refuses: &[
            (
                "std",
                |x| Box::new(TruncatedNormal { std: x, ..TruncatedNormal::default() }),
                NOT_POSITIVE,
            ),
            (
                "low",
                |x| Box::new(TruncatedNormal { low: x, ..TruncatedNormal::default() }),
                &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0, 3.0],
            ),
        ],
    },
    InitializerRow {
        about: About {
            name: "Uniform",
            file: "crates/tricks-init/src/uniform.rs",
            formula: "w ~ U(a, b)",
        },
        forms: &[
            ("symmetric", both!(Uniform::symmetric(0.05))),
            ("with_std", both!(Uniform::with_std(0.1))),
        ],
        refuses: &[
            ("low", |x| Box::new(Uniform { low: x, high: 1.0 }), &[f64::NAN, f64::INFINITY, 2.0]),
            ("high", |x| Box::new(Uniform { low: 0.0, high: x }), &[f64::NAN, f64::INFINITY, -1.0]),
        ],
    },
    InitializerRow {
        about: About {
            name: "Constant",
            file: "crates/tricks-init/src/constant.rs",
            formula: "w ← c",
        },
        forms: &[("zeros", both!(Constant::zeros())), ("ones", both!(Constant::ones()))],
        refuses: &[("value", |x| Box::new(Constant { value: x }), &NOT_FINITE)],
    },
];
