use super::{About, Bad, Make, NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE, NOT_PROBABILITY, both};
use crate::statistics::Law;
use tricks_init::{
    Constant, DeltaOrthogonal, Dirac, Fan, FanMode, Gain, Identity, Initializer, Layout, Normal,
    Orthogonal, Sparse, TruncatedNormal, Uniform, VarianceScaling,
};

/// Name, how to make it in both number types, and what its draws but for zeros follow, if it draws.
pub type InitializerForm = (
    &'static str,
    (Make<dyn Initializer<f32>>, Make<dyn Initializer<f64>>),
    Option<fn(Fan) -> Law>,
);

/// An initializer.
pub struct InitializerRow {
    /// Name, file, formula.
    pub about: About,
    /// Its named forms.
    pub forms: &'static [InitializerForm],
    /// A shape it fills, `[out, in, k…]`.
    pub shape: &'static [usize],
    /// Whether each number is a function of its own index alone, not of the whole.
    pub by_index: bool,
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Initializer<f64>>>],
}

const DENSE: &[usize] = &[101, 99];
const CONVOLUTION: &[usize] = &[96, 80, 3, 2];

/// `√(scale / fan_in)`
fn by_inputs(scale: f64, fan: Fan) -> f64 {
    (scale / fan.fan_in as f64).sqrt()
}

/// `√(scale / (fan_in + fan_out))`
fn by_both(scale: f64, fan: Fan) -> f64 {
    (scale / (fan.fan_in + fan.fan_out) as f64).sqrt()
}

