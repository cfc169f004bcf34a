//! Schedules made of others, and what is no schedule.

use super::{About, NOT_NON_NEGATIVE, ScheduleRow, row};
use tricks_schedule::{AnySchedule, Cosine, Linear, Phase, Schedule, Step};

const COSINE: Cosine = Cosine { from: 0.1, to: 0.001, steps: 90 };
const LINEAR: Linear = Linear { from: 0.0, to: 0.1, steps: 10 };
const STEP: Step = Step { from: 0.1, gamma: 0.5, every: 10 };

pub(super) static ROWS: &[ScheduleRow] = &[
    row!(
        "Warmup" in "crates/tricks-schedule/src/warmup.rs": "a linear ramp in front of any of them",
        COSINE.warmup(0.01, 10), text Some("warmup 10 from 0.01 then cosine 0.1..0.001 over 90"), within (0.001, 0.1), first 0.01, end Some((100, 0.001)),
        refuses [("from", |x| Box::new(COSINE.warmup(x, 10)), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Swa" in "crates/tricks-schedule/src/swa.rs": "s(t), then down to a level rate",
        COSINE.swa(40, 0.05, 6), text None, within (0.05, 0.1), first 0.1, end Some((46, 0.05)),
        refuses [("to", |x| Box::new(COSINE.swa(40, x, 6)), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Then" in "crates/tricks-schedule/src/then.rs": "one phase, then another schedule",
        LINEAR.then(COSINE), text Some("linear 0..0.1 over 10 then cosine 0.1..0.001 over 90"), within (0.0, 0.1), first 0.0, end Some((100, 0.001)),
        refuses [("to", |x| Box::new(LINEAR.then(Cosine { to: x, ..COSINE })), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Repeat" in "crates/tricks-schedule/src/repeat.rs": "s(t mod T)",
        COSINE.repeated(), text Some("cosine 0.1..0.001 over 90 repeated"), within (0.001, 0.1), first 0.1, end None,
        refuses [("to", |x| Box::new(Cosine { to: x, ..COSINE }.repeated()), NOT_NON_NEGATIVE), ("steps", |_| Box::new(Linear { steps: 0, ..LINEAR }.repeated()), &[0.0])]
    ),
    row!(
        "Delay" in "crates/tricks-schedule/src/delay.rs": "s(max(t − n, 0))",
        COSINE.delayed(7), text Some("cosine 0.1..0.001 over 90 delayed 7"), within (0.001, 0.1), first 0.1, end Some((97, 0.001)),
        refuses [("to", |x| Box::new(Cosine { to: x, ..COSINE }.delayed(7)), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Floor" in "crates/tricks-schedule/src/floor.rs": "max(s(t), m)",
        COSINE.at_least(0.01), text Some("cosine 0.1..0.001 over 90 at-least 0.01"), within (0.01, 0.1), first 0.1, end Some((90, 0.01)),
        refuses [("min", |x| Box::new(COSINE.at_least(x)), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Mapped" in "crates/tricks-schedule/src/mapped.rs": "f(s(t))",
        COSINE.mapped(|lr| 1.0 - lr), text None, within (0.9, 0.999), first 0.9, end Some((90, 0.999)),
        refuses [("to", |x| Box::new(Cosine { to: x, ..COSINE }.mapped(|lr| lr)), NOT_NON_NEGATIVE)]
    ),
    row!(
        "Take, Skip, Scaled, Product, PerEpoch" in "crates/tricks-schedule/src/combinators.rs": "s(min(t, T)); s(t + n); c·s(t); a(t)·b(t); s(⌊t/n⌋)",
        STEP.skip(5).scaled(0.5).times(LINEAR).per_epoch(3).take(70), text Some("step 0.1 gamma 0.5 every 10 skip 5 scaled 0.5 times (linear 0..0.1 over 10) per-epoch 3 take 70"), within (0.0, 0.005), first 0.0, end Some((70, 0.5 * 0.025 * 0.1)),
        refuses [("factor", |x| Box::new(STEP.scaled(x)), NOT_NON_NEGATIVE), ("steps_per_epoch", |_| Box::new(STEP.per_epoch(0)), &[0.0])]
    ),
    row!(
        "AnySchedule, AnyPhase" in "crates/tricks-schedule/src/any.rs": "whatever a text names",
        "warmup 500 then cosine 1e-3..1e-5 over 10000".parse::<AnySchedule>().unwrap_or(f64::NAN.into()),
        text Some("warmup 500 then cosine 1e-3..1e-5 over 10000"), within (0.0, 1e-3), first 0.0, end Some((10_500, 1e-5)),
        refuses [("value", |x| Box::new(AnySchedule::from(x)), NOT_NON_NEGATIVE)]
    ),
    ScheduleRow {
        about: About {
            name: "Plateau",
            file: "crates/tricks-schedule/src/plateau.rs",
            formula: "η ← max(γη, η_min) when a metric stalls",
        },
        sample: None,
        refuses: &[],
    },
];
