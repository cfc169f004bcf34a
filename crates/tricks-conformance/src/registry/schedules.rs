use super::{About, Bad, NOT_NON_NEGATIVE, NOT_POSITIVE};
use tricks_schedule::{
    Constant, Cosine, CosineRestarts, Cyclic, CyclicHeight, Exponential, InverseTime, Linear,
    Milestones, OneCycle, Phase, Polynomial, Schedule, Step,
};

/// A learning-rate schedule.
pub struct ScheduleRow {
    /// Name, file, formula.
    pub about: About,
    /// One with ordinary numbers; none for what has memory and is no [`Schedule`].
    pub make: Option<fn() -> Box<dyn Schedule>>,
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Schedule>>],
}

const COSINE: Cosine = Cosine { from: 0.1, to: 0.001, steps: 90 };
const LINEAR: Linear = Linear { from: 0.0, to: 0.1, steps: 10 };
const RESTARTS: CosineRestarts =
    CosineRestarts { from: 0.1, to: 0.001, steps: 20, period_factor: 2.0, peak_factor: 0.8 };
const CYCLIC: Cyclic =
    Cyclic { from: 0.001, to: 0.1, up: 10, down: 20, height: CyclicHeight::Halved };
const INVERSE: InverseTime = InverseTime { from: 0.1, rate: 0.5, steps: 10, staircase: false };
const STEP: Step = Step { from: 0.1, gamma: 0.5, every: 10 };

