//! What holds for every schedule, on random hyper-parameters and steps.

use proptest::prelude::*;
use tricks_schedule::{
    Anneal, AnySchedule, Between, Constant, Cooldown, Cosine, CosinePower, CosineRestarts,
    CosineWave, Cyclic, CyclicHeight, Exponential, Geometric, InverseSqrt, InverseTime, KDecay,
    Linear, Milestones, OneCycle, Phase, Piecewise, Polynomial, PolynomialCycle, Rex, Schedule,
    Step, Table, Tanh, Wsd,
};

fn rate() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..1.0, 1e-300..1e-290, 1e290..1e300]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![1..5u64, 1..10_000u64, Just(u64::MAX), any::<u64>().prop_map(|n| n.max(1))]
}

/// Steps where things happen: the ends, the seams, the far end of the numbers, and any other.
fn steps_of_interest(around: u64, any: u64) -> Vec<u64> {
    let near = [around.saturating_sub(1), around, around.saturating_add(1)];
    [0, 1, 2, any, any % around.max(1), 1 << 53, u64::MAX - 1, u64::MAX]
        .into_iter()
        .chain(near)
        .collect()
}

/// Each kind that ends, with its two ends.
fn phases(from: f64, to: f64, steps: u64, power: f64) -> Vec<(Box<dyn Phase>, f64, f64)> {
    vec![
        (Box::new(Constant { value: from, steps }), from, from),
        (Box::new(Linear { from, to, steps }), from, to),
        (Box::new(Cosine { from, to, steps }), from, to),
        (Box::new(Polynomial { from, to, steps, power }), from, to),
        (Box::new(KDecay { from, to, steps, power, k: 2.0 }), from, to),
        (Box::new(KDecay { from, to, steps, power: 1.0, k: power }), from, to),
        (Box::new(CosinePower { from, to, steps, power, k: 1.0 }), from, to),
        (Box::new(CosinePower { from, to, steps, power: 1.0, k: power }), from, to),
        (Box::new(Rex { from, to, steps }), from, to),
    ]
}

/// Each kind that goes on.
fn decays(from: f64, gamma: f64, every: u64) -> Vec<Box<dyn Schedule>> {
    vec![
        Box::new(from),
        Box::new(Step { from, gamma, every }),
        Box::new(Milestones { from, gamma, milestones: vec![every, 1, every, u64::MAX] }),
        Box::new(Exponential::from_gamma(from, gamma).expect("gamma is above 0")),
    ]
}

/// Each kind that comes back.
fn cycles(from: f64, to: f64, [a, b]: [u64; 2], share: f64) -> Vec<Box<dyn Schedule>> {
    let restarts = |period_factor, peak_factor| CosineRestarts {
        from,
        to,
        steps: a,
        period_factor,
        peak_factor,
    };
    let cyclic = |height| Cyclic { from, to, up: a, down: b, height };
    let (top, end) = (share * (a as f64), a as f64);
    let one = |anneal, back| OneCycle { from, peak: to, to: from, top, back, end, anneal };
    vec![
        Box::new(CosineWave { from, to, steps: a }),
        Box::new(PolynomialCycle { from, to, steps: a, power: 2.0 * share }),
        Box::new(Rex { from, to, steps: a }.then(Constant { value: to, steps: b }).repeated()),
        Box::new(restarts(1.0, 1.0)),
        Box::new(restarts(2.0, share)),
        Box::new(restarts(1.0 + share, 0.5)),
        Box::new(cyclic(CyclicHeight::Constant)),
        Box::new(cyclic(CyclicHeight::Halved)),
        Box::new(cyclic(CyclicHeight::Exponential(share))),
        Box::new(one(Anneal::Cosine, None)),
        Box::new(one(Anneal::Linear, Some((top + end) / 2.0))),
    ]
}

