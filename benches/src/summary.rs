//! From criterion's samples to one row for each case.

use crate::cases::Label;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::path::Path;

/// Anything that goes wrong here is for a person to read.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What one round measured, in nanoseconds a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// The library's update.
    pub step: f64,
    /// What it is held against.
    pub reference: f64,
    /// Its loads and stores.
    pub stream: f64,
}

/// A case over all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The update: `Adam`.
    pub name: String,
    /// The set of parameters: `16Mi`.
    pub size: String,
    /// How many numbers that is.
    pub elements: usize,
    /// On how many threads.
    pub threads: usize,
    /// What it is held against: `limit`.
    pub reference: String,
    /// Median over the rounds, as the next two.
    pub ns_per_step: f64,
    /// What it is held against.
    pub reference_ns: f64,
    /// Its loads and stores.
    pub stream_ns: f64,
    /// Median of reference over step, taken within each round; 1 is as fast as the reference.
    pub of_reference: f64,
    /// The least and the most of it in any round.
    pub spread: [f64; 2],
    /// Median of stream over step; 1 is as fast as memory.
    pub of_stream: f64,
    /// The least `of_reference` promised, if any.
    pub target: Option<f64>,
}

impl Row {
    /// From at least one round.
    pub fn new(label: &Label, rounds: &[Round]) -> Self {
        let each = |f: fn(&Round) -> f64| rounds.iter().map(f).collect::<Vec<f64>>();
        let of_reference = each(|round| round.reference / round.step);
        Self {
            name: label.name.clone(),
            size: label.set.name(),
            elements: label.set.elements(),
            threads: label.threads,
            reference: label.reference.into(),
            ns_per_step: median(each(|round| round.step)),
            reference_ns: median(each(|round| round.reference)),
            stream_ns: median(each(|round| round.stream)),
            spread: [
                of_reference.iter().copied().fold(f64::INFINITY, f64::min),
                of_reference.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            ],
            of_reference: median(of_reference),
            of_stream: median(each(|round| round.stream / round.step)),
            target: label.target,
        }
    }

    /// Whether this row of another run is of the same case, held against the same.
    pub fn is_same_case(&self, other: &Row) -> bool {
        (&self.name, &self.size, &self.reference, self.threads)
            == (&other.name, &other.size, &other.reference, other.threads)
    }

    /// Whether the promise is kept, if there is one.
    pub fn reached(&self) -> Option<bool> {
        self.target.map(|target| self.of_reference >= target)
    }
}

/// One of criterion's sample files.
#[derive(Deserialize)]
struct Samples {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// What criterion left under `home` for what has this label.
///
/// # Errors
/// A file that is missing or is not criterion's, by its path.
pub fn read_round(home: &Path, label: &Label) -> Result<Round> {
    let read = |function: &str| -> Result<f64> {
        let file = home.join(&label.id).join(function).join("new/sample.json");
        let samples: Samples = read_json(&file)?;
        let times: Vec<f64> =
            samples.times.iter().zip(&samples.iters).map(|(time, n)| time / n).collect();
        if times.is_empty() {
            return Err(format!("{}: holds no sample", file.display()).into());
        }
        // One sample that was interrupted says nothing.
        Ok(median(times))
    };
    let reference = read(label.reference)?;
    Ok(Round { step: read("step")?, reference, stream: read("stream")? })
}

/// Reads JSON; errors name the file.
///
/// # Errors
/// A file that cannot be read, or holds something else.
pub fn read_json<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
}

/// The middle one, or the mean of the two in the middle; NaN of none.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let n = numbers.len();
    match numbers.get(n / 2) {
        None => f64::NAN,
        Some(upper) if n % 2 == 1 => *upper,
        Some(upper) => (numbers[n / 2 - 1] + upper) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{Case, Guard};
    use crate::sets::Set;
    use crate::update::Update;
    use tricks_optim::Storage;

    const CASE: Case = Case {
        update: Update::Adam,
        guard: Guard::Off,
        storage: Storage::Full,
        set: Set::One(4096),
        threads: 1,
    };

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round met a machine half as fast; its ratio is as good as the others.
        let rounds = [
            Round { step: 100.0, reference: 90.0, stream: 50.0 },
            Round { step: 200.0, reference: 190.0, stream: 100.0 },
            Round { step: 100.0, reference: 80.0, stream: 40.0 },
        ];
        let row = Row::new(&CASE.label(), &rounds);
        assert_eq!((row.ns_per_step, row.reference_ns, row.stream_ns), (100.0, 90.0, 50.0));
        assert_eq!((row.of_reference, row.spread), (0.9, [0.8, 0.95]));
        assert_eq!((row.of_stream, row.elements), (0.5, 4096));
        assert_eq!(row.target, Some(1.0 / 1.15));
        assert_eq!(row.reached(), Some(true));
    }

    #[test]
    fn samples_are_read_by_function() {
        let home = tempfile::tempdir().unwrap();
        for (function, times) in
            [("step", [200.0, 990.0, 220.0]), ("limit", [100.0; 3]), ("stream", [40.0; 3])]
        {
            let folder = home.path().join("Adam-4Ki-1t").join(function).join("new");
            std::fs::create_dir_all(&folder).unwrap();
            let text =
                format!(r#"{{"sampling_mode":"Flat","iters":[10.0,10.0,10.0],"times":{times:?}}}"#);
            std::fs::write(folder.join("sample.json"), text).unwrap();
        }
        let round = read_round(home.path(), &CASE.label()).unwrap();
        assert_eq!(round, Round { step: 22.0, reference: 10.0, stream: 4.0 });

        let other = Case { threads: 2, ..CASE };
        let refused = read_round(home.path(), &other.label()).unwrap_err().to_string();
        assert!(refused.contains("Adam-4Ki-2t"), "{refused}");
    }
}
