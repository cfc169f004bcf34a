//! Words and sizes.

use super::source::{code_only, test_lines};
use super::{File, Findings};
use crate::ndarray_016::PUBLISHED;

/// Most lines of code in a file; tests, comments, documentation and blank lines do not count.
const LONGEST: usize = 300;

/// Not in any code, and what to do instead.
const NEVER: &[(&str, &str)] = &[
    ("unsafe", "find a safe form; `unsafe` is forbidden"),
    ("todo!", "write it, or leave it out"),
    ("unimplemented!", "write it, or leave it out"),
    ("dbg!", "remove it"),
];

/// Not in published code, whose bits are promised on every machine.
const INEXACT: &[(&str, &str)] = &[
    (".mul_add(", "write `a * b + c`"),
    (".powi(", "multiply, or use tricks_tensor::math::pow"),
    (".powf(", "use tricks_tensor::math::pow"),
    (".exp()", "use Float::exp_exact or tricks_tensor::math::exp"),
    (".exp2()", "use tricks_tensor::math::pow"),
    (".exp_m1()", "use tricks_tensor::math::exp"),
    (".ln()", "use tricks_tensor::math::ln"),
    (".ln_1p()", "use tricks_tensor::math::ln"),
    (".log2()", "use tricks_tensor::math::ln"),
    (".log10()", "use tricks_tensor::math::ln"),
    (".tanh()", "use Float::tanh_exact"),
    (".sin()", "use tricks_tensor::math::sin"),
    (".cos()", "use tricks_tensor::math::cos"),
    (".tan()", "use tricks_tensor::math"),
];

pub(super) fn check(files: &[File], findings: &mut Findings) {
    // Put together here, or this file would name itself.
    let places = ["work", "root", "home", "tmp"].map(|name| format!("/{name}/"));
    let fixme = ["FIX", "ME"].concat();
    for file in files {
        for (i, line) in file.text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| absolute(line, place)) {
                findings.add(
                    &file.path,
                    i + 1,
                    format!("names a place on one machine ({place}…); say it without"),
                );
            }
            if line.contains(&fixme) && file.path.ends_with(".rs") {
                findings.add(&file.path, i + 1, "do it now, or open an issue and remove the note");
            }
        }
        if file.path.ends_with(".rs") {
            check_code(file, findings);
        }
    }
}

/// Whether `line` has `place` as the beginning of a path.
fn absolute(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~}/*".contains(c))
    })
}

fn check_code(file: &File, findings: &mut Findings) {
    let code = code_only(&file.text);
    // `mod tests;` stands under `#[cfg(test)]` in another file.
    let all_tests = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
    let in_test: Vec<bool> = test_lines(&code).into_iter().map(|test| test || all_tests).collect();
    let published =
        PUBLISHED.iter().any(|krate| file.path.starts_with(&format!("crates/{krate}/src/")));
    let own = code.iter().zip(&in_test).filter(|(line, test)| !**test && !line.trim().is_empty());
    let own = own.count();
    if own > LONGEST {
        let message = format!("{own} lines of code, at most {LONGEST}: split it by what it holds");
        findings.add(&file.path, 0, message);
    }
    for (i, line) in code.iter().enumerate() {
        let mut note = |words: &[(&str, &str)]| {
            for (word, instead) in words {
                if contains_word(line, word) {
                    findings.add(&file.path, i + 1, format!("`{word}`: {instead}"));
                }
            }
        };
        note(NEVER);
        if published && !in_test[i] {
            note(INEXACT);
        }
    }
}

/// Whether `word` stands in `line` not as a part of a longer word.
fn contains_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        (!word.starts_with(part) || !before.ends_with(part))
            && (!word.ends_with(part) || !after.starts_with(part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        assert!(contains_word("unsafe {", "unsafe") && contains_word("x.ln()", ".ln()"));
        assert!(
            !contains_word("unsafe_code", "unsafe") && !contains_word("x.exp_exact()", ".exp()")
        );
    }

    #[test]
    fn findings_name_file_line_and_remedy() {
        let text = "fn f(x: f64) -> f64 {\n    x.exp()\n}\n#[cfg(test)]\nmod tests {\n    fn g(x: f64) -> f64 { x.exp() }\n}\n";
        let file = |path: &str| File { path: path.into(), text: text.into() };
        let mut findings = Findings::default();
        check(
            &[file("crates/tricks-net/src/a.rs"), file("crates/tricks-lab/src/a.rs")],
            &mut findings,
        );
        let want = "crates/tricks-net/src/a.rs:2: `.exp()`: use Float::exp_exact or tricks_tensor::math::exp";
        assert_eq!(findings.0, [want]);
    }

    #[test]
    fn places_on_one_machine() {
        let place = ["/ho", "me/"].concat();
        assert!(absolute(&format!("see {place}x"), &place) && absolute(&place, &place));
        assert!(!absolute(&format!("https://example.org{place}x"), &place));
        assert!(!absolute(&format!("target{place}x"), &place));
    }
}
