//! Edges between crates, and what they may depend on.

use super::{File, Findings};
use crate::ndarray_016::PUBLISHED;

/// Who may see whom among our own, as ARCHITECTURE.md says. Those not named here see everything.
const EDGES: &[(&str, &[&str])] = &[
    ("tricks-tensor", &[]),
    ("tricks-schedule", &["tricks-tensor"]),
    ("tricks-init", &["tricks-tensor"]),
    ("tricks-optim", &["tricks-tensor"]),
    ("tricks-regularize", &["tricks-tensor"]),
    (
        "tricks-net",
        &["tricks-tensor", "tricks-schedule", "tricks-init", "tricks-optim", "tricks-regularize"],
    ),
];

/// What published crates may depend on beside our own.
const LIGHT: &[&str] = &[
    "ndarray",
    "thiserror",
    "fearless_simd",
    "libm",
    "rayon",
    "prefetch-index",
    "rawzip",
    "safetensors",
    "tempfile",
    "rand",
    "csv",
    "serde",
    "serde_json",
];

pub(super) fn check(files: &[File], findings: &mut Findings) {
    for file in files.iter().filter(|file| file.path.ends_with("Cargo.toml")) {
        if file.path == "Cargo.toml" {
            comments(file, findings);
        } else {
            edges(file, findings);
        }
    }
}

/// `(line, section, key)` of every entry of a manifest.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut section = "";
    text.lines().enumerate().filter_map(move |(i, line)| {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            return None;
        }
        let (key, _) = line.split_once('=')?;
        (!line.starts_with('#')).then(|| (i + 1, section, key.trim()))
    })
}

/// Every dependency of the workspace says why: a comment above it, or above the block it is in.
fn comments(file: &File, findings: &mut Findings) {
    let lines: Vec<&str> = file.text.lines().collect();
    for (line, section, key) in entries(&file.text) {
        if section != "workspace.dependencies" {
            continue;
        }
        let above = lines[..line - 1].iter().rev();
        let reason =
            above.take_while(|line| !line.trim().is_empty()).find(|line| line.starts_with('#'));
        if reason.is_none() {
            findings.add(
                &file.path,
                line,
                format!("{key} has no comment above it; say what it is for"),
            );
        }
    }
}

fn edges(file: &File, findings: &mut Findings) {
    let entry = |section: &str, key: &str| {
        entries(&file.text).find(|(_, s, k)| *s == section && *k == key).map(|(line, ..)| line)
    };
    let folder = file.path.split('/').rev().nth(1).unwrap_or_default();
    let published = PUBLISHED.contains(&folder);
    if published == entry("package", "publish").is_some() {
        let message = if published {
            "is one of the published crates; remove `publish`"
        } else {
            "is not one of the published crates; add `publish = false`"
        };
        findings.add(&file.path, 0, message);
    }
    if entry("lints", "workspace").is_none() {
        findings.add(&file.path, 0, "add `[lints] workspace = true`");
    }
    for (line, section, key) in entries(&file.text) {
        let normal = section == "dependencies" || section.ends_with(".dependencies");
        let developer = section.ends_with("dev-dependencies");
        if !normal && !developer {
            continue;
        }
        let name = key.split('.').next().unwrap_or(key);
        let allowed = EDGES.iter().find(|(krate, _)| *krate == folder).map(|(_, allowed)| *allowed);
        if let Some(allowed) = allowed.filter(|_| name.starts_with("tricks-"))
            && !allowed.contains(&name)
        {
            let message =
                format!("{folder} must not see {name}; edges point down (ARCHITECTURE.md)");
            findings.add(&file.path, line, message);
        }
        if published && normal && !name.starts_with("tricks-") && !LIGHT.contains(&name) {
            let message = format!(
                "{name} is not a light dependency; published crates use {}",
                LIGHT.join(", ")
            );
            findings.add(&file.path, line, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check(&[File { path: path.into(), text: text.into() }], &mut findings);
        findings.0
    }

    #[test]
    fn an_edge_that_points_up() {
        let text = "[package]\nname = \"x\"\n[dependencies]\ntricks-net.workspace = true\nclap = \"4\"\n[lints]\nworkspace = true\n";
        let found = found("crates/tricks-optim/Cargo.toml", text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with(
                "crates/tricks-optim/Cargo.toml:4: tricks-optim must not see tricks-net"
            )
        );
        assert!(found[1].contains(":5: clap is not a light dependency"));
    }

    #[test]
    fn a_dependency_without_a_reason() {
        let text = "[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n\nc = \"1\"\n";
        assert_eq!(
            found("Cargo.toml", text),
            ["Cargo.toml:6: c has no comment above it; say what it is for"]
        );
    }
}
