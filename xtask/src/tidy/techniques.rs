//! A technique is one file, one export and one row of the registry.

use super::source::{code_only, test_lines};
use super::{File, Findings};

/// Where techniques live, the trait that makes a file one, and the table its row stands in.
const KINDS: &[(&str, &str, &str)] = &[
    ("crates/tricks-optim/src/rules/", "Rule<F> for", "rules"),
    ("crates/tricks-optim/src/transform/", "Transform<F> for", "transforms"),
    ("crates/tricks-optim/src/companions/", "no trait", "companions"),
    ("crates/tricks-schedule/src/", "Schedule for", "schedules"),
    ("crates/tricks-init/src/", "Initializer<F> for", "initializers"),
    ("crates/tricks-regularize/src/", "Layer<F> for", "layers"),
    ("crates/tricks-regularize/src/", "Penalty<F> for", "penalties"),
    ("crates/tricks-net/src/layers/", "Layer<F> for", "layers"),
    ("crates/tricks-net/src/losses/", "Loss<F> for", "losses"),
    ("crates/tricks-net/src/models/", "no trait", "layers/models"),
];

pub(super) fn check(files: &[File], findings: &mut Findings) {
    for (folder, implements, table) in KINDS {
        // One file, or a folder of them.
        let registry = format!("crates/tricks-conformance/src/registry/{table}");
        let of_table = |file: &&File| {
            let rest = file.path.strip_prefix(&registry);
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        let rows: String = files.iter().filter(of_table).map(|file| &*file.text).collect();
        // A folder with a `mod.rs` holds nothing but techniques: what it exports is one, however
        // its trait is implemented.
        let (index, only_techniques) =
            if folder.ends_with("src/") { ("lib.rs", false) } else { ("mod.rs", true) };
        let index = files.iter().find(|file| file.path == format!("{folder}{index}"));
        let mut found = 0;
        for file in files.iter().filter(|file| is_candidate(&file.path, folder)) {
            let stem = file.path.trim_start_matches(folder).trim_end_matches(".rs");
            let export = format!("pub use {}::", stem.split('/').next().unwrap_or(stem));
            let exported = index.is_some_and(|index| index.text.contains(&export));
            let implemented = implements_trait(&file.text, implements);
            let technique = implemented || (only_techniques && exported);
            if !technique {
                continue;
            }
            found += 1;
            if !rows.contains(&format!("\"{}\"", file.path)) {
                findings.add(&file.path, 0, format!("has no row in {registry}; add one"));
            }
            if !exported {
                let message = format!("is not exported; add `{export}…` beside the others");
                findings.add(&file.path, 0, message);
            }
        }
        if found == 0 {
            let message = format!(
                "no file has `impl … {implements}`; is xtask/src/tidy/techniques.rs still right?"
            );
            findings.add(folder, 0, message);
        }
    }
    stale_rows(files, findings);
}

/// A row must not name a file that is gone.
fn stale_rows(files: &[File], findings: &mut Findings) {
    for registry in
        files.iter().filter(|f| f.path.starts_with("crates/tricks-conformance/src/registry/"))
    {
        for (i, line) in registry.text.lines().enumerate() {
            let Some(start) = line.find("\"crates/tricks-") else { continue };
            let Some(path) = line[start + 1..].split('"').next() else { continue };
            if files.iter().all(|file| file.path != path) {
                findings.add(
                    &registry.path,
                    i + 1,
                    format!("{path} does not exist; remove the row or correct it"),
                );
            }
        }
    }
}

fn is_candidate(path: &str, folder: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.starts_with(folder)
        && path.ends_with(".rs")
        && !["mod.rs", "lib.rs", "tests.rs"].contains(&name)
}

/// Whether code that is not a test has `impl … PATTERN Type` for a concrete type.
fn implements_trait(text: &str, pattern: &str) -> bool {
    let code = code_only(text);
    let inside = test_lines(&code);
    code.iter().zip(inside).any(|(line, test)| {
        let generic = ["for T ", "for &", "for Box<", "for [", "for (", "for Arc<", "for f64"];
        !test
            && line.starts_with("impl")
            && line.contains(pattern)
            && !generic.iter().any(|g| line.contains(g))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_row() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("crates/tricks-net/src/models/mod.rs", "pub use a::a;\npub use b::{B, b};"),
            file("crates/tricks-net/src/models/a.rs", "pub fn a() {}"),
            file("crates/tricks-net/src/models/b.rs", "pub fn b() {}"),
            file(
                "crates/tricks-conformance/src/registry/layers/models.rs",
                "\"crates/tricks-net/src/models/a.rs\"",
            ),
        ];
        let mut findings = Findings::default();
        check(&files, &mut findings);
        let about: Vec<&String> = findings.0.iter().filter(|f| f.contains("/models/")).collect();
        assert_eq!(about.len(), 1, "{about:?}");
        assert!(about[0].contains("models/b.rs: has no row in"));
    }

    #[test]
    fn a_technique_without_row_and_export() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("crates/tricks-optim/src/rules/mod.rs", "pub use a::A;\npub use c::C;"),
            file("crates/tricks-optim/src/rules/a.rs", "impl<F: Float> Rule<F> for A {}"),
            file("crates/tricks-optim/src/rules/b.rs", "impl<F: Float> Rule<F> for B {}"),
            file("crates/tricks-optim/src/rules/c.rs", "by_a_macro!(C);"),
            file(
                "crates/tricks-conformance/src/registry/rules.rs",
                "\"crates/tricks-optim/src/rules/a.rs\"\n\"crates/tricks-optim/src/rules/z.rs\"",
            ),
        ];
        let mut findings = Findings::default();
        check(&files, &mut findings);
        let about: Vec<&String> = findings.0.iter().filter(|f| f.contains("rules")).collect();
        assert_eq!(about.len(), 4, "{about:?}");
        assert!(about[0].contains("b.rs: has no row") && about[1].contains("add `pub use b::…`"));
        assert!(about[2].contains("c.rs: has no row"));
        assert!(about[3].contains("rules.rs:2: crates/tricks-optim/src/rules/z.rs does not exist"));
    }
}
