//! What holds for every schedule, on random hyper-parameters and steps.

use proptest::prelude::*;
use tricks_schedule::{
    Anneal, Constant, Cosine, CosineRestarts, Cyclic, CyclicHeight, Exponential, InverseTime,
    Linear, Milestones, OneCycle, Phase, Polynomial, Schedule, Step,
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
        let inverse = [inverse(false), inverse(true)];
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
        let all: [&dyn Schedule; 8] = [
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
            for schedule in cycles(from, to, [n, any], gamma) {
                let _ = schedule.at(t);
            }
        }
    }
}