/// Each kind that can be written down.
fn written(from: f64, to: f64, share: f64, [a, b, c]: [u64; 3]) -> Vec<AnySchedule> {
    let points = vec![(0, from), (1, to), (a.max(2), share)];
    let (top, end) = (share * 10.0, 10.0);
    let anneal = Anneal::Linear;
    let back = Some(9.5 + share / 2.0);
    vec![
        from.into(),
        Constant { value: from, steps: a }.into(),
        Linear { from, to, steps: a }.into(),
        Polynomial { from, to, steps: a, power: share }.into(),
        PolynomialCycle { from, to, steps: a, power: share }.into(),
        KDecay { from, to, steps: a, power: share, k: share }.into(),
        Cosine { from, to, steps: a }.into(),
        CosinePower { from, to, steps: a, power: share, k: share }.into(),
        CosineWave { from, to, steps: a }.into(),
        CosineRestarts { from, to, steps: a, period_factor: 1.0 + share, peak_factor: share }
            .into(),
        Geometric { from: share, to: to.max(1e-300), steps: a }.into(),
        Rex { from, to, steps: a }.into(),
        Tanh { from, to, steps: a, lower: -share, upper: share }.into(),
        Wsd { from, peak: share, to, warmup: a, stable: b, cooldown: c, shape: Cooldown::Cosine }
            .into(),
        Piecewise { points, between: Between::Linear }.into(),
        Table { values: vec![from, to, share] }.into(),
        Step { from, gamma: share, every: a }.into(),
        Milestones { from, gamma: share, milestones: vec![a, b, c] }.into(),
        Exponential { from, lambda: share }.into(),
        InverseTime { from, rate: share, steps: a, staircase: a % 2 == 0 }.into(),
        InverseSqrt { peak: from, warmup: a }.into(),
        Cyclic { from, to, up: a, down: b, height: CyclicHeight::Halved }.into(),
        Cyclic { from, to, up: a, down: b, height: CyclicHeight::Exponential(share) }.into(),
        OneCycle { from, peak: share, to, top, back, end, anneal }.into(),
        OneCycle { from, peak: share, to, top, back: None, end, anneal }.into(),
    ]
}

/// What a text may be made of.
const WORDS: &[&str] = &[
    "(",
    ")",
    "..",
    "0.1",
    "1",
    "0",
    "5",
    "-3",
    "nan",
    "18446744073709551615",
    "then",
    "warmup",
    "from",
    "over",
    "cosine",
    "linear",
    "geometric",
    "take",
    "skip",
    "repeated",
    "times",
    "scaled",
    "at-least",
    "per-epoch",
    "delayed",
    "step",
    "gamma",
    "every",
    "constant",
    "table",
    "1,2",
    "ü",
];

