use super::{About, Bad, NOT_FRACTION, NOT_NON_NEGATIVE, NOT_POSITIVE};
use tricks_optim::{
    AdaptiveClip, Centralize, CheckFinite, ClipBlockRms, ClipGlobalNorm, ClipNorm, ClipValue,
    GradientAverage, GradientNoise, LbfgsDirection, Normalize, Transform, TrustRatio, ZeroNans,
};
use tricks_tensor::{Dict, Noise};

/// Something done to all gradients together.
pub struct TransformRow {
    /// Name, file, formula.
    pub about: About,
    /// For these parameters.
    pub make: fn(&mut Dict<f64>) -> Box<dyn Transform<f64>>,
    /// Whether a NaN in a gradient may be gone afterwards.
    pub hides_nans: bool,
    /// What must be refused, when it is applied or made.
    pub refuses: &'static [Bad<Box<dyn Transform<f64>>>],
}

macro_rules! row {
    ($name:literal, $file:literal, $formula:literal, $make:expr $(, $refuses:expr)?) => {
        TransformRow {
            about: About {
                name: $name,
                file: $file,
                formula: $formula,
            },
            make: |_| Box::new($make),
            hides_nans: false,
            refuses: row!(@ $($refuses)?),
        }
    };
    (@) => { &[] };
    (@ $refuses:expr) => { $refuses };
}

/// Every transform.
pub static TRANSFORMS: &[TransformRow] = &[
    row!(
        "ClipGlobalNorm",
        "crates/tricks-optim/src/transform/clip_global_norm.rs",
        "g ← g · min(1, max_norm / (‖g‖ₚ + ε)), ‖·‖ over all parameters",
        ClipGlobalNorm::torch(),
        &[
            (
                "max_norm",
                |x| Box::new(ClipGlobalNorm { max_norm: x, ..ClipGlobalNorm::torch() }),
                &[-1.0, f64::NAN]
            ),
            (
                "p",
                |x| Box::new(ClipGlobalNorm { p: x, ..ClipGlobalNorm::torch() }),
                &[0.0, f64::NAN]
            ),
            (
                "eps",
                |x| Box::new(ClipGlobalNorm { eps: x, ..ClipGlobalNorm::torch() }),
                NOT_NON_NEGATIVE
            ),
        ]
    ),
    row!(
        "ClipNorm",
        "crates/tricks-optim/src/transform/clip_norm.rs",
        "g ← g · min(1, max_norm / ‖g‖) for each parameter",
        ClipNorm::default(),
        &[("max_norm", |x| Box::new(ClipNorm { max_norm: x }), NOT_NON_NEGATIVE)]
    ),
    row!(
        "ClipValue",
        "crates/tricks-optim/src/transform/clip_value.rs",
        "g ← min(max(g, −limit), limit)",
        ClipValue { limit: 0.5 },
        &[("limit", |x| Box::new(ClipValue { limit: x }), NOT_NON_NEGATIVE)]
    ),
    row!(
        "ClipBlockRms",
        "crates/tricks-optim/src/transform/clip_block_rms.rs",
        "g ← g / max(1, rms(g) / threshold) for each parameter",
        ClipBlockRms { threshold: 0.3 },
        &[("threshold", |x| Box::new(ClipBlockRms { threshold: x }), NOT_POSITIVE)]
    ),
    row!(
        "AdaptiveClip",
        "crates/tricks-optim/src/transform/adaptive_clip.rs",
        "g_u ← g_u · min(1, c max(‖θ_u‖, ε) / ‖g_u‖) for each unit",
        AdaptiveClip { clipping: 0.1, ..AdaptiveClip::default() },
        &[
            (
                "clipping",
                |x| Box::new(AdaptiveClip { clipping: x, ..AdaptiveClip::default() }),
                NOT_POSITIVE
            ),
            ("eps", |x| Box::new(AdaptiveClip { eps: x, ..AdaptiveClip::default() }), NOT_POSITIVE),
        ]
    ),
    row!(
        "Centralize",
        "crates/tricks-optim/src/transform/centralize.rs",
        "g_i ← g_i − mean(g_i) for each row",
        Centralize
    ),
    row!(
        "TrustRatio",
        "crates/tricks-optim/src/transform/trust_ratio.rs",
        "g ← g · c ‖θ‖ / (‖g‖ + ε) for each parameter",
        TrustRatio { coefficient: 0.5, ..TrustRatio::default() },
        &[
            (
                "coefficient",
                |x| Box::new(TrustRatio { coefficient: x, ..TrustRatio::default() }),
                NOT_POSITIVE
            ),
            ("eps", |x| Box::new(TrustRatio { eps: x, ..TrustRatio::default() }), NOT_NON_NEGATIVE),
            (
                "min_norm",
                |x| Box::new(TrustRatio { min_norm: x, ..TrustRatio::default() }),
                NOT_NON_NEGATIVE
            ),
        ]
    ),
    row!(
        "Normalize",
        "crates/tricks-optim/src/transform/normalize.rs",
        "g ← c g / (‖g‖ + ε), ‖·‖ over all parameters",
        Normalize::default(),
        &[
            ("length", |x| Box::new(Normalize { length: x, ..Normalize::default() }), NOT_POSITIVE),
            ("eps", |x| Box::new(Normalize { eps: x, ..Normalize::default() }), NOT_POSITIVE),
        ]
    ),
    row!(
        "GradientNoise",
        "crates/tricks-optim/src/transform/gradient_noise.rs",
        "g ← g + σ_t n, σ_t² = η / (1 + t)^γ",
        GradientNoise::new(Noise::new(3)),
        &[
            ("eta", |x| Box::new(noise(|noise| noise.eta = x)), NOT_NON_NEGATIVE),
            ("gamma", |x| Box::new(noise(|noise| noise.gamma = x)), NOT_NON_NEGATIVE),
        ]
    ),
    TransformRow {
        about: About {
            name: "GradientAverage",
            file: "crates/tricks-optim/src/transform/gradient_average.rs",
            formula: "m ← β m + (1 − β) g; g ← m / (1 − βᵗ)",
        },
        make: |params| Box::new(average(params)),
        hides_nans: false,
        refuses: &[(
            "decay",
            |x| {
                let mut average = average(&mut Dict::new());
                average.decay = x;
                Box::new(average)
            },
            NOT_FRACTION,
        )],
    },
    TransformRow {
        about: About {
            name: "LbfgsDirection",
            file: "crates/tricks-optim/src/transform/lbfgs_direction.rs",
            formula: "g ← H g, H: the inverse curvature along the last moves",
        },
        make: |params| Box::new(LbfgsDirection::bind(params).expect("a map fills its shapes")),
        hides_nans: false,
        refuses: &[],
    },
    TransformRow {
        about: About {
            name: "ZeroNans",
            file: "crates/tricks-optim/src/transform/zero_nans.rs",
            formula: "g ← 0 where g is NaN",
        },
        make: |_| Box::new(ZeroNans::default()),
        hides_nans: true,
        refuses: &[],
    },
    row!(
        "CheckFinite",
        "crates/tricks-optim/src/transform/check_finite.rs",
        "refuses a NaN or infinite gradient, by name",
        CheckFinite
    ),
];

fn noise(change: impl Fn(&mut GradientNoise)) -> GradientNoise {
    let mut noise = GradientNoise::new(Noise::new(0));
    change(&mut noise);
    noise
}

fn average(params: &mut Dict<f64>) -> GradientAverage<f64> {
    GradientAverage::bind(0.9, params).expect("0.9 is in range, and a map fills its shapes")
}
