//! What the measurements say about a claim.

use crate::format::number;
use crate::stats::Sample;

/// Fewer seeds than this decide nothing.
pub(crate) const MIN_SEEDS: usize = 3;

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// As the chapter says.
    Holds,
    /// Some of it, or under a condition, which is named.
    HoldsOnlyWhen(String),
    /// Not with this data and these settings.
    DoesNotHold,
    /// The spread straddles the rule, or too few seeds; the reason.
    Undecided(String),
}

impl Verdict {
    /// The words on the badge.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::HoldsOnlyWhen(_) => "holds only when …",
            Verdict::DoesNotHold => "does not hold here",
            Verdict::Undecided(_) => "undecided",
        }
    }

    /// The condition or the reason.
    pub(crate) fn note(&self) -> &str {
        match self {
            Verdict::HoldsOnlyWhen(note) | Verdict::Undecided(note) => note,
            Verdict::Holds | Verdict::DoesNotHold => "",
        }
    }

    /// A claim that needs no chance: it is so or it is not.
    pub(crate) fn of(fact: bool) -> Self {
        if fact { Verdict::Holds } else { Verdict::DoesNotHold }
    }

    /// A claim tried under several conditions, each with its name.
    pub(crate) fn under(tried: &[(&str, Verdict)]) -> Self {
        let names = |want: &Verdict| -> Vec<&str> {
            tried.iter().filter(|(_, verdict)| verdict == want).map(|(name, _)| *name).collect()
        };
        let (holds, fails) = (names(&Verdict::Holds), names(&Verdict::DoesNotHold));
        if holds.len() == tried.len() {
            Verdict::Holds
        } else if fails.len() == tried.len() {
            Verdict::DoesNotHold
        } else if holds.is_empty() || fails.is_empty() {
            let open =
                tried.iter().find(|(_, v)| !matches!(v, Verdict::Holds | Verdict::DoesNotHold));
            let note = open.map(|(name, v)| format!("{name}: {}", v.note()));
            Verdict::Undecided(note.unwrap_or_default())
        } else {
            Verdict::HoldsOnlyWhen(format!("{}; not when {}", holds.join(", "), fails.join(", ")))
        }
    }

    /// `mean > limit`: holds if the whole 95 % interval is above, fails if none of it is.
    pub(crate) fn above(sample: &Sample, limit: f64) -> Self {
        let (low, high) = sample.interval();
        Self::compare(sample, limit, low > limit, high <= limit)
    }

    /// `mean < limit`: holds if the whole 95 % interval is below, fails if none of it is.
    pub(crate) fn below(sample: &Sample, limit: f64) -> Self {
        let (low, high) = sample.interval();
        Self::compare(sample, limit, high < limit, low >= limit)
    }

    fn compare(sample: &Sample, limit: f64, holds: bool, fails: bool) -> Self {
        if let Some(undecided) = too_few(sample) {
            return undecided;
        }
        match (holds, fails) {
            (true, _) => Verdict::Holds,
            (_, true) => Verdict::DoesNotHold,
            _ => {
                let (low, high) = sample.interval();
                let (low, high, limit) = (number(low), number(high), number(limit));
                Verdict::Undecided(format!("the interval [{low}, {high}] straddles {limit}"))
            }
        }
    }

    /// A fact that must be the same for every seed.
    pub(crate) fn every(facts: &[bool]) -> Self {
        if facts.len() < MIN_SEEDS {
            return few(facts.len());
        }
        match facts.iter().filter(|&&fact| fact).count() {
            0 => Verdict::DoesNotHold,
            n if n == facts.len() => Verdict::Holds,
            n => Verdict::Undecided(format!("so for {n} of {} seeds", facts.len())),
        }
    }
}

/// `Some` if there are not enough seeds, or a run gave no number.
fn too_few(sample: &Sample) -> Option<Verdict> {
    if sample.len() < MIN_SEEDS {
        return Some(few(sample.len()));
    }
    let lost = sample.values().iter().filter(|x| !x.is_finite()).count();
    (lost > 0).then(|| {
        Verdict::Undecided(format!("{lost} of {} runs gave no finite number", sample.len()))
    })
}

fn few(n: usize) -> Verdict {
    Verdict::Undecided(format!(
        "{n} seed{}, at least {MIN_SEEDS} needed",
        if n == 1 { "" } else { "s" }
    ))
}

/// One part of a claim, with its own rule and verdict.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// What the chapter says, in a few words.
    pub(crate) claim: String,
    /// What was measured, with the numbers.
    pub(crate) measured: String,
    /// When it holds.
    pub(crate) rule: String,
    /// Whether it does.
    pub(crate) verdict: Verdict,
}

