use super::*;
use crate::{Constant, CosineRestarts, Milestones, OneCycle, ReduceOnPlateau, Step, Threshold};

fn any(text: &str) -> AnySchedule {
    text.parse().unwrap()
}

fn wrong(text: &str) -> String {
    let error = text.parse::<AnySchedule>().unwrap_err().to_string();
    error.strip_prefix("schedule: column ").unwrap().to_string()
}

#[test]
fn kinds_are_what_they_say() {
    assert_eq!(any("0.1"), AnySchedule::Value(0.1));
    assert_eq!(any("constant 0.1 over 5"), Constant { value: 0.1, steps: 5 }.into());
    assert_eq!(any(" cosine\n0.1 ..\t0 over 5 "), Cosine { from: 0.1, to: 0.0, steps: 5 }.into());
    let milestones = |milestones| Milestones { from: 1.0, gamma: 0.5, milestones };
    assert_eq!(any("milestones 1 gamma .5 at 10,50"), milestones(vec![10, 50]).into());
    assert_eq!(any("milestones 1 gamma .5 at none"), milestones(vec![]).into());
    let (period_factor, peak_factor) = (2.0, 1.0);
    let restarts = CosineRestarts { from: 0.1, to: 0.0, steps: 9, period_factor, peak_factor };
    assert_eq!(any("cosine-restarts 0.1..0 over 9 period 2"), restarts.into());
    assert_eq!(any("one-cycle 0.1 over 100"), OneCycle::torch(0.1, 100, 0.3).into());
    let three = OneCycle::torch(0.1, 100, 0.25).three_phase();
    assert_eq!(any(&three.to_string()), three.into());
    let step: Step = "step 1 gamma 0.5 every 3".parse().unwrap();
    assert_eq!(step, Step { from: 1.0, gamma: 0.5, every: 3 });
}

#[test]
fn parts_follow_and_bind() {
    // `scaled` belongs to the second part alone, and to both with brackets.
    let tight = any("linear 0..4 over 2 then step 8 gamma 0.5 every 1 scaled 2");
    assert_eq!([0, 1, 2, 3].map(|t| tight.at(t)), [0.0, 2.0, 16.0, 8.0]);
    let wide = any("(linear 0..4 over 2 then step 8 gamma 0.5 every 1) scaled 2");
    assert_eq!([0, 1, 2, 3].map(|t| wide.at(t)), [0.0, 4.0, 16.0, 8.0]);
    let all =
        "((8) take 2 then linear 8..0 over 8 skip 4 delayed 1 per-epoch 2) times (0.5) at-least 1";
    let all = any(all);
    assert_eq!([0, 2, 3, 4, 6, 99].map(|t| all.at(t)), [4.0, 2.0, 2.0, 2.0, 1.5, 1.0]);
    assert_eq!(all.ends(), None); // a number never ends
    let rounds = any("linear 3..0 over 3 repeated");
    assert_eq!([0, 1, 2, 3].map(|t| rounds.at(t)), [3.0, 2.0, 1.0, 3.0]);
}

#[test]
fn a_warmup_climbs_to_what_follows() {
    let lr = any("warmup 4 then milestones 8 gamma 0.5 at 2");
    assert_eq!([0, 1, 4, 6].map(|t| lr.at(t)), [0.0, 2.0, 8.0, 4.0]);
    let lr = any("constant 1 over 2 then warmup 2 from 1 geometric then 4");
    assert_eq!([0, 2, 4].map(|t| lr.at(t)), [1.0, 1.0, 4.0]);
    assert!((lr.at(3) - 2.0).abs() < 1e-15);
    let lr = any("warmup 2 cosine then 4");
    assert!((lr.at(1) - 2.0).abs() < 1e-15);
}

#[test]
fn what_is_printed_is_read_back() {
    for text in [
        "0.1",
        "5e-324 ",
        "(constant 0.1 over 2 then linear 0.1..1 over 3) then 1",
        "((step 0.1 gamma 0.5 every 10) take 5) repeated",
        "(1e-7) times (warmup 3 then 1e300) scaled 3 at-least 0",
        "one-cycle 0.1 over 7 start 0.25 anneal linear",
        "table 0.1,0.30000000000000004",
    ] {
        let schedule = any(text);
        assert_eq!(any(&schedule.to_string()), schedule, "{schedule}");
    }
    let sequence = any("constant 0.1 over 2 then linear 0.1..1 over 3 then 1");
    assert_eq!(sequence.to_string(), "constant 0.1 over 2 then linear 0.1..1 over 3 then 1");
}