proptest! {
    #[test]
    fn cycles_stay_between_their_ends(
        from in rate(), to in rate(), a in count(), b in count(), share in 0.01..1.0, any: u64,
    ) {
        for (i, schedule) in cycles(from, to, [a, b], share).into_iter().enumerate() {
            prop_assert!(schedule.validate().is_ok(), "{i}: {:?}", schedule.validate());
            prop_assert_eq!(schedule.at(0), from);
            for t in steps_of_interest(a, any).into_iter().chain(steps_of_interest(b, any)) {
                let value = schedule.at(t);
                let within = from.min(to) <= value && value <= from.max(to);
                prop_assert!(within, "{i} at {t}: {value}");
                prop_assert_eq!(value, schedule.at(t));
            }
        }
    }

    #[test]
    fn phases_stay_between_their_ends_and_meet_them(
        from in rate(), to in rate(), steps in count(), power in 0.01..20.0, any: u64,
    ) {
        for (phase, first, last) in phases(from, to, steps, power) {
            prop_assert!(phase.validate().is_ok());
            prop_assert_eq!(phase.steps(), steps);
            prop_assert_eq!(phase.at(0), first);
            prop_assert_eq!(phase.at(steps), last);
            prop_assert_eq!(phase.at(u64::MAX), last);
            for t in steps_of_interest(steps, any) {
                let value = phase.at(t);
                prop_assert!(first.min(last) <= value && value <= first.max(last), "{t}: {value}");
                prop_assert_eq!(value, phase.at(t));
            }
        }
    }

    /// One update moves a straight line or a power towards its end, or leaves it where it is.
    #[test]
    fn phases_do_not_turn_back(
        from in 0.0..1.0, to in 0.0..1.0, steps in 2..1_000_000u64, power in 0.1..5.0, any: u64,
    ) {
        let t = any % steps;
        for (phase, first, last) in phases(from, to, steps, power) {
            let moved = (phase.at(t + 1) - phase.at(t)) * if last < first { -1.0 } else { 1.0 };
            prop_assert!(moved >= -1e-15, "{moved}");
        }
    }

    #[test]
    fn decays_are_finite_and_fall(from in rate(), gamma in 0.01..1.0, every in count(), any: u64) {
        let inverse = |staircase| -> Box<dyn Schedule> {
            Box::new(InverseTime { from, rate: gamma, steps: every, staircase })
        };
        let root = Box::new(InverseSqrt { peak: from, warmup: 1 });
        let inverse = [inverse(false), inverse(true), root];
        for schedule in decays(from, gamma, every).into_iter().chain(inverse) {
            prop_assert!(schedule.validate().is_ok());
            prop_assert_eq!(schedule.at(0), from);
            let mut steps = steps_of_interest(every, any);
            steps.sort_unstable();
            let values: Vec<_> = steps.iter().map(|&t| schedule.at(t)).collect();
            prop_assert!(values.iter().all(|v| (0.0..=from).contains(v)), "{values:?}");
            prop_assert!(values.is_sorted_by(|a, b| a >= b), "{values:?}");
        }
    }

    #[test]
    fn growth_is_finite(from in rate(), gamma in 1.0..1e9, every in count(), any: u64) {
        for schedule in decays(from, gamma, every) {
            for t in steps_of_interest(every, any) {
                let value = schedule.at(t);
                prop_assert!(value.is_finite() && value >= from, "{t}: {value}");
            }
        }
    }

    #[test]
    fn combinations_are_finite(
        from in rate(), to in rate(), gamma in 0.01..100.0, n in count(), k in count(),
        factor in rate(), any: u64,
    ) {
        let phase = Cosine { from, to, steps: n };
        let step = Step { from, gamma, every: k };
        let all: [&dyn Schedule; 14] = [
            &step.warmup_cosine(to, n),
            &step.warmup_one_based(n),
            &step.swa(k, to, n),
            &step.delayed(k).at_least(to),
            &phase.then(phase.delayed(k)).repeated(),
            &phase.mapped(|lr| 1.0 - lr / f64::MAX),
            &phase.then(step),
            &step.warmup(to, n),
            &step.take(n).then(phase),
            &step.skip(k),
            &step.scaled(factor),
            &step.times(step),
            &phase.per_epoch(k),
            &phase.then(step).scaled(factor).per_epoch(k).skip(n).warmup(to, k).times(phase),
        ];
        for (i, schedule) in all.into_iter().enumerate() {
            prop_assert!(schedule.validate().is_ok());
            for t in steps_of_interest(n, any).into_iter().chain(steps_of_interest(k, any)) {
                prop_assert!(schedule.at(t).is_finite(), "{i} at {t}");
            }
        }
        prop_assert_eq!(step.warmup(to, n).at(n), from);
    }

    /// By equal factors, over any range and any number of steps.
    #[test]
    fn factors_stay_between_their_ends(
        from in prop_oneof![1e-300..1.0f64, 1e290..1e300], to in 1e-300..1e9f64,
        steps in count(), any: u64,
    ) {
        let phase = Geometric { from, to, steps };
        prop_assert!(phase.validate().is_ok());
        prop_assert_eq!((phase.at(0), phase.at(steps)), (from, to));
        for t in steps_of_interest(steps, any) {
            let value = phase.at(t);
            prop_assert!(from.min(to) <= value && value <= from.max(to), "{t}: {value}");
        }
    }

    /// Those with values of their own between the ends.
    #[test]
    fn stretches_stay_between_their_values(
        values in [rate(), rate(), rate()], steps in [count(), count(), count()], any: u64,
    ) {
        let [from, peak, to] = values;
        // A sum beyond all steps there are has no last step.
        let [warmup, stable, cooldown] = steps.map(|n| n / 4 + 1);
        let (low, high) = (from.min(peak).min(to), from.max(peak).max(to));
        let mut all: Vec<Box<dyn Phase>> = Vec::new();
        for shape in [Cooldown::Linear, Cooldown::Cosine, Cooldown::OneMinusSqrt] {
            let wsd = Wsd { from, peak, to, warmup, stable, cooldown, shape };
            prop_assert_eq!(wsd.at(0), from);
            all.push(Box::new(wsd));
        }
        let second = warmup.saturating_add(stable);
        for between in [Between::Hold, Between::Linear, Between::Cosine] {
            let points = vec![(0, from), (warmup, peak), (second, to)];
            all.push(Box::new(Piecewise { points, between }));
        }
        all.push(Box::new(Table { values: values.to_vec() }));
        let curve = Tanh { from: low, to: high, steps: cooldown, lower: -3.0, upper: 2.0 };
        all.push(Box::new(curve));
        for phase in all {
            prop_assert!(phase.validate().is_ok(), "{:?}", phase.validate());
            let last = phase.at(phase.steps());
            prop_assert!(last == to || last == high);
            for t in [warmup, second, phase.steps()].iter().flat_map(|n| steps_of_interest(*n, any)) {
                let value = phase.at(t);
                prop_assert!(low <= value && value <= high, "{t}: {value}");
                prop_assert!(t < phase.steps() || value == last, "{t}: {value}");
            }
        }
    }

    /// Printed and read, saved and loaded: the same bits.
    #[test]
    fn what_is_written_is_read_back(
        from in rate(), to in rate(), share in 0.01..1.0, [a, b, c] in [count(), count(), count()],
    ) {
        for schedule in written(from, to, share, [a, b, c]) {
            prop_assert!(schedule.validate().is_ok(), "{schedule}: {:?}", schedule.validate());
            let text = schedule.to_string();
            let behind = [
                "take 5 then 0.1",
                "skip 3 scaled 0.5 at-least 1e-9",
                "delayed 2 per-epoch 7",
                "times (cosine 1..0 over 5)",
                "take 9 repeated",
            ];
            for behind in behind {
                let text = format!("({text}) {behind}");
                let whole: Result<AnySchedule, _> = text.parse();
                prop_assert!(whole.is_ok(), "{text}: {:?}", whole);
                let whole = whole.expect("it was just asked");
                prop_assert_eq!(whole.to_string().parse().ok(), Some(whole));
            }
            prop_assert_eq!(text.parse().ok(), Some(schedule), "{}", text);
        }
    }

    /// Words in any order are a schedule or an error.
    #[test]
    fn no_text_panics(words in prop::collection::vec(prop::sample::select(WORDS), 0..20)) {
        let text = words.join(" ");
        match text.parse::<AnySchedule>() {
            Ok(schedule) => {
                prop_assert!(schedule.validate().is_ok());
                prop_assert_eq!(schedule.to_string().parse().ok(), Some(schedule));
            }
            Err(error) => prop_assert!(error.to_string().contains("column "), "{error}"),
        }
    }

    /// However it is grouped, a sequence has the same values and the same length.
    #[test]
    fn then_is_associative(
        from in 0.0..1.0, to in 0.0..1.0, a in 0..1_000_000u64, b in 1..1_000_000u64,
        c in 1..1_000_000u64, any: u64,
    ) {
        let first = Linear { from, to, steps: a };
        let second = Cosine { from: to, to: from, steps: b };
        let third = Polynomial { from, to, steps: c, power: 0.5 };
        let left = first.then(second).then(third);
        let right = first.then(second.then(third));
        prop_assert_eq!(left.steps(), right.steps());
        for around in [a, a + b, a + b + c] {
            for t in steps_of_interest(around, any) {
                prop_assert_eq!(left.at(t), right.at(t));
            }
        }
    }

    /// References and boxes are the schedule they point to.
    #[test]
    fn pointers_change_nothing(from in rate(), to in rate(), steps in count(), any: u64) {
        let line = Linear { from, to, steps };
        let boxed: Box<dyn Phase> = Box::new(line);
        let direct = line.then(0.5);
        let through = (&line).then(0.5);
        let owned = boxed.then(Box::new(0.5) as Box<dyn Schedule>);
        for t in steps_of_interest(steps, any) {
            prop_assert_eq!(direct.at(t), through.at(t));
            prop_assert_eq!(direct.at(t), owned.at(t));
        }
    }

    /// Hyper-parameters nobody has checked may give nonsense, but an answer.
    #[test]
    fn unchecked_values_do_not_panic(
        from: f64, to: f64, gamma: f64, n in prop_oneof![Just(0), any::<u64>()], any: u64,
    ) {
        for t in steps_of_interest(n, any) {
            for (phase, ..) in phases(from, to, n, gamma) {
                let _ = phase.per_epoch(n).skip(n).at(t);
            }
            let _ = Step { from, gamma, every: n }.take(n).at(t);
            let _ = Milestones { from, gamma, milestones: [n] }.at(t);
            let _ = Exponential { from, lambda: gamma }.at(t);
            let _ = InverseTime { from, rate: gamma, steps: n, staircase: true }.at(t);
            let _ = InverseSqrt { peak: from, warmup: n }.at(t);
            let _ = Geometric { from, to, steps: n }.at(t);
            let _ = Tanh { from, to, steps: n, lower: gamma, upper: from }.at(t);
            let points = vec![(n, from), (any, to), (n, gamma)];
            for between in [Between::Hold, Between::Linear, Between::Cosine] {
                let _ = Piecewise { points: points.clone(), between }.at(t);
            }
            let (warmup, stable, cooldown) = (n, any, n);
            let shape = Cooldown::OneMinusSqrt;
            let wsd = Wsd { from, peak: gamma, to, warmup, stable, cooldown, shape };
            let _ = wsd.repeated().delayed(n).at_least(gamma).at(t);
            for schedule in cycles(from, to, [n, any], gamma) {
                let _ = schedule.at(t);
            }
        }
    }
}

