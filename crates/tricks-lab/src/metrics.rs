//! One JSON line for each epoch of each run.

use crate::training::Epoch;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tricks_tensor::{Error, Result};

/// A file of JSON Lines, written by all runs at once.
pub(crate) struct Metrics {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl Metrics {
    /// A new file; an old one is replaced.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(Error::io(path, "create"))?;
        Ok(Self { path: path.to_path_buf(), file: Mutex::new(BufWriter::new(file)) })
    }

    /// Adds a line. Numbers that are not finite become `null`.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn write(
        &self,
        experiment: &str,
        run: &str,
        seed: u64,
        epoch: u64,
        at: &Epoch,
    ) -> Result<()> {
        let line = json!({
            "experiment": experiment, "run": run, "seed": seed, "epoch": epoch, "step": at.step, "lr": at.lr,
            "train_loss": at.train_loss, "test_loss": at.test_loss, "test_acc": at.test_accuracy,
        });
        // A writer that panicked left whole lines behind.
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(file, "{line}").map_err(Error::io(&self.path, "write"))
    }

    /// Hands everything to the system.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn flush(&self) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.flush().map_err(Error::io(&self.path, "write"))
    }
}
