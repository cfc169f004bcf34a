//! The contract of an experiment: data in; figures, numbers and a verdict out.

use crate::data::Images;
use crate::metrics::Metrics;
use crate::plot::Figure;
use crate::progress::Progress;
use crate::verdict::{Part, Verdict, overall};
use std::path::PathBuf;
use tricks_tensor::Result;

/// A claim of the chapter, and how to test it.
pub(crate) struct Experiment {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// Its heading.
    pub(crate) title: &'static str,
    /// Where the chapter says so.
    pub(crate) section: &'static str,
    /// What the chapter says, in one sentence.
    pub(crate) claim: &'static str,
    /// Measures.
    pub(crate) run: fn(&Lab) -> Result<Outcome>,
}

/// What an experiment has to work with.
pub(crate) struct Lab {
    /// Training and test images.
    pub(crate) images: Images,
    /// How much work to do.
    pub(crate) profile: Profile,
    /// The bar.
    pub(crate) progress: Progress,
    /// One line for each epoch of each run.
    pub(crate) metrics: Metrics,
    /// Where the report goes, and what belongs to it.
    pub(crate) out: PathBuf,
    /// Where the standard configuration saves itself, if it does.
    pub(crate) checkpoint: Option<PathBuf>,
}

/// How much work to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Profile {
    /// `default`, `full` or `smoke`.
    pub(crate) name: &'static str,
    /// Seeds 1, 2, ..., this many.
    pub(crate) seeds: u64,
    /// Scales the epochs of every training run.
    epochs: f64,
}

impl Profile {
    /// The usual one: three seeds, the chapter's epochs.
    pub(crate) const DEFAULT: Self = Self { name: "default", seeds: 3, epochs: 1.0 };
    /// Five seeds, twice the epochs.
    pub(crate) const FULL: Self = Self { name: "full", seeds: 5, epochs: 2.0 };
    /// One seed, a tenth of the epochs: only shows that everything runs.
    pub(crate) const SMOKE: Self = Self { name: "smoke", seeds: 1, epochs: 0.1 };

    /// The seeds.
    pub(crate) fn seeds(&self) -> Vec<u64> {
        (1..=self.seeds).collect()
    }

    /// How many epochs a run takes that usually takes `usual`.
    pub(crate) fn epochs(&self, usual: usize) -> usize {
        ((usual as f64 * self.epochs).round() as usize).max(1)
    }
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// What was measured and how, in a sentence or two.
    pub(crate) measured: String,
    /// The claim taken apart, each part with its rule and its verdict.
    pub(crate) parts: Vec<Part>,
    /// Pictures.
    pub(crate) figures: Vec<Figure>,
    /// Numbers.
    pub(crate) tables: Vec<Table>,
    /// The few numbers for the summary.
    pub(crate) key: String,
}

impl Outcome {
    /// The verdict on the whole claim.
    pub(crate) fn verdict(&self) -> Verdict {
        overall(&self.parts)
    }

    /// Adds a part of the claim.
    pub(crate) fn part(&mut self, claim: &str, measured: String, rule: &str, verdict: Verdict) {
        let (claim, rule) = (claim.to_string(), rule.to_string());
        self.parts.push(Part { claim, measured, rule, verdict });
    }
}

/// Numbers in rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What they are.
    pub(crate) caption: String,
    /// Names of the columns; the first is that of the rows.
    pub(crate) head: Vec<String>,
    /// The rows.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(caption: &str, head: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            head: head.iter().map(ToString::to_string).collect(),
            rows: vec![],
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }
}