#[test]
fn mistakes_are_named_with_their_column() {
    for (text, message) in [
        ("", "1: expected a schedule, found the end"),
        ("cosin 1..0 over 5", "1: expected a number or a kind of schedule, found `cosin`"),
        ("cosine 1..0", "12: expected `over`, found the end"),
        ("cosine 1 0 over 5", "10: expected `..`, found `0`"),
        ("cosine 1..x over 5", "11: expected a number, found `x`"),
        ("cosine 1..inf over 5", "11: expected a number, found `inf`"),
        ("cosine 1..0 over 2.5", "18: expected a whole number of at least 0, found `2.5`"),
        (
            "cosine 1..0 over 18446744073709551616",
            "18: expected a whole number of at least 0, found `18446744073709551616`",
        ),
        (
            "0.1 then 0.2",
            "1: AnyPhase: `0.1` never ends, so it cannot be followed or repeated; `take N` ends it",
        ),
        ("0.1 0.2", "5: expected the end, found `0.2`"),
        ("(0.1", "5: expected `)`, found the end"),
        ("0.1)", "4: expected the end, found `)`"),
        (
            "0.1 then",
            "1: AnyPhase: `0.1` never ends, so it cannot be followed or repeated; `take N` ends it",
        ),
        ("cosine 1..0 over 5 then", "24: expected a schedule, found the end"),
        ("cosine 1..0 over 0", "1: Cosine: steps is 0, must be at least 1"),
        ("0.1 scaled -1", "1: Scaled: factor is -1, must be finite and at least 0"),
        ("0.1 times 0.2", "11: expected `(`, found `0.2`"),
        ("warmup 5", "9: a warmup goes on with `linear`, `cosine`, `geometric` or `then`"),
        ("warmup 5 geometric then 1", "1: Geometric: from is 0, must be finite and above 0"),
        ("ü 1", "1: expected a number or a kind of schedule, found `ü`"),
        ("(1) scaled ü", "12: expected a number, found `ü`"),
        (
            "cyclic 0..1 up 2 down 2 height nope",
            "32: expected `constant`, `halved` or a number, found `nope`",
        ),
        ("table 1,,2", "7: expected a list with commas and without spaces, found `1,,2`"),
    ] {
        assert_eq!(wrong(text), message, "{text}");
    }
}

#[test]
fn depth_is_limited() {
    assert!(wrong(&"(".repeat(100_000)).contains("more than 200 parts"));
    assert!(wrong(&"constant 1 over 1 then ".repeat(100_000)).contains("more than 200 parts"));
    assert!(wrong(&format!("1{}", " scaled 1".repeat(100_000))).contains("more than 200 parts"));
    assert_eq!(any(&format!("{}1", "constant 1 over 1 then ".repeat(199))).at(500), 1.0);
}

#[test]
fn a_plateau_has_a_text_too() {
    let rule: ReduceOnPlateau = "plateau 0.5 patience 3 threshold both:0.25:1".parse().unwrap();
    let want = ReduceOnPlateau {
        factor: 0.5,
        patience: 3,
        threshold: Threshold::Both { rel: 0.25, abs: 1.0 },
        ..ReduceOnPlateau::default()
    };
    assert_eq!(rule, want);
    for rule in [rule, ReduceOnPlateau::keras(), ReduceOnPlateau::optax()] {
        assert_eq!(rule.to_string().parse::<ReduceOnPlateau>().unwrap(), rule);
    }
    let wrong = |text: &str| text.parse::<ReduceOnPlateau>().unwrap_err().to_string();
    assert_eq!(
        wrong("plateau 0.5 mode nope"),
        "schedule: column 18: expected `min` or `max`, found `nope`"
    );
    assert_eq!(
        wrong("plateau 1"),
        "schedule: column 1: ReduceOnPlateau: factor is 1, must be in (0, 1)"
    );
}
