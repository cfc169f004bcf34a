//! Laws that every schedule obeys.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tricks_conformance::registry::{SCHEDULES, Sample};
use tricks_schedule::{AnyPhase, AnySchedule, Phase, Schedule};

/// Every schedule, with its name.
fn samples() -> impl Iterator<Item = (&'static str, &'static Sample)> {
    SCHEDULES.iter().filter_map(|row| Some((row.about.name, row.sample.as_ref()?)))
}

/// Every schedule that has a text, read from it.
fn written() -> Vec<(&'static Sample, AnySchedule)> {
    let read = |(_, sample): (_, &'static Sample)| Some((sample, sample.text?.parse().unwrap()));
    samples().filter_map(read).collect()
}

proptest! {
    #[test]
    fn a_schedule_is_total_and_within_its_bounds(step: u64, near in 0u64..500) {
        for (name, sample) in samples() {
            let schedule = (sample.make)();
            let (low, high) = sample.within;
            for step in [step, near, 0, u64::MAX - near, u64::MAX] {
                let rate = schedule.at(step);
                prop_assert!((low..=high).contains(&rate), "{name} at {step}: {rate}");
            }
        }
    }

    /// In whatever order it is asked, and however often, a schedule gives the curve of one who asks
    /// step by step.
    #[test]
    fn random_access_is_sequential_access(steps in proptest::collection::vec(0usize..300, 1..50)) {
        for (name, sample) in samples() {
            let schedule = (sample.make)();
            let curve: Vec<u64> = (0..300).map(|t| schedule.at(t).to_bits()).collect();
            let fresh = (sample.make)();
            for &step in &steps {
                prop_assert_eq!(fresh.at(step as u64).to_bits(), curve[step], "{} at {}", name, step);
            }
        }
    }
}

proptest! {
    /// However a sequence is grouped, whatever it is made of.
    #[test]
    fn then_is_associative(
        i in any::<prop::sample::Index>(), j in any::<prop::sample::Index>(),
        k in any::<prop::sample::Index>(), step in 0u64..400, far: u64,
    ) {
        let all = written();
        let phases: Vec<AnyPhase> =
            all.iter().filter_map(|(_, any)| any.clone().try_into().ok()).collect();
        let (a, b) = (i.get(&phases).clone(), j.get(&phases).clone());
        let c = k.get(&all).1.clone();
        let left = a.clone().then(b.clone()).then(c.clone());
        let right = a.then(b.then(c));
        for step in [step, far, 0, u64::MAX] {
            prop_assert_eq!(left.at(step).to_bits(), right.at(step).to_bits(), "at {}", step);
        }
    }
}

/// A text, what is read from it, what that prints: one schedule, to the bit.
#[test]
fn texts_are_the_schedules_they_name() {
    for (sample, any) in written() {
        let (text, made) = (sample.text.unwrap(), (sample.make)());
        let printed = any.to_string();
        assert_eq!(printed.parse::<AnySchedule>().unwrap(), any, "{text}");
        assert_eq!(any.ends(), sample.end.map(|(steps, _)| steps), "{text}");
        for step in (0..400).chain([1 << 40, u64::MAX]) {
            assert_eq!(any.at(step).to_bits(), made.at(step).to_bits(), "{text} at {step}");
        }
        let saved = serde_json::to_string(&any).unwrap();
        assert_eq!(saved, format!("\"{printed}\""));
        assert_eq!(serde_json::from_str::<AnySchedule>(&saved).unwrap(), any, "{text}");
    }
    assert!(written().len() > 25);
}

#[test]
fn the_ends_are_exact() {
    for (name, sample) in samples() {
        let schedule = (sample.make)();
        assert_eq!(schedule.at(0).to_bits(), sample.first.to_bits(), "{name}");
        let Some((steps, last)) = sample.end else { continue };
        for step in [steps, steps + 1, u64::MAX] {
            assert_eq!(schedule.at(step).to_bits(), last.to_bits(), "{name} at {step}");
        }
    }
}

#[test]
fn ordinary_numbers_are_accepted() {
    for (name, sample) in samples() {
        (sample.make)().validate().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn bad_numbers_are_refused_by_name() {
    for row in SCHEDULES.iter() {
        for (field, make, values) in row.refuses {
            for value in *values {
                let refused = make(*value).validate();
                let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(
                    message.contains(field),
                    "{}: {field} = {value}: {message:?}",
                    row.about.name
                );
            }
        }
    }
}
