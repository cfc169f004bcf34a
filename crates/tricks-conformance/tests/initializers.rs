//! Laws that every initializer obeys.

#![allow(clippy::unwrap_used)]

use rayon::ThreadPoolBuilder;
use tricks_conformance::registry::INITIALIZERS;
use tricks_init::Fan;
use tricks_tensor::Noise;

const SHAPE: [usize; 2] = [401, 499];
const LEN: usize = SHAPE[0] * SHAPE[1];
const FAN: Fan = Fan { fan_in: 499, fan_out: 401 };

#[test]
fn single_precision_is_rounded_double() {
    for row in INITIALIZERS {
        for (form, make) in row.forms {
            let (mut narrow, mut wide) = (vec![0.0f32; LEN], vec![0.0f64; LEN]);
            make.0().fill(FAN, &SHAPE, Noise::new(3), &mut narrow).unwrap();
            make.1().fill(FAN, &SHAPE, Noise::new(3), &mut wide).unwrap();
            let rounded = wide.iter().map(|x| *x as f32);
            assert!(narrow.iter().copied().eq(rounded), "{} ({form})", row.about.name);
        }
    }
}

#[test]
fn threads_change_nothing() {
    for row in INITIALIZERS {
        for (form, make) in row.forms {
            let results = [1, 2, 3, 7].map(|threads| {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut out = vec![0.0f64; LEN];
                pool.install(|| make.1().fill(FAN, &SHAPE, Noise::new(5), &mut out)).unwrap();
                out.into_iter().map(f64::to_bits).collect::<Vec<_>>()
            });
            let same = results.iter().all(|other| *other == results[0]);
            assert!(same, "{} ({form})", row.about.name);
        }
    }
}

/// Draw `i` depends on the noise and `i` alone: a longer parameter begins like a shorter one.
#[test]
fn a_draw_depends_on_its_index_alone() {
    for row in INITIALIZERS {
        for (form, make) in row.forms {
            let (mut short, mut long) = ([0.0f64; 33], [0.0f64; 99]);
            make.1().fill(FAN, &[3, 11], Noise::new(9), &mut short).unwrap();
            make.1().fill(FAN, &[9, 11], Noise::new(9), &mut long).unwrap();
            assert_eq!(short, long[..33], "{} ({form})", row.about.name);
        }
    }
}

#[test]
fn bad_numbers_are_refused_by_name_and_nothing_is_written() {
    for row in INITIALIZERS {
        for (field, make, values) in row.refuses {
            for value in *values {
                let mut out = [7.0f64; 6];
                let refused = make(*value).fill(FAN, &[2, 3], Noise::new(1), &mut out);
                let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(
                    message.contains(field),
                    "{}: {field} = {value}: {message:?}",
                    row.about.name
                );
                assert_eq!(out, [7.0; 6], "{}: {field} = {value}", row.about.name);
            }
        }
    }
}

#[test]
fn a_slice_of_another_length_is_refused() {
    for row in INITIALIZERS {
        for (form, make) in row.forms {
            let mut out = [0.0f64; 5];
            let refused = make.1().fill(FAN, &[2, 3], Noise::new(1), &mut out).is_err();
            assert!(refused, "{} ({form})", row.about.name);
        }
    }
}
