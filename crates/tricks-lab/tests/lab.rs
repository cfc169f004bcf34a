//! The program as a person uses it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn lab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tricks-lab"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    lab(arguments).output().expect("the program was built beside this test")
}

/// An empty directory of this test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("cargo's directory for tests is writable");
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The fingerprints a run printed, in the order of the seeds.
fn fingerprints(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{}", text(&output.stderr));
    let errors = text(&output.stderr);
    errors
        .lines()
        .filter_map(|line| line.split_once("fingerprint "))
        .map(|(_, print)| print.to_string())
        .collect()
}

#[test]
fn every_experiment_runs_and_the_report_needs_nothing_else() {
    let out = folder("smoke");
    let output = run(&["--smoke", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for banned in ["http://", "https://", "<script", "@import", "src=", "url(", "NaN\"", "inf\""] {
        assert!(!page.contains(banned), "{banned}");
    }
    assert_eq!(page.matches("href=").count(), page.matches("href=\"#").count());
    assert!(page.len() < 3 << 20, "{} bytes", page.len());

    let list = text(&run(&["--list"]).stdout);
    let names: Vec<_> =
        list.lines().filter(|l| !l.starts_with(' ')).filter_map(|l| l.split(' ').next()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert!(names.contains(&"standard") && names.len() > 5, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("<section id=\"{name}\">")), "{name}");
        assert!(text(&output.stdout).contains(name), "{name}");
    }
    // Every section has its rule, its verdict and a picture.
    let sections = page.matches("<blockquote>").count();
    assert!(
        page.matches("<figure>").count() >= sections
            && page.matches("<svg role=\"img\"").count() >= sections
    );
    // One seed decides nothing that chance has a part in.
    assert!(page.contains("1 seed, at least 3 needed"));

    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    assert!(metrics.lines().count() > 20);
    for line in metrics.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(
            row["experiment"].is_string() && row["seed"].is_u64() && row["epoch"].is_u64(),
            "{line}"
        );
    }
    // 640 images in batches of 128, two epochs: ten updates, and two rows an epoch.
    let log = fs::read_to_string(out.join("standard-seed1.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps = rows.iter().filter(|row| row["split"] == "train").map(|row| row["step"].as_u64());
    assert!(steps.eq((0..10).map(Some)), "{log}");
    assert_eq!(rows.len(), 14, "{log}");
}

#[test]
fn the_standard_configuration_learns() {
    let out = folder("standard");
    let output = run(&["standard", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    // After the last epoch of each seed.
    let mut accuracies = std::collections::BTreeMap::new();
    for line in metrics.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        if row["epoch"] == 20 {
            accuracies.insert(row["seed"].as_u64().unwrap(), row["test_acc"].as_f64().unwrap());
        }
    }
    assert_eq!(accuracies.len(), 3, "{accuracies:?}");
    let mean = accuracies.values().sum::<f64>() / 3.0;
    assert!(mean >= 0.912, "mean test accuracy {mean}: {accuracies:?}");
}

#[test]
fn killed_and_resumed_ends_with_the_same_bits() {
    let out = folder("resume");
    let out_text = out.to_str().unwrap();
    let checkpoint = out.join("run.safetensors");
    let whole = run(&["standard", "--smoke", "--seeds", "3", "--threads", "1", "--out", out_text]);
    let want = fingerprints(&whole);
    assert_eq!(want.len(), 3);
    assert!(want[0] != want[1] && want[1] != want[2]);

    let saving = [
        "standard",
        "--smoke",
        "--seeds",
        "3",
        "--threads",
        "2",
        "--out",
        out_text,
        "--checkpoint",
        checkpoint.to_str().unwrap(),
    ];
    // Killed as soon as there is something to go on from: after the first of six epochs.
    let mut child = lab(&saving).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !checkpoint.exists() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let resumed = run(&saving);
    assert!(
        text(&resumed.stderr).contains("seed 1: goes on after epoch"),
        "{}",
        text(&resumed.stderr)
    );
    assert_eq!(fingerprints(&resumed), want, "after a kill, with two threads");
    // And once more, when there is nothing left to do.
    assert_eq!(fingerprints(&run(&saving)), want);

    let other =
        run(&["standard", "--smoke", "--seeds", "2", "--out", out_text, "--checkpoint", saving[9]]);
    assert_eq!(other.status.code(), Some(1));
    assert!(
        text(&other.stderr).contains("written with other data, seeds or epochs"),
        "{}",
        text(&other.stderr)
    );
}

#[test]
fn a_schedule_is_drawn() {
    let out = folder("schedule");
    let text = "warmup 500 then cosine 1e-3..1e-5 over 10000";
    let output = run(&["schedule", text, "0.0005", "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", self::text(&output.stderr));
    let shown = self::text(&output.stdout);
    assert!(
        shown.contains("linear 0..0.001 over 500 then cosine 0.001..1e-5 over 10000\n"),
        "{shown}"
    );
    assert!(shown.contains("10500  1e-5                    0.0005\n"), "{shown}");
    let svg = fs::read_to_string(out.join("schedule.svg")).unwrap();
    assert!(
        svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>")
    );
    assert_eq!(svg.matches("class=\"line c").count(), 2);
    assert!(self::text(&run(&["--help"]).stdout).contains("schedule"));
}

#[test]
fn mistakes_are_one_readable_line() {
    let out = folder("mistakes");
    let out = out.to_str().unwrap();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["schedule", "cosine 1..0"], 2, "schedule: column 12: expected `over`, found the end"),
        (&["schedule", "0.1", "--out", "/dev/null/x"], 1, "/dev/null/x: cannot create"),
        (&["nonsense"], 2, "there is no experiment `nonsense`"),
        (&["--checkpoint", "x"], 2, "--checkpoint is for the standard configuration alone"),
        (&["--seeds", "0"], 2, "--seeds"),
        (
            &["valley", "--data", "/no/such/directory", "--out", out],
            1,
            "/no/such/directory: there is no file",
        ),
        (&["valley", "--out", "/dev/null/x"], 1, "/dev/null/x: cannot create the directory"),
    ];
    for (arguments, code, message) in cases {
        let output = run(arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
        assert_eq!(
            errors.lines().filter(|line| line.starts_with("error: ")).count(),
            1,
            "{errors}"
        );
    }
}

#[test]
fn a_directory_of_ones_own_is_used_and_named() {
    let (out, data) = (folder("own"), folder("own-data"));
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    for (from, to) in [
        ("mnist-train-5000-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"),
        ("mnist-train-5000-labels-idx1-ubyte.gz", "train-labels.idx1-ubyte.gz"),
        ("mnist-test-1000-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"),
        ("mnist-test-1000-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
    ] {
        fs::copy(embedded.join(from), data.join(to)).unwrap();
    }
    let output = run(&[
        "vanishing",
        "--smoke",
        "--data",
        data.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let errors = text(&output.stderr);
    assert!(errors.contains("data: directory ") && errors.contains("own-data"), "{errors}");
}
