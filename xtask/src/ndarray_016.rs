//! The published crates against the older of the two ndarrays they promise to work with.

use crate::shell::{Outcome, cargo, root};
use std::fs;
use std::path::Path;

const VERSION: &str = "0.16.1";

/// The crates that go to the registry.
pub(crate) const PUBLISHED: [&str; 6] = [
    "tricks-tensor",
    "tricks-schedule",
    "tricks-init",
    "tricks-optim",
    "tricks-regularize",
    "tricks-net",
];

/// A copy of the workspace with a lockfile of its own; the build folder is shared.
pub(crate) fn run() -> Outcome {
    let copy = root().join("target/ndarray-0.16");
    for name in ["crates", "benches", "xtask", "Cargo.toml", "Cargo.lock", "clippy.toml"] {
        let target = copy.join(name);
        if target.is_dir() {
            fs::remove_dir_all(&target).map_err(|e| format!("{}: {e}", target.display()))?;
        }
        copy_tree(&root().join(name), &target)?;
    }
    let here = |command: crate::shell::Shell| {
        command.folder(&copy).env("CARGO_TARGET_DIR", root().join("target"))
    };
    here(cargo(["update", "--quiet", "--package", "ndarray", "--precise", VERSION])).run()?;
    let packages = PUBLISHED.iter().flat_map(|krate| ["--package", krate]);
    here(cargo(["check", "--all-features"]).args(packages)).run()
}

fn copy_tree(from: &Path, to: &Path) -> Outcome {
    let failed = |e: std::io::Error| format!("cannot copy {}: {e}", from.display());
    if from.is_file() {
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        return fs::copy(from, to).map(drop).map_err(failed);
    }
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // The golden vectors are large, and no published crate reads them.
        if entry.file_name() != "vectors" {
            copy_tree(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
