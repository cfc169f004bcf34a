use crate::{Entry, Error, Float, Result, StateDict, Values, kernel};
use std::collections::BTreeSet;

/// Reads a state and keeps account: of what is missing or does not fit, and of what nobody asked
/// for. So a state that is refused is refused once, with everything that is wrong with it.
///
/// ```
/// use tricks_tensor::StateDict;
/// let mut state = StateDict::new();
/// state.insert_count("step", 7);
/// state.insert_number("best", 0.5);
/// let mut reader = state.reader();
/// assert_eq!(reader.count("step"), Some(7));
/// assert_eq!(reader.get::<f32>("w", &[2]), None);
/// assert_eq!(
///     reader.end().unwrap_err().to_string(),
///     "state does not fit: w is missing, expected f32 [2]; best is unexpected",
/// );
/// ```
#[derive(Debug)]
pub struct StateReader<'s> {
    state: &'s StateDict,
    asked: BTreeSet<String>,
    problems: Vec<String>,
}

impl StateDict {
    /// Begins a reading of the whole state.
    pub fn reader(&self) -> StateReader<'_> {
        StateReader { state: self, asked: BTreeSet::new(), problems: Vec::new() }
    }
}

impl<'s> StateReader<'s> {
    /// [`StateDict::get`].
    pub fn get<F: Float>(&mut self, name: &str, shape: &[usize]) -> Option<&'s [F]> {
        self.asked.insert(name.to_string());
        self.note(self.state.get(name, shape))
    }

    /// [`StateReader::get`] of numbers that must all be finite; none if they are missing.
    pub fn finite<F: Float>(&mut self, name: &str, shape: &[usize]) -> &'s [F] {
        let saved = self.get::<F>(name, shape).unwrap_or_default();
        if let Some(i) = kernel::first_non_finite(saved) {
            self.refuse(format!("{name} is {} at flat index {i}", saved[i]));
        }
        saved
    }

    /// [`StateDict::count`].
    pub fn count(&mut self, name: &str) -> Option<u64> {
        self.asked.insert(name.to_string());
        self.note(self.state.count(name))
    }

    /// Counters in a list of any length.
    pub fn counts(&mut self, name: &str) -> Option<&'s [u64]> {
        self.asked.insert(name.to_string());
        let entry = self.state.entry(name);
        if let Some(Entry { shape, values: Values::U64(counts) }) = entry
            && shape.len() == 1
        {
            return Some(counts);
        }
        let found = entry.map_or("missing".to_string(), |entry| {
            format!("{} {:?}", entry.values.type_name(), entry.shape)
        });
        self.refuse(format!("{name} is {found}, expected a list of u64"));
        None
    }

    /// [`StateDict::number`].
    pub fn number(&mut self, name: &str) -> Option<f64> {
        self.asked.insert(name.to_string());
        self.note(self.state.number(name))
    }

    /// The value, or its error among the problems.
    pub fn note<T>(&mut self, outcome: Result<T>) -> Option<T> {
        match outcome {
            Ok(value) => return Some(value),
            Err(Error::State { problems }) => problems.into_iter().for_each(|p| self.refuse(p)),
            Err(other) => self.refuse(other),
        }
        None
    }

    /// Adds a problem, once.
    pub fn refuse(&mut self, problem: impl ToString) {
        let problem = problem.to_string();
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Error::State`] with all problems, and every entry that was not asked for.
    pub fn end(mut self) -> Result<()> {
        let unasked = self.state.iter().filter(|(name, _)| !self.asked.contains(*name));
        self.problems.extend(unasked.map(|(name, _)| format!("{name} is unexpected")));
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Error::State { problems: self.problems }),
        }
    }
}
