//! What the compiler does not check. Every message names a file, a line and what to do.

mod links;
mod manifests;
mod source;
mod sources;
mod techniques;

use crate::readme;
use crate::shell::{Outcome, root, shell};
use std::fs;

/// A file of the repository.
struct File {
    /// Relative to the root, with `/`.
    path: String,
    text: String,
}

/// What was found.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    /// `line` is 1-based; 0 means the file as a whole.
    fn add(&mut self, path: &str, line: usize, message: impl AsRef<str>) {
        let at = if line == 0 { String::new() } else { format!(":{line}") };
        self.0.push(format!("{path}{at}: {}", message.as_ref()));
    }
}

pub(crate) fn run() -> Outcome {
    let files = files()?;
    let mut findings = Findings::default();
    sources::check(&files, &mut findings);
    techniques::check(&files, &mut findings);
    manifests::check(&files, &mut findings);
    links::check(&files, &mut findings);
    if let Err(message) = readme::run(true) {
        findings.0.push(message);
    }
    if findings.0.is_empty() {
        println!("tidy: {} files, nothing to say", files.len());
        return Ok(());
    }
    for finding in &findings.0 {
        println!("{finding}");
    }
    Err(format!("tidy: {} findings", findings.0.len()))
}

/// Every text file that is tracked, or would be.
fn files() -> Result<Vec<File>, String> {
    let list = shell("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|message| format!("{message}\ntidy reads the list of files from git"))?;
    let mut files = Vec::new();
    for path in list.lines() {
        // A deleted file is still listed; a binary file is not text.
        if let Ok(bytes) = fs::read(root().join(path))
            && let Ok(text) = String::from_utf8(bytes)
        {
            files.push(File { path: path.into(), text });
        }
    }
    Ok(files)
}
