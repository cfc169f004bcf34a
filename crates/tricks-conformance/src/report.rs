use crate::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// The reason of an operation no adapter knows.
pub(crate) const NOT_YET: &str = "not in the library yet";

/// What became of a family.
pub struct FamilyReport {
    /// Its name.
    pub name: String,
    /// How many cases passed.
    pub passed: usize,
    /// Identifier and message of those that failed.
    pub failed: Vec<(String, String)>,
    /// How many were skipped, by operation and reason.
    pub skipped: BTreeMap<(String, String), usize>,
}

impl FamilyReport {
    pub(crate) fn new(name: &str) -> Self {
        let (failed, skipped) = (vec![], BTreeMap::new());
        Self { name: name.into(), passed: 0, failed, skipped }
    }

    pub(crate) fn note(&mut self, id: &str, op: &str, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(why) => self.failed.push((id.into(), why)),
            Outcome::Skipped(why) => *self.skipped.entry((op.into(), why)).or_default() += 1,
        }
    }

    /// How many cases were skipped.
    pub fn skips(&self) -> usize {
        self.skipped.values().sum()
    }

    /// What was skipped, a line per reason: operations with counts.
    fn skip_lines(&self) -> Vec<String> {
        let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((op, why), count) in &self.skipped {
            by_reason.entry(why).or_default().push(format!("{op} {count}"));
        }
        by_reason.into_iter().map(|(why, ops)| format!("{} ({why})", ops.join(", "))).collect()
    }
}

/// What became of a folder.
pub struct Report(pub Vec<FamilyReport>);

impl Report {
    /// Passed, failed, skipped.
    pub fn totals(&self) -> (usize, usize, usize) {
        self.0.iter().fold((0, 0, 0), |(p, f, s), family| {
            (p + family.passed, f + family.failed.len(), s + family.skips())
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|family| family.name.len()).max().unwrap_or(0).max(6);
        writeln!(f, "{:width$}  passed  failed  skipped", "family")?;
        for family in &self.0 {
            let (name, passed) = (&family.name, family.passed);
            writeln!(
                f,
                "{name:width$}  {passed:6}  {:6}  {:7}",
                family.failed.len(),
                family.skips()
            )?;
        }
        if self.totals().2 > 0 {
            writeln!(f, "\nskipped, by operation and count:")?;
        }
        for family in &self.0 {
            for line in family.skip_lines() {
                writeln!(f, "  {}: {line}", family.name)?;
            }
        }
        if self.totals().1 > 0 {
            writeln!(f, "\nfailed:")?;
        }
        for family in &self.0 {
            for (id, why) in &family.failed {
                writeln!(f, "  {} {id}\n      {why}", family.name)?;
            }
        }
        let (passed, failed, skipped) = self.totals();
        write!(f, "\n{passed} passed, {failed} failed, {skipped} skipped")
    }
}
