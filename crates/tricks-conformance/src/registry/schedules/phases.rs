//! Schedules that end.

use super::{NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE, ScheduleRow, row};
use tricks_schedule::{
    Between, Constant, Cooldown, Cosine, CosinePower, Geometric, KDecay, Linear, Piecewise,
    Polynomial, Rex, Table, Tanh, Wsd,
};

const LINEAR: Linear = Linear { from: 0.0, to: 0.1, steps: 10 };
const POLYNOMIAL: Polynomial = Polynomial { from: 0.1, to: 0.0, steps: 200, power: 0.5 };
const K_DECAY: KDecay = KDecay { from: 0.1, to: 0.001, steps: 80, power: 1.0, k: 3.0 };
const COSINE: Cosine = Cosine { from: 0.1, to: 0.001, steps: 90 };
const COSINE_POWER: CosinePower =
    CosinePower { from: 0.1, to: 0.001, steps: 90, power: 2.0, k: 1.5 };
const GEOMETRIC: Geometric = Geometric { from: 1e-4, to: 0.1, steps: 30 };
const REX: Rex = Rex { from: 0.1, to: 0.0, steps: 70 };
const TANH: Tanh = Tanh { from: 0.1, to: 0.001, steps: 60, lower: -6.0, upper: 3.0 };
const WSD: Wsd = Wsd {
    from: 0.0,
    peak: 0.1,
    to: 0.001,
    warmup: 10,
    stable: 50,
    cooldown: 20,
    shape: Cooldown::OneMinusSqrt,
};

