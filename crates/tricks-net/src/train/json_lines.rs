use super::{Control, EpochReport, Metrics, Observer, StepReport};
use crate::Net;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use tricks_tensor::{Error, Float, Result};

/// Logs a run as JSON Lines, one object a line:
///
/// ```text
/// {"step":0,"epoch":0,"split":"train","loss":2.3,"acc":0.125,"lr":0.001,"grad_norm":1.7}
/// {"step":469,"epoch":0,"split":"train_epoch","loss":0.31,"acc":0.91,"lr":null,"grad_norm":null}
/// {"step":469,"epoch":0,"split":"held_out","loss":0.14,"acc":0.96,"lr":null,"grad_norm":null}
/// ```
///
/// Rows of epochs say how many updates were done. What is not known, or not a number, is `null`.
/// A resumed run may log steps again that were done after its checkpoint: the last row counts.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    writer: W,
    /// For messages.
    path: PathBuf,
    every: u64,
}

#[derive(Serialize)]
struct Row {
    step: u64,
    epoch: u64,
    split: &'static str,
    loss: f64,
    acc: Option<f64>,
    lr: Option<f64>,
    grad_norm: Option<f64>,
}

impl JsonLines<BufWriter<File>> {
    /// Adds to the end of a file, which is made if there is none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn append(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let writer = BufWriter::new(file.map_err(Error::io(&path, "open"))?);
        Ok(Self { writer, path, every: 1 })
    }
}

impl<W: Write> JsonLines<W> {
    /// Writes to anything.
    pub fn new(writer: W) -> Self {
        Self { writer, path: "the log".into(), every: 1 }
    }

    /// Logs every `n`-th update only; epochs are always logged. 0 logs no update.
    #[must_use]
    pub fn every(self, n: u64) -> Self {
        Self { every: n, ..self }
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn write(&mut self, row: &Row) -> Result<()> {
        let mut line = serde_json::to_vec(row).map_err(|e| Error::format("JSON Lines", e))?;
        line.push(b'\n');
        self.writer.write_all(&line).map_err(Error::io(&self.path, "write"))
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.flush().map_err(Error::io(&self.path, "write"))
    }
}

impl<F: Float, L, W: Write + Send> Observer<F, L> for JsonLines<W> {
    fn on_step(&mut self, report: &StepReport, _: &mut Net<F, L>) -> Result<Control> {
        let &StepReport { step, epoch, loss, accuracy, lr, grad_norm, .. } = report;
        if step.checked_rem(self.every) == Some(0) {
            let (lr, grad_norm) = (Some(lr), Some(grad_norm));
            self.write(&Row { step, epoch, split: "train", loss, acc: accuracy, lr, grad_norm })?;
        }
        Ok(Control::Continue)
    }

    fn on_epoch(&mut self, report: &EpochReport, _: &mut Net<F, L>) -> Result<Control> {
        let &EpochReport { epoch, step, train, held_out, .. } = report;
        for (split, metrics) in [("train_epoch", Some(train)), ("held_out", held_out)] {
            let Some(Metrics { loss, accuracy, .. }) = metrics else { continue };
            let (lr, grad_norm) = (None, None);
            self.write(&Row { step, epoch, split, loss, acc: accuracy, lr, grad_norm })?;
        }
        self.flush()?;
        Ok(Control::Continue)
    }

    fn on_end(&mut self, _: &mut Net<F, L>) -> Result<()> {
        self.flush()
    }
}
