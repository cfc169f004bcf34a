//! The sample values of the source chapter, section 4.2.3, as multiples of η₀.

use tricks_schedule::{Cosine, Exponential, Milestones, Schedule, Step};

const EPOCHS: [u64; 5] = [0, 10, 20, 50, 200];

fn check(schedule: impl Schedule, want: [f64; 5]) {
    assert!(schedule.validate().is_ok());
    for (epoch, want) in EPOCHS.into_iter().zip(want) {
        let got = schedule.at(epoch);
        assert!((got - want).abs() <= 1e-14 * want, "epoch {epoch}: {got}, expected {want}");
    }
}

/// The chapter prints 0.0625 for epochs 50–199 and nothing after. By its own formula that is the
/// value of 40–49 (0.5⁴); at 50 it is 0.5⁵ = 0.03125, and it keeps falling.
#[test]
fn step() {
    let want = [1.0, 0.5, 0.25, 0.03125, 9.5367431640625e-7];
    check(Step { from: 1.0, gamma: 0.5, every: 10 }, want);
}

#[test]
fn interval() {
    let want = [1.0, 0.7, 0.7, 0.49, 0.343];
    check(Milestones { from: 1.0, gamma: 0.7, milestones: [10, 50, 200] }, want);
}

/// The chapter prints 0.37 and 0.14 for whole ranges of epochs: they belong to their first epoch.
#[test]
fn exponential() {
    let want =
        [1.0, 0.36787944117144233, 0.1353352832366127, 0.006737946999085467, 2.061153622438558e-9];
    check(Exponential { from: 1.0, lambda: 0.1 }, want);
}

/// The chapter prints words; here T = 200 and η_min = 0, so that `cos²(πt/400)`.
#[test]
fn cosine() {
    let want = [1.0, 0.9938441702975689, 0.9755282581475768, 0.8535533905932737, 0.0];
    check(Cosine { from: 1.0, to: 0.0, steps: 200 }, want);
}
