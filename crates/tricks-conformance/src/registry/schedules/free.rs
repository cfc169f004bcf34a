//! Schedules that go on.

use super::{NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE, ScheduleRow, row};
use tricks_schedule::{Exponential, InverseSqrt, InverseTime, Lambda, Milestones, Step};

const STEP: Step = Step { from: 0.1, gamma: 0.5, every: 10 };
const EXPONENTIAL: Exponential = Exponential { from: 0.1, lambda: 0.01 };
const INVERSE: InverseTime = InverseTime { from: 0.1, rate: 0.5, steps: 10, staircase: false };
const SQRT: InverseSqrt = InverseSqrt { peak: 0.1, warmup: 4 };

pub(super) static ROWS: &[ScheduleRow] = &[
    row!(
        "Step" in "crates/tricks-schedule/src/step.rs": "η(t) = η₀ γ^⌊t/k⌋",
        STEP, text Some("step 0.1 gamma 0.5 every 10"), within (0.0, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(Step { from: x, ..STEP }), NOT_NON_NEGATIVE), ("gamma", |x| Box::new(Step { gamma: x, ..STEP }), NOT_POSITIVE), ("every", |_| Box::new(Step { every: 0, ..STEP }), &[0.0])]
    ),
    row!(
        "Milestones" in "crates/tricks-schedule/src/milestones.rs": "η(t) = η₀ γ^(milestones ≤ t)",
        Milestones { from: 0.1, gamma: 0.7, milestones: [10, 50, 200] }, text Some("milestones 0.1 gamma 0.7 at 10,50,200"), within (0.03, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(Milestones { from: x, gamma: 0.7, milestones: [10] }), NOT_NON_NEGATIVE), ("gamma", |x| Box::new(Milestones { from: 0.1, gamma: x, milestones: [10] }), NOT_POSITIVE)]
    ),
    row!(
        "Exponential" in "crates/tricks-schedule/src/exponential.rs": "η(t) = η₀ e^(−λt)",
        EXPONENTIAL, text Some("exponential 0.1 lambda 0.01"), within (0.0, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(Exponential { from: x, ..EXPONENTIAL }), NOT_NON_NEGATIVE), ("lambda", |x| Box::new(Exponential { lambda: x, ..EXPONENTIAL }), &NOT_FINITE)]
    ),
    row!(
        "InverseTime" in "crates/tricks-schedule/src/inverse_time.rs": "η(t) = η₀ / (1 + r t/k)",
        INVERSE, text Some("inverse-time 0.1 rate 0.5 every 10"), within (0.0, 0.1), first 0.1, end None,
        refuses [("from", |x| Box::new(InverseTime { from: x, ..INVERSE }), NOT_NON_NEGATIVE), ("rate", |x| Box::new(InverseTime { rate: x, ..INVERSE }), NOT_NON_NEGATIVE), ("steps", |_| Box::new(InverseTime { steps: 0, ..INVERSE }), &[0.0])]
    ),
    row!(
        "InverseSqrt" in "crates/tricks-schedule/src/inverse_sqrt.rs": "η(t) = η_peak min((t+1)/w, √(w/(t+1)))",
        SQRT, text Some("inverse-sqrt 0.1 warmup 4"), within (0.0, 0.1), first 0.025, end None,
        refuses [("peak", |x| Box::new(InverseSqrt { peak: x, ..SQRT }), NOT_NON_NEGATIVE), ("warmup", |_| Box::new(InverseSqrt { warmup: 0, ..SQRT }), &[0.0])]
    ),
    row!(
        "Lambda" in "crates/tricks-schedule/src/lambda.rs": "η(t) = f(t)",
        Lambda(|t| 0.1 / (1.0 + t as f64)), text None, within (0.0, 0.1), first 0.1, end None,
        refuses []
    ),
];