pub(super) static ROWS: &[ScheduleRow] = &[
    row!(
        "Constant" in "crates/tricks-schedule/src/constant.rs": "η(t) = η₀",
        Constant { value: 0.1, steps: 5 }, text Some("constant 0.1 over 5"), within (0.1, 0.1), first 0.1, end Some((5, 0.1)),
        refuses [("value", |x| Box::new(x), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Linear" in "crates/tricks-schedule/src/linear.rs": "η(t) = η₀ + (η₁ − η₀) t/T",
        LINEAR, text Some("linear 0..0.1 over 10"), within (0.0, 0.1), first 0.0, end Some((10, 0.1)),
        refuses [("from", |x| Box::new(Linear { from: x, ..LINEAR }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Linear { to: x, ..LINEAR }), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Polynomial" in "crates/tricks-schedule/src/polynomial.rs": "η(t) = η₁ + (η₀ − η₁)(1 − t/T)^p",
        POLYNOMIAL, text Some("polynomial 0.1..0 over 200 power 0.5"), within (0.0, 0.1), first 0.1, end Some((200, 0.0)),
        refuses [("from", |x| Box::new(Polynomial { from: x, ..POLYNOMIAL }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Polynomial { to: x, ..POLYNOMIAL }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(Polynomial { steps: 0, ..POLYNOMIAL }), &[0.0]), ("power", |x| Box::new(Polynomial { power: x, ..POLYNOMIAL }), NOT_POSITIVE)]
    ),
    row!(
        "KDecay" in "crates/tricks-schedule/src/k_decay.rs": "η(t) = η₁ + (η₀ − η₁)(1 − (t/T)^k)^p",
        K_DECAY, text Some("k-decay 0.1..0.001 over 80 k 3"), within (0.001, 0.1), first 0.1, end Some((80, 0.001)),
        refuses [("from", |x| Box::new(KDecay { from: x, ..K_DECAY }), NOT_NON_NEGATIVE), ("to", |x| Box::new(KDecay { to: x, ..K_DECAY }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(KDecay { steps: 0, ..K_DECAY }), &[0.0]), ("power", |x| Box::new(KDecay { power: x, ..K_DECAY }), NOT_POSITIVE), ("k", |x| Box::new(KDecay { k: x, ..K_DECAY }), NOT_POSITIVE)]
    ),
    row!(
        "Cosine" in "crates/tricks-schedule/src/cosine.rs": "η(t) = η₁ + (η₀ − η₁)(1 + cos(πt/T))/2",
        COSINE, text Some("cosine 0.1..0.001 over 90"), within (0.001, 0.1), first 0.1, end Some((90, 0.001)),
        refuses [("from", |x| Box::new(Cosine { from: x, ..COSINE }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Cosine { to: x, ..COSINE }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(Cosine { steps: 0, ..COSINE }), &[0.0])]
    ),
    row!(
        "CosinePower" in "crates/tricks-schedule/src/cosine_power.rs": "η(t) = η₁ + (η₀ − η₁)((1 + cos(π(t/T)^k))/2)^p",
        COSINE_POWER, text Some("cosine-power 0.1..0.001 over 90 power 2 k 1.5"), within (0.001, 0.1), first 0.1, end Some((90, 0.001)),
        refuses [("from", |x| Box::new(CosinePower { from: x, ..COSINE_POWER }), NOT_NON_NEGATIVE), ("to", |x| Box::new(CosinePower { to: x, ..COSINE_POWER }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(CosinePower { steps: 0, ..COSINE_POWER }), &[0.0]), ("power", |x| Box::new(CosinePower { power: x, ..COSINE_POWER }), NOT_POSITIVE), ("k", |x| Box::new(CosinePower { k: x, ..COSINE_POWER }), NOT_POSITIVE)]
    ),
    row!(
        "Geometric" in "crates/tricks-schedule/src/geometric.rs": "η(t) = η₀ (η₁/η₀)^(t/T)",
        GEOMETRIC, text Some("geometric 1e-4..0.1 over 30"), within (1e-4, 0.1), first 1e-4, end Some((30, 0.1)),
        refuses [("from", |x| Box::new(Geometric { from: x, ..GEOMETRIC }), NOT_POSITIVE), ("to", |x| Box::new(Geometric { to: x, ..GEOMETRIC }), NOT_POSITIVE)]
    ),
    row!(
        "Rex" in "crates/tricks-schedule/src/rex.rs": "η(t) = η₁ + (η₀ − η₁) 2(T − t)/(2T − t)",
        REX, text Some("rex 0.1..0 over 70"), within (0.0, 0.1), first 0.1, end Some((70, 0.0)),
        refuses [("from", |x| Box::new(Rex { from: x, ..REX }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Rex { to: x, ..REX }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(Rex { steps: 0, ..REX }), &[0.0])]
    ),
    row!(
        "Tanh" in "crates/tricks-schedule/src/tanh.rs": "η(t) = η₁ + (η₀ − η₁)(1 − tanh(L + (U − L)t/T))/2",
        TANH, text Some("tanh 0.1..0.001 over 60"), within (0.001, 0.1), first 0.09999939172671439, end Some((60, 0.001)),
        refuses [("from", |x| Box::new(Tanh { from: x, ..TANH }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Tanh { to: x, ..TANH }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(Tanh { steps: 0, ..TANH }), &[0.0]), ("lower", |x| Box::new(Tanh { lower: x, ..TANH }), &NOT_FINITE), ("upper", |x| Box::new(Tanh { upper: x, ..TANH }), &NOT_FINITE)]
    ),
    row!(
        "Wsd" in "crates/tricks-schedule/src/wsd.rs": "η_from → η_peak, level, → η_to",
        WSD, text Some("wsd 0..0.1..0.001 warmup 10 stable 50 cooldown 20 shape 1-sqrt"), within (0.0, 0.1), first 0.0, end Some((80, 0.001)),
        refuses [("from", |x| Box::new(Wsd { from: x, ..WSD }), NOT_NON_NEGATIVE), ("peak", |x| Box::new(Wsd { peak: x, ..WSD }), NOT_NON_NEGATIVE), ("to", |x| Box::new(Wsd { to: x, ..WSD }), NOT_NON_NEGATIVE), ("cooldown", |_| Box::new(Wsd { cooldown: 0, ..WSD }), &[0.0])]
    ),
    row!(
        "Piecewise" in "crates/tricks-schedule/src/piecewise.rs": "η(tᵢ) = ηᵢ, held or joined by lines or waves",
        Piecewise { points: vec![(0, 0.1), (15, 0.05), (40, 0.01)], between: Between::Cosine }, text Some("piecewise 0:0.1,15:0.05,40:0.01 between cosine"), within (0.01, 0.1), first 0.1, end Some((40, 0.01)),
        refuses [("value", |x| Box::new(Piecewise { points: vec![(0, x)], between: Between::Hold }), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Table" in "crates/tricks-schedule/src/table.rs": "η(t) = values[t]; η₀ f(1) f(2) … f(t)",
        Table::multiplicative(0.5, 3, |_| 0.5), text Some("table 0.5,0.25,0.125,0.0625"), within (0.0625, 0.5), first 0.5, end Some((3, 0.0625)),
        refuses [("value", |x| Box::new(Table { values: vec![0.1, x] }), NOT_NON_NEGATIVE)]
    ),
];