/// Every schedule.
pub static SCHEDULES: &[ScheduleRow] = &[
    ScheduleRow {
        about: About {
            name: "Constant",
            file: "crates/tricks-schedule/src/constant.rs",
            formula: "η(t) = η₀",
        },
        make: Some(|| Box::new(Constant { value: 0.1, steps: 5 })),
        refuses: &[("value", |x| Box::new(x), NOT_NON_NEGATIVE)],
    },
    ScheduleRow {
        about: About {
            name: "Step",
            file: "crates/tricks-schedule/src/step.rs",
            formula: "η(t) = η₀ γ^⌊t/k⌋",
        },
        make: Some(|| Box::new(STEP)),
        refuses: &[
            ("from", |x| Box::new(Step { from: x, ..STEP }), NOT_NON_NEGATIVE),
            ("gamma", |x| Box::new(Step { gamma: x, ..STEP }), NOT_POSITIVE),
            ("every", |_| Box::new(Step { every: 0, ..STEP }), &[0.0]),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Milestones",
            file: "crates/tricks-schedule/src/milestones.rs",
            formula: "η(t) = η₀ γ^(milestones ≤ t)",
        },
        make: Some(|| Box::new(Milestones { from: 0.1, gamma: 0.7, milestones: [10, 50, 200] })),
        refuses: &[(
            "gamma",
            |x| Box::new(Milestones { from: 0.1, gamma: x, milestones: [10] }),
            NOT_POSITIVE,
        )],
    },
    ScheduleRow {
        about: About {
            name: "Exponential",
            file: "crates/tricks-schedule/src/exponential.rs",
            formula: "η(t) = η₀ e^(−λt)",
        },
        make: Some(|| Box::new(Exponential { from: 0.1, lambda: 0.01 })),
        refuses: &[
            ("from", |x| Box::new(Exponential { from: x, lambda: 0.1 }), NOT_NON_NEGATIVE),
            ("lambda", |x| Box::new(Exponential { from: 0.1, lambda: x }), &super::NOT_FINITE),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Polynomial",
            file: "crates/tricks-schedule/src/polynomial.rs",
            formula: "η(t) = η₁ + (η₀ − η₁)(1 − t/T)^p",
        },
        make: Some(|| Box::new(Polynomial { from: 0.1, to: 0.0, steps: 200, power: 0.5 })),
        refuses: &[
            (
                "power",
                |x| Box::new(Polynomial { from: 0.1, to: 0.0, steps: 200, power: x }),
                NOT_POSITIVE,
            ),
            (
                "steps",
                |_| Box::new(Polynomial { from: 0.1, to: 0.0, steps: 0, power: 1.0 }),
                &[0.0],
            ),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Linear",
            file: "crates/tricks-schedule/src/linear.rs",
            formula: "η(t) = η₀ + (η₁ − η₀) t/T",
        },
        make: Some(|| Box::new(LINEAR)),
        refuses: &[
            ("from", |x| Box::new(Linear { from: x, ..LINEAR }), NOT_NON_NEGATIVE),
            ("to", |x| Box::new(Linear { to: x, ..LINEAR }), NOT_NON_NEGATIVE),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Cosine",
            file: "crates/tricks-schedule/src/cosine.rs",
            formula: "η(t) = η₁ + (η₀ − η₁)(1 + cos(πt/T))/2",
        },
        make: Some(|| Box::new(COSINE)),
        refuses: &[
            ("from", |x| Box::new(Cosine { from: x, ..COSINE }), NOT_NON_NEGATIVE),
            ("to", |x| Box::new(Cosine { to: x, ..COSINE }), NOT_NON_NEGATIVE),
            ("steps", |_| Box::new(Cosine { steps: 0, ..COSINE }), &[0.0]),
        ],
    },
    ScheduleRow {
        about: About {
            name: "CosineRestarts",
            file: "crates/tricks-schedule/src/cosine_restarts.rs",
            formula: "η(t) = η₁ + (η₀ − η₁) mⁿ (1 + cos(πτ/Tₙ))/2, Tₙ = T₀ fⁿ",
        },
        make: Some(|| Box::new(RESTARTS)),
        refuses: &[
            ("from", |x| Box::new(CosineRestarts { from: x, ..RESTARTS }), NOT_NON_NEGATIVE),
            ("to", |x| Box::new(CosineRestarts { to: x, ..RESTARTS }), NOT_NON_NEGATIVE),
            ("steps", |_| Box::new(CosineRestarts { steps: 0, ..RESTARTS }), &[0.0]),
            (
                "period_factor",
                |x| Box::new(CosineRestarts { period_factor: x, ..RESTARTS }),
                NOT_POSITIVE,
            ),
            (
                "peak_factor",
                |x| Box::new(CosineRestarts { peak_factor: x, ..RESTARTS }),
                NOT_NON_NEGATIVE,
            ),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Cyclic",
            file: "crates/tricks-schedule/src/cyclic.rs",
            formula: "η(t) = η₀ + (η₁ − η₀) a x, x up and down in straight lines",
        },
        make: Some(|| Box::new(CYCLIC)),
        refuses: &[
            ("from", |x| Box::new(Cyclic { from: x, ..CYCLIC }), NOT_NON_NEGATIVE),
            ("to", |x| Box::new(Cyclic { to: x, ..CYCLIC }), NOT_NON_NEGATIVE),
            ("up", |_| Box::new(Cyclic { up: 0, ..CYCLIC }), &[0.0]),
            ("down", |_| Box::new(Cyclic { down: 0, ..CYCLIC }), &[0.0]),
            (
                "gamma",
                |x| Box::new(Cyclic { height: CyclicHeight::Exponential(x), ..CYCLIC }),
                NOT_POSITIVE,
            ),
        ],
    },
    ScheduleRow {
        about: About {
            name: "OneCycle",
            file: "crates/tricks-schedule/src/one_cycle.rs",
            formula: "η₀ → η_peak → η_last, in waves or straight lines",
        },
        make: Some(|| Box::new(OneCycle::torch(0.1, 100, 0.3).three_phase())),
        refuses: &[
            (
                "from",
                |x| Box::new(OneCycle { from: x, ..OneCycle::torch(0.1, 100, 0.3) }),
                NOT_NON_NEGATIVE,
            ),
            (
                "peak",
                |x| Box::new(OneCycle { from: 0.1, to: 0.0, ..OneCycle::torch(x, 100, 0.3) }),
                NOT_NON_NEGATIVE,
            ),
            (
                "to",
                |x| Box::new(OneCycle { to: x, ..OneCycle::torch(0.1, 100, 0.3) }),
                NOT_NON_NEGATIVE,
            ),
            (
                "end",
                |x| Box::new(OneCycle { end: x, ..OneCycle::torch(0.1, 100, 0.3) }),
                NOT_POSITIVE,
            ),
        ],
    },
    ScheduleRow {
        about: About {
            name: "InverseTime",
            file: "crates/tricks-schedule/src/inverse_time.rs",
            formula: "η(t) = η₀ / (1 + r t/k)",
        },
        make: Some(|| Box::new(INVERSE)),
        refuses: &[
            ("from", |x| Box::new(InverseTime { from: x, ..INVERSE }), NOT_NON_NEGATIVE),
            ("rate", |x| Box::new(InverseTime { rate: x, ..INVERSE }), NOT_NON_NEGATIVE),
            ("steps", |_| Box::new(InverseTime { steps: 0, ..INVERSE }), &[0.0]),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Warmup",
            file: "crates/tricks-schedule/src/warmup.rs",
            formula: "a linear ramp in front of any of them",
        },
        make: Some(|| Box::new(COSINE.warmup(0.01, 10))),
        refuses: &[("from", |x| Box::new(COSINE.warmup(x, 10)), NOT_NON_NEGATIVE)],
    },
    ScheduleRow {
        about: About {
            name: "Then",
            file: "crates/tricks-schedule/src/then.rs",
            formula: "one phase, then another schedule",
        },
        make: Some(|| Box::new(LINEAR.then(COSINE))),
        refuses: &[("to", |x| Box::new(LINEAR.then(Cosine { to: x, ..COSINE })), NOT_NON_NEGATIVE)],
    },
    ScheduleRow {
        about: About {
            name: "Take, Skip, Scaled, Product, PerEpoch",
            file: "crates/tricks-schedule/src/combinators.rs",
            formula: "s(min(t, T)); s(t + n); c·s(t); a(t)·b(t); s(⌊t/n⌋)",
        },
        make: Some(|| Box::new(STEP.skip(5).scaled(0.5).times(COSINE).per_epoch(3).take(70))),
        refuses: &[
            ("factor", |x| Box::new(STEP.scaled(x)), NOT_NON_NEGATIVE),
            ("steps_per_epoch", |_| Box::new(STEP.per_epoch(0)), &[0.0]),
        ],
    },
    ScheduleRow {
        about: About {
            name: "Plateau",
            file: "crates/tricks-schedule/src/plateau.rs",
            formula: "η ← max(γη, η_min) when a metric stalls",
        },
        make: None,
        refuses: &[],
    },
];