/// Saved by fields, loaded with the same bits.
#[cfg(feature = "serde")]
#[test]
fn fields_are_saved_and_loaded() {
    let lr = Linear { from: 0.1, to: 0.30000000000000004, steps: 500 }
        .then(Cosine { from: 0.1, to: 1e-5, steps: u64::MAX })
        .scaled(0.5);
    let saved = serde_json::to_string(&lr).expect("numbers and names");
    assert!(saved.contains("\"steps\":18446744073709551615"), "{saved}");
    let loaded: tricks_schedule::Scaled<tricks_schedule::Then<Linear, Cosine>> =
        serde_json::from_str(&saved).expect("it was just saved");
    assert_eq!(loaded, lr);
    let any: AnySchedule = serde_json::from_str("\"warmup 2 then 0.5\"").expect("a schedule");
    assert_eq!(any.at(1), 0.25);
    let wrong = serde_json::from_str::<AnySchedule>("\"cosine 1..0\"").expect_err("it ends early");
    assert!(wrong.to_string().contains("column 12: expected `over`"), "{wrong}");
    let rule = tricks_schedule::ReduceOnPlateau::keras();
    let saved = serde_json::to_string(&rule).expect("numbers and names");
    let loaded: tricks_schedule::ReduceOnPlateau =
        serde_json::from_str(&saved).expect("it was just saved");
    assert_eq!(loaded, rule);
}
