//! Everything that must hold before a change goes in.

use crate::ndarray_016::PUBLISHED;
use crate::shell::{Outcome, cargo, root};
use crate::{bench, conformance, doc, lab, ndarray_016, tidy};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A dependent of the optimizers alone pulls at most this many crates.
const LEAN: usize = 20;

/// A step and its name.
type Step = (&'static str, fn() -> Outcome);

/// Cheap steps first; those that share a build stand together.
const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("tree", tree),
    ("clippy", clippy),
    ("test", test),
    ("doc", || doc(false)),
    ("features", features),
    ("ndarray-0.16", ndarray_016::run),
    ("publish", publish),
    ("conformance", || conformance(None)),
    ("tidy", tidy::run),
    ("bench", || bench(&["--test".into()])),
    ("lab", || lab(&["--smoke", "--out", "target/lab-smoke"].map(Into::into))),
];

pub(crate) fn run(only: Option<&str>, list: bool) -> Outcome {
    if list {
        STEPS.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(());
    }
    let chosen: Vec<_> =
        STEPS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no such step; there are: {}", names.join(", ")));
    }
    let mut times: Vec<(&str, Duration)> = Vec::new();
    for (name, step) in chosen {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = step();
        times.push((name, start.elapsed()));
        if let Err(message) = outcome {
            summary(&times);
            return Err(format!(
                "\n{message}\nci stopped at: {name}   (cargo xtask ci --only {name})"
            ));
        }
    }
    summary(&times);
    println!("ci: passed ({} of {} steps)", times.len(), STEPS.len());
    Ok(())
}

fn summary(times: &[(&str, Duration)]) {
    println!("\n=== summary");
    for (name, time) in times {
        println!("{name:14} {:7.1} s", time.as_secs_f64());
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    println!("{:14} {:7.1} s", "total", total.as_secs_f64());
}

fn fmt() -> Outcome {
    cargo(["fmt", "--all", "--", "--check"]).run()
}

fn clippy() -> Outcome {
    cargo(["clippy", "--workspace", "--all-targets", "--all-features"])
        .args(["--", "-D", "warnings"])
        .run()
}

/// The command of the README, then the features it leaves out.
fn test() -> Outcome {
    cargo(["test", "--workspace"]).run()?;
    cargo(["test", "--package", "tricks-net", "--features", "csv"]).run()
}

/// The lean builds, no threads and no files, each crate by itself; then what is built by default.
fn features() -> Outcome {
    for krate in PUBLISHED {
        cargo(["check", "--no-default-features", "--package", krate]).run()?;
    }
    cargo(["check", "--workspace", "--all-targets"]).run()
}

/// What a registry would say, and whether the packages build from what is in them.
fn publish() -> Outcome {
    forget_dry_runs()?;
    let packages = PUBLISHED.iter().flat_map(|krate| ["--package", krate]);
    cargo(["publish", "--dry-run", "--allow-dirty", "--target-dir", DRY_RUN]).args(packages).run()
}

/// Where a dry run builds.
const DRY_RUN: &str = "target/publish";

/// Removes what earlier dry runs unpacked and built.
///
/// The packages reach each other through a registry in the target folder, and Cargo keeps what
/// comes out of it by name and version: one that changed since, under the same version, would be
/// built as it was. In Cargo's home, the folder of such a registry has a name without a host.
fn forget_dry_runs() -> Outcome {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).unwrap_or_default();
    let registries = within(&home.join("registry/src"), "-");
    let unpacked = registries.iter().flat_map(|registry| within(registry, "tricks-"));
    let built = Some(root().join(DRY_RUN)).filter(|folder| folder.exists());
    for folder in unpacked.chain(built) {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    Ok(())
}

/// What a folder holds whose name starts so; nothing if there is no such folder.
fn within(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|e| e.file_name().to_string_lossy().starts_with(start));
    named.map(|e| e.path()).collect()
}

/// How many crates the optimizers bring along.
fn tree() -> Outcome {
    let tree = cargo(["tree", "--package", "tricks-optim", "--edges", "normal"])
        .args(["--no-default-features", "--prefix", "none", "--format", "{p}"])
        .folder(root())
        .output()?;
    let mut crates: Vec<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    crates.sort_unstable();
    crates.dedup();
    // The first line is the crate itself.
    let pulled = crates.len().saturating_sub(1);
    println!("tricks-optim alone pulls {pulled} crates, allowed {LEAN}");
    if pulled > LEAN {
        return Err(format!("tricks-optim pulls {pulled} crates, allowed {LEAN}:\n{tree}"));
    }
    Ok(())
}