/// The numbers of an orthogonal matrix are nearly normal, and in sum their squares are exact.
fn of_unit_vectors(n: usize) -> Law {
    Law::normal((n as f64).sqrt().recip())
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
            (
                "he_normal",
                both!(VarianceScaling::he_normal()),
                Some(|f| Law::normal(by_inputs(2.0, f))),
            ),
            (
                "he_uniform",
                both!(VarianceScaling::he_uniform()),
                Some(|f| Law::within(by_inputs(6.0, f))),
            ),
            (
                "xavier_normal",
                both!(VarianceScaling::xavier_normal()),
                Some(|f| Law::normal(by_both(2.0, f))),
            ),
            (
                "xavier_uniform",
                both!(VarianceScaling::xavier_uniform()),
                Some(|f| Law::within(by_both(6.0, f))),
            ),
            (
                "xavier_one_sided",
                both!(VarianceScaling::xavier_one_sided()),
                Some(|f| Law::normal(by_inputs(1.0, f))),
            ),
            (
                "lecun_normal",
                both!(VarianceScaling::lecun_normal()),
                Some(|f| Law::normal(by_inputs(1.0, f))),
            ),
            (
                "lecun_uniform",
                both!(VarianceScaling::lecun_uniform()),
                Some(|f| Law::within(by_inputs(3.0, f))),
            ),
            (
                "torch_default",
                both!(VarianceScaling::torch_default()),
                Some(|f| Law::within(by_inputs(1.0, f))),
            ),
            (
                "truncated and with a gain",
                both!(VarianceScaling::default().gain(Gain::Tanh)),
                Some(|f| Law::cut_at_two(by_inputs(25.0 / 9.0, f))),
            ),
            (
                "fan_out",
                both!(VarianceScaling { mode: FanMode::Out, ..VarianceScaling::he_normal() }),
                Some(|f| Law::normal((2.0 / f.fan_out as f64).sqrt())),
            ),
        ],
        shape: DENSE,
        by_index: true,
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
        forms: &[(
            "any σ",
            both!(Normal { mean: 0.1, std: 0.01 }),
            Some(|_| Law::Normal { mean: 0.1, std: 0.01 }),
        )],
        shape: DENSE,
        by_index: true,
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
            (
                "two_sigma",
                both!(TruncatedNormal::two_sigma(0.0, 0.02)),
                Some(|_| Law::Cut { std: 0.02, low: -0.04, high: 0.04 }),
            ),
            (
                "two_sigma_corrected",
                both!(TruncatedNormal::two_sigma_corrected(0.0, 0.02)),
                Some(|_| Law::cut_at_two(0.02)),
            ),
            (
                "far in a tail",
                both!(TruncatedNormal { mean: 0.0, std: 1.0, low: 5.0, high: 9.0 }),
                Some(|_| Law::Cut { std: 1.0, low: 5.0, high: 9.0 }),
            ),
        ],
        shape: DENSE,
        by_index: true,
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
            ("symmetric", both!(Uniform::symmetric(0.05)), Some(|_| Law::within(0.05))),
            ("with_std", both!(Uniform::with_std(0.1)), Some(|_| Law::within(0.1 * 3f64.sqrt()))),
        ],
        shape: DENSE,
        by_index: true,
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
        forms: &[
            ("zeros", both!(Constant::zeros()), None),
            ("ones", both!(Constant::ones()), None),
        ],
        shape: DENSE,
        by_index: true,
        refuses: &[("value", |x| Box::new(Constant { value: x }), &NOT_FINITE)],
    },
    InitializerRow {
        about: About {
            name: "Orthogonal",
            file: "crates/tricks-init/src/orthogonal.rs",
            formula: "W Wᵀ = g² I, or Wᵀ W",
        },
        forms: &[
            ("any shape", both!(Orthogonal::default()), Some(|f| of_unit_vectors(f.fan_in))),
            (
                "with a gain",
                both!(Orthogonal { gain: 0.0625, ..Orthogonal::default() }),
                Some(|f| Law::normal(0.0625 * by_inputs(1.0, f))),
            ),
        ],
        shape: &[40, 25, 3, 3],
        by_index: false,
        refuses: &[(
            "gain",
            |x| Box::new(Orthogonal { gain: x, ..Orthogonal::default() }),
            &NOT_FINITE,
        )],
    },
    InitializerRow {
        about: About {
            name: "DeltaOrthogonal",
            file: "crates/tricks-init/src/delta_orthogonal.rs",
            formula: "W[·, ·, centre] = g Q, QᵀQ = I, else 0",
        },
        forms: &[(
            "any kernel",
            both!(DeltaOrthogonal::default()),
            Some(|f| of_unit_vectors(f.fan_out / 6)),
        )],
        shape: CONVOLUTION,
        by_index: false,
        refuses: &[(
            "gain",
            |x| Box::new(DeltaOrthogonal { gain: x, ..DeltaOrthogonal::default() }),
            &NOT_FINITE,
        )],
    },
    InitializerRow {
        about: About {
            name: "Sparse",
            file: "crates/tricks-init/src/sparse.rs",
            formula: "w ~ N(0, σ²), a fixed part of each column 0",
        },
        forms: &[(
            "any part",
            both!(Sparse { sparsity: 0.3, std: 0.01 }),
            Some(|_| Law::normal(0.01)),
        )],
        shape: DENSE,
        by_index: false,
        refuses: &[
            (
                "sparsity",
                |x| Box::new(Sparse { sparsity: x, ..Sparse::default() }),
                NOT_PROBABILITY,
            ),
            ("std", |x| Box::new(Sparse { std: x, ..Sparse::default() }), NOT_NON_NEGATIVE),
        ],
    },
    InitializerRow {
        about: About {
            name: "Identity",
            file: "crates/tricks-init/src/identity.rs",
            formula: "W[i, j] = g where i = j, else 0",
        },
        forms: &[("any shape", both!(Identity::default()), None)],
        shape: DENSE,
        by_index: true,
        refuses: &[("gain", |x| Box::new(Identity { gain: x }), &NOT_FINITE)],
    },
    InitializerRow {
        about: About {
            name: "Dirac",
            file: "crates/tricks-init/src/dirac.rs",
            formula: "W[o, i, centre] = 1 where o = i in its group, else 0",
        },
        forms: &[("any kernel", both!(Dirac { groups: 2, layout: Layout::OutIn }), None)],
        shape: CONVOLUTION,
        by_index: false,
        refuses: &[],
    },
];
