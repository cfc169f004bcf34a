//! Schedules that come back.

use super::{NOT_NON_NEGATIVE, NOT_POSITIVE, ScheduleRow, row};
use tricks_schedule::{
    CosineRestarts, CosineWave, Cyclic, CyclicHeight, OneCycle, PolynomialCycle,
};

const POLYNOMIAL: PolynomialCycle = PolynomialCycle { from: 0.1, to: 0.001, steps: 20, power: 2.0 };
const WAVE: CosineWave = CosineWave { from: 0.1, to: 0.001, steps: 15 };
const RESTARTS: CosineRestarts =
    CosineRestarts { from: 0.1, to: 0.001, steps: 20, period_factor: 2.0, peak_factor: 0.8 };
const CYCLIC: Cyclic =
    Cyclic { from: 0.001, to: 0.1, up: 10, down: 20, height: CyclicHeight::Halved };

pub(super) static ROWS: &[ScheduleRow] = &[
    row!(
        "PolynomialCycle" in "crates/tricks-schedule/src/polynomial_cycle.rs": "η(t) = η₁ + (η₀ − η₁)(1 − t/(nT))^p, n = max(1, ⌈t/T⌉)",
        POLYNOMIAL, text Some("polynomial-cycle 0.1..0.001 over 20 power 2"), within (0.001, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(PolynomialCycle { from: x, ..POLYNOMIAL }), NOT_NON_NEGATIVE), ("to", |x| Box::new(PolynomialCycle { to: x, ..POLYNOMIAL }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(PolynomialCycle { steps: 0, ..POLYNOMIAL }), &[0.0]), ("power", |x| Box::new(PolynomialCycle { power: x, ..POLYNOMIAL }), NOT_POSITIVE)]
    ),
    row!(
        "CosineWave" in "crates/tricks-schedule/src/cosine_wave.rs": "η(t) = η₁ + (η₀ − η₁)(1 + cos(πt/T))/2, for ever",
        WAVE, text Some("cosine-wave 0.1..0.001 over 15"), within (0.001, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(CosineWave { from: x, ..WAVE }), NOT_NON_NEGATIVE), ("to", |x| Box::new(CosineWave { to: x, ..WAVE }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(CosineWave { steps: 0, ..WAVE }), &[0.0])]
    ),
    row!(
        "CosineRestarts" in "crates/tricks-schedule/src/cosine_restarts.rs": "η(t) = η₁ + (η₀ − η₁) mⁿ (1 + cos(πτ/Tₙ))/2, Tₙ = T₀ fⁿ",
        RESTARTS, text Some("cosine-restarts 0.1..0.001 over 20 period 2 peak 0.8"), within (0.001, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(CosineRestarts { from: x, ..RESTARTS }), NOT_NON_NEGATIVE), ("to", |x| Box::new(CosineRestarts { to: x, ..RESTARTS }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(CosineRestarts { steps: 0, ..RESTARTS }), &[0.0]), ("period_factor", |x| Box::new(CosineRestarts { period_factor: x, ..RESTARTS }), NOT_POSITIVE), ("peak_factor", |x| Box::new(CosineRestarts { peak_factor: x, ..RESTARTS }), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Cyclic" in "crates/tricks-schedule/src/cyclic.rs": "η(t) = η₀ + (η₁ − η₀) a x, x up and down in straight lines",
        CYCLIC, text Some("cyclic 0.001..0.1 up 10 down 20 height halved"), within (0.001, 0.1), first 0.001, end None,
        refuses [("from", |x| Box::new(Cyclic { from: x, ..CYCLIC }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Cyclic { to: x, ..CYCLIC }), NOT_NON_NEGATIVE), ("up", |_| Box::new(Cyclic { up: 0, ..CYCLIC }), &[0.0]), ("down", |_| Box::new(Cyclic { down: 0, ..CYCLIC }), &[0.0]), ("gamma", |x| Box::new(Cyclic { height: CyclicHeight::Exponential(x), ..CYCLIC }), NOT_POSITIVE)]
    ),
    row!(
        "OneCycle" in "crates/tricks-schedule/src/one_cycle.rs": "η₀ → η_peak → η_last, in waves or straight lines",
        OneCycle::torch(0.1, 100, 0.3).three_phase(), text Some("one-cycle 0.004..0.1..4e-7 top 29 back 58 end 99"), within (0.1 / 25.0 / 1e4, 0.1), first 0.1 / 25.0, end None,
        refuses [("from", |x| Box::new(OneCycle { from: x, ..OneCycle::torch(0.1, 100, 0.3) }), NOT_NON_NEGATIVE), ("peak", |x| Box::new(OneCycle { from: 0.1, to: 0.0, ..OneCycle::torch(x, 100, 0.3) }), NOT_NON_NEGATIVE), ("to", |x| Box::new(OneCycle { to: x, ..OneCycle::torch(0.1, 100, 0.3) }), NOT_NON_NEGATIVE), ("end", |x| Box::new(OneCycle { end: x, ..OneCycle::torch(0.1, 100, 0.3) }), NOT_POSITIVE)]
    ),
];
