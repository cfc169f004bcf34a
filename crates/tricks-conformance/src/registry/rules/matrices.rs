//! Rules that know a parameter's rows and columns.

use super::{RuleForm, RuleRow, form};
use crate::registry::{About, NOT_FRACTION, NOT_NON_NEGATIVE, NOT_POSITIVE, both};
use tricks_optim::{Adafactor, Factored, Muon, MuonScale};

pub(super) static ROWS: &[RuleRow] = &[
    RuleRow {
        about: About {
            name: "Adafactor",
            file: "crates/tricks-optim/src/rules/adafactor.rs",
            formula: "v̂ᵢⱼ = Rᵢ Cⱼ / mean R; u = g / √v̂; θ ← θ − α u / max(1, rms u / d)",
        },
        forms: &[
            form!("torch", Adafactor::torch()),
            form!("keras", Adafactor::keras()),
            form!("optax", Adafactor::optax()),
            form!("momentum", {
                let factored = Factored::LargestTwo { min_dim: 2 };
                Adafactor { momentum: 0.9, factored, ..Adafactor::optax() }
            }),
            form!("unfactored", Adafactor { factored: Factored::Never, ..Adafactor::torch() }),
        ],
        refuses: &[
            (
                "beta2_decay",
                |x| Box::new(Adafactor { beta2_decay: x, ..Adafactor::torch() }),
                &[0.1, f64::NAN, f64::NEG_INFINITY],
            ),
            (
                "eps1",
                |x| Box::new(Adafactor { eps1: Some(x), ..Adafactor::torch() }),
                NOT_NON_NEGATIVE,
            ),
            ("eps2", |x| Box::new(Adafactor { eps2: x, ..Adafactor::torch() }), NOT_NON_NEGATIVE),
            (
                "clip_threshold",
                |x| Box::new(Adafactor { clip_threshold: x, ..Adafactor::torch() }),
                &[0.0, 0.9, f64::NAN],
            ),
            (
                "momentum",
                |x| Box::new(Adafactor { momentum: x, ..Adafactor::optax() }),
                NOT_FRACTION,
            ),
        ],
    },
    RuleRow {
        about: About {
            name: "Muon",
            file: "crates/tricks-optim/src/rules/muon.rs",
            formula: "m ← μ m + (1 − μ) g; θ ← θ − η s X, X: the orthogonal matrix next to m",
        },
        forms: &[
            form!("torch", Muon::torch()),
            form!("optax", Muon::optax()),
            form!(
                "without Nesterov",
                Muon { nesterov: false, bias_correction: false, ..Muon::torch() }
            ),
            form!("adaptive", {
                let scale = MuonScale::MatchRms(0.2);
                Muon { adaptive: true, nesterov: false, scale, ..Muon::optax() }
            }),
        ],
        refuses: &[
            ("momentum", |x| Box::new(Muon { momentum: x, ..Muon::torch() }), NOT_FRACTION),
            ("eps", |x| Box::new(Muon { eps: x, ..Muon::torch() }), NOT_NON_NEGATIVE),
            ("steps", |x| Box::new(Muon { steps: x as u32, ..Muon::torch() }), &[0.0, 101.0]),
            (
                "b",
                |x| Box::new(Muon { coefficients: [1.0, x, 1.0], ..Muon::torch() }),
                &[f64::NAN, f64::INFINITY],
            ),
            (
                "scale",
                |x| Box::new(Muon { scale: MuonScale::MatchRms(x), ..Muon::torch() }),
                NOT_POSITIVE,
            ),
        ],
    },
];
