//! Laws that every schedule obeys.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tricks_conformance::registry::SCHEDULES;

proptest! {
    #[test]
    fn a_schedule_is_total_and_finite(step: u64, near in 0u64..500) {
        for row in SCHEDULES {
            let Some(make) = row.make else { continue };
            let schedule = make();
            for step in [step, near, 0, u64::MAX - near, u64::MAX] {
                let rate = schedule.at(step);
                let name = row.about.name;
                prop_assert!(rate.is_finite() && rate >= 0.0, "{name} at {step}: {rate}");
                prop_assert_eq!(rate.to_bits(), schedule.at(step).to_bits(), "{}", name);
            }
        }
    }
}

#[test]
fn ordinary_numbers_are_accepted() {
    for row in SCHEDULES {
        if let Some(make) = row.make {
            make().validate().unwrap_or_else(|error| panic!("{}: {error}", row.about.name));
        }
    }
}

#[test]
fn bad_numbers_are_refused_by_name() {
    for row in SCHEDULES {
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
