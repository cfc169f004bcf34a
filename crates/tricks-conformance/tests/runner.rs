//! The runner itself: what passes, what fails, what is skipped.
//!
//! Here and not in its files: with tests of its own the library would be built twice, and no other
//! crate takes longer.
#![allow(clippy::unwrap_used)]

use serde_json::{Map, Value, json};
use tricks_conformance::families::Adapter;
use tricks_conformance::{Family, Outcome, Run, Stop, Tolerance, read_folder, run_case};

fn outcome(case: Value, adapter: Adapter) -> Outcome {
    let Value::Object(case) = case else { panic!("an object") };
    let family = Family {
        name: "f".into(),
        folder: ".".into(),
        problems: Map::new(),
        cases: vec![case.clone()],
    };
    run_case(&family, &case, Some(adapter))
}

fn double(run: &mut Run<'_>) -> Result<(), Stop> {
    let got = 2.0 * run.hyper.number("x")?;
    let want = run.expect.number("y")?;
    run.number("y", got, want);
    Ok(())
}

#[test]
fn nothing_passes_by_accident() {
    let tol = json!({"rtol": 1e-9, "atol": 0.0});
    let case = |hyper: Value, expect: Value| json!({"id": "a", "tol": tol, "hyper": hyper, "expect": expect});
    let passed = outcome(case(json!({"x": 1.0, "z": null}), json!({"y": 2.0})), double);
    assert_eq!(passed, Outcome::Passed);
    let unread = outcome(case(json!({"x": 1.0, "z": 3}), json!({"y": 2.0})), double);
    assert_eq!(unread, Outcome::Skipped("z = 3".into()));
    let wrong = outcome(case(json!({"x": 1.0}), json!({"y": 2.1})), double);
    assert!(matches!(wrong, Outcome::Failed(m) if m.starts_with("y: got 2.0, want 2.1")));
    let extra = outcome(case(json!({"x": 1.0}), json!({"y": 2.0, "w": 1})), double);
    assert_eq!(extra, Outcome::Failed("not compared: w = 1".into()));
    let missing = outcome(case(json!({}), json!({"y": 2.0})), double);
    assert_eq!(missing, Outcome::Failed("malformed case: hyper.x is missing".into()));
    let idle = outcome(case(json!({}), json!({})), |_| Ok(()));
    assert_eq!(idle, Outcome::Failed("nothing was compared".into()));
    let panicked = outcome(case(json!({}), json!({})), |_| panic!("oh"));
    assert_eq!(panicked, Outcome::Failed("panicked: oh".into()));
}

#[test]
fn tolerance_is_the_documented_inequality() {
    let tol = Tolerance { rtol: 1e-3, atol: 1e-6 };
    assert!(tol.excess(1.0009, 1.0) <= 1.0 && tol.excess(1.002, 1.0) > 1.0);
    assert!(tol.excess(5e-7, 0.0) <= 1.0 && tol.excess(2e-6, 0.0) > 1.0);
    assert!(tol.excess(f64::NAN, 1.0) > 1.0 && tol.excess(1.0, f64::NAN) > 1.0);
    assert_eq!(tol.excess(f64::NAN, f64::NAN), 0.0);
    assert_eq!(tol.excess(f64::INFINITY, f64::INFINITY), 0.0);
    assert!(tol.excess(f64::NEG_INFINITY, f64::INFINITY) > 1.0);
    assert!(tol.excess(1e300, f64::INFINITY) > 1.0);
    assert_eq!(tol.excess(0.0, -0.0), 0.0);
    assert!(Tolerance::BITS.excess(0.0, -0.0) > 1.0);
    assert_eq!(Tolerance::BITS.excess(-0.0, -0.0), 0.0);
    assert_eq!(Tolerance { rtol: 0.0, atol: 1e-9 }.excess(0.0, -0.0), 0.0);
}

#[test]
fn malformed_files_are_named() {
    let folder = std::env::temp_dir().join(format!("tricks-vectors-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    assert!(read_folder(&folder).err().unwrap().ends_with("no .json files here"));
    let file = folder.join("x.json");
    for (text, want) in [
        ("{", "EOF"),
        (r#"{"schema":"other"}"#, "this runner reads"),
        (r#"{"schema":"tricks-conformance/1","family":"x"}"#, "no list of cases"),
        (r#"{"schema":"tricks-conformance/1","family":"x","cases":[3]}"#, "case 0"),
        (r#"{"schema":"tricks-conformance/1","family":"x","count":1,"cases":[]}"#, "count says 1"),
    ] {
        std::fs::write(&file, text).unwrap();
        let message = read_folder(&folder).err().unwrap();
        assert!(message.contains("x.json") && message.contains(want), "{message}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(read_folder(&folder).is_err());
}
