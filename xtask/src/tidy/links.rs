//! Links and pictures of the two documents a reader opens first.

use super::{File, Findings};
use crate::shell::root;

const DOCUMENTS: [&str; 2] = ["README.md", "ARCHITECTURE.md"];

pub(super) fn check(files: &[File], findings: &mut Findings) {
    for file in files.iter().filter(|file| DOCUMENTS.contains(&file.path.as_str())) {
        for (line, target) in relative(&file.text) {
            if !root().join(target).exists() {
                findings.add(
                    &file.path,
                    line,
                    format!("{target} does not exist; add it, or correct the link"),
                );
            }
        }
    }
}

/// The targets `](target)` within the repository, each with its line; code is passed over.
fn relative(text: &str) -> Vec<(usize, &str)> {
    let mut code = false;
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        for (at, open) in line.match_indices("](") {
            let Some((target, _)) = line[at + open.len()..].split_once(')') else { continue };
            // A title may follow the target, an anchor is a place in it.
            let target = target.split([' ', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                found.push((i + 1, target));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_within_the_repository() {
        let text = "[a](a.md#top) ![b](docs/b.png \"B\")\n```\n[c](c)\n```\n[d](https://d.org) [e](#e)\n[f](f";
        assert_eq!(relative(text), [(1, "a.md"), (1, "docs/b.png")]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = "[map](ARCHITECTURE.md)\n![x](docs/nothing.png)".to_string();
        let mut findings = Findings::default();
        check(&[File { path: "README.md".into(), text }], &mut findings);
        let want = "README.md:2: docs/nothing.png does not exist; add it, or correct the link";
        assert_eq!(findings.0, [want]);
    }
}