/// The verdict on a claim of several parts.
///
/// All agree: that. Some hold and some fail: it holds only as far as those that hold, named.
/// Otherwise something is undecided, and so is the whole.
pub(crate) fn overall(parts: &[Part]) -> Verdict {
    let named = |want: fn(&Verdict) -> bool| -> Vec<&str> {
        parts.iter().filter(|part| want(&part.verdict)).map(|part| part.claim.as_str()).collect()
    };
    let holds = named(|v| matches!(v, Verdict::Holds));
    let fails = named(|v| matches!(v, Verdict::DoesNotHold));
    let partly = named(|v| matches!(v, Verdict::HoldsOnlyWhen(_)));
    let open = named(|v| matches!(v, Verdict::Undecided(_)));
    if parts.is_empty() || open.len() == parts.len() {
        let note = parts.first().map_or("nothing was measured", |part| part.verdict.note());
        return Verdict::Undecided(note.to_string());
    }
    if holds.len() == parts.len() {
        return Verdict::Holds;
    }
    if fails.len() == parts.len() {
        return Verdict::DoesNotHold;
    }
    let mixed = !partly.is_empty() || (!holds.is_empty() && !fails.is_empty());
    let mut note = Vec::new();
    for (word, list) in [
        ("Holds for", holds),
        ("Holds in part for", partly),
        ("Does not hold for", fails),
        ("Undecided for", open),
    ] {
        if !list.is_empty() {
            note.push(format!("{word}: {}", list.join("; ")));
        }
    }
    let note = note.join(". ");
    if mixed { Verdict::HoldsOnlyWhen(note) } else { Verdict::Undecided(note) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(verdict: Verdict) -> Part {
        Part { claim: "c".into(), measured: String::new(), rule: String::new(), verdict }
    }

    #[test]
    fn the_interval_decides() {
        let clear = Sample::new([1.0, 1.1, 0.9]);
        assert_eq!(Verdict::above(&clear, 0.5), Verdict::Holds);
        assert_eq!(Verdict::above(&clear, 1.5), Verdict::DoesNotHold);
        assert_eq!(Verdict::below(&clear, 1.5), Verdict::Holds);
        assert_eq!(Verdict::below(&clear, 0.5), Verdict::DoesNotHold);
        // No difference at all is neither above nor below.
        let equal = Sample::new([0.0; 3]);
        assert_eq!(Verdict::above(&equal, 0.0), Verdict::DoesNotHold);
        assert_eq!(Verdict::below(&equal, 0.0), Verdict::DoesNotHold);
        // 1 ± 4.303 · 0.1/√3 = [0.75, 1.25]
        assert!(matches!(Verdict::above(&clear, 0.9), Verdict::Undecided(_)));
        assert!(matches!(Verdict::below(&clear, 1.2), Verdict::Undecided(_)));
    }

    #[test]
    fn two_seeds_and_lost_runs_decide_nothing() {
        assert!(matches!(Verdict::above(&Sample::new([1.0, 1.0]), 0.0), Verdict::Undecided(_)));
        assert!(matches!(Verdict::below(&Sample::new([1.0]), 2.0), Verdict::Undecided(_)));
        assert!(matches!(Verdict::every(&[true, true]), Verdict::Undecided(_)));
        let lost = Sample::new([1.0, f64::NAN, 1.0]);
        assert!(matches!(Verdict::above(&lost, 0.0), Verdict::Undecided(_)));
    }

    #[test]
    fn all_seeds_must_agree() {
        assert_eq!(Verdict::every(&[true; 3]), Verdict::Holds);
        assert_eq!(Verdict::every(&[false; 4]), Verdict::DoesNotHold);
        assert!(matches!(Verdict::every(&[true, false, true]), Verdict::Undecided(_)));
    }

    #[test]
    fn conditions_are_named() {
        let [yes, no, open] =
            [Verdict::Holds, Verdict::DoesNotHold, Verdict::Undecided("spread".into())];
        let both = |a: &Verdict, b: &Verdict| Verdict::under(&[("A", a.clone()), ("B", b.clone())]);
        assert_eq!(both(&yes, &yes), Verdict::Holds);
        assert_eq!(both(&no, &no), Verdict::DoesNotHold);
        assert_eq!(both(&yes, &no), Verdict::HoldsOnlyWhen("A; not when B".into()));
        assert_eq!(both(&no, &open), Verdict::Undecided("B: spread".into()));
        assert_eq!(both(&yes, &open), Verdict::Undecided("B: spread".into()));
    }

    #[test]
    fn parts_make_a_whole() {
        let [yes, no] = [true, false].map(|fact| part(Verdict::of(fact)));
        let open = part(Verdict::Undecided("spread".into()));
        let partly = part(Verdict::HoldsOnlyWhen("x".into()));
        assert_eq!(overall(&[yes.clone(), yes.clone()]), Verdict::Holds);
        assert_eq!(overall(&[no.clone(), no.clone()]), Verdict::DoesNotHold);
        assert!(matches!(overall(&[yes.clone(), no.clone()]), Verdict::HoldsOnlyWhen(_)));
        assert!(matches!(overall(&[yes.clone(), open.clone()]), Verdict::Undecided(_)));
        assert!(matches!(overall(&[no.clone(), open.clone()]), Verdict::Undecided(_)));
        assert!(matches!(overall(&[yes, no, open.clone()]), Verdict::HoldsOnlyWhen(_)));
        assert!(matches!(overall(&[partly]), Verdict::HoldsOnlyWhen(_)));
        assert_eq!(overall(&[open]), Verdict::Undecided("spread".into()));
        assert!(matches!(overall(&[]), Verdict::Undecided(_)));
    }
}
