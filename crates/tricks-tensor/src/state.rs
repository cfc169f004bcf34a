use crate::{Error, Float, Result};
use std::collections::BTreeMap;

/// The numbers of one entry of a [`StateDict`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
    /// Counters, seeds.
    U64(Vec<u64>),
}

impl Values {
    /// How many numbers.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(x) => x.len(),
            Values::F64(x) => x.len(),
            Values::U64(x) => x.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `"f32"`, `"f64"` or `"u64"`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Values::F32(_) => "f32",
            Values::F64(_) => "f64",
            Values::U64(_) => "u64",
        }
    }
}

/// A shaped entry of a [`StateDict`].
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The shape; a single number has `[]`.
    pub shape: Vec<usize>,
    /// The numbers, C order.
    pub values: Values,
}

/// Everything that must survive a restart, by name.
///
/// ```
/// use tricks_tensor::StateDict;
/// let mut optimizer = StateDict::new();
/// optimizer.insert("weight/m", &[2, 2], &[0.5f32; 4]);
/// optimizer.insert_count("step", 7);
/// let mut run = StateDict::new();
/// run.extend("optimizer", optimizer);
/// assert_eq!(run.count("optimizer.step")?, 7);
/// assert_eq!(run.section("optimizer").get::<f32>("weight/m", &[2, 2])?, [0.5; 4]);
/// let refused = run.get::<f64>("optimizer.weight/m", &[4]).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "state does not fit: optimizer.weight/m is f32 [2, 2], expected f64 [4]",
/// );
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict {
    entries: BTreeMap<String, Entry>,
}

impl StateDict {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces an entry.
    pub fn insert<F: Float>(&mut self, name: impl Into<String>, shape: &[usize], data: &[F]) {
        self.insert_entry(name, Entry { shape: shape.to_vec(), values: F::values(data) });
    }

    /// Adds or replaces a counter.
    pub fn insert_count(&mut self, name: impl Into<String>, count: u64) {
        self.insert_entry(name, Entry { shape: vec![], values: Values::U64(vec![count]) });
    }

    /// Adds or replaces a single number.
    pub fn insert_number(&mut self, name: impl Into<String>, number: f64) {
        self.insert_entry(name, Entry { shape: vec![], values: Values::F64(vec![number]) });
    }

    /// Adds or replaces an entry of any type.
    pub fn insert_entry(&mut self, name: impl Into<String>, entry: Entry) {
        self.entries.insert(name.into(), entry);
    }

    /// Adds all of another state under `prefix.`.
    pub fn extend(&mut self, prefix: &str, other: StateDict) {
        let renamed = other.entries.into_iter().map(|(name, e)| (format!("{prefix}.{name}"), e));
        self.entries.extend(renamed);
    }

    /// A copy of what stands under `prefix.`, without it.
    #[must_use]
    pub fn section(&self, prefix: &str) -> StateDict {
        let strip = |name: &str| Some(name.strip_prefix(prefix)?.strip_prefix('.')?.to_string());
        let entries =
            self.entries.iter().filter_map(|(name, e)| Some((strip(name)?, e.clone()))).collect();
        StateDict { entries }
    }

    /// An entry of any type.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The data of an entry that must be of type `F` and this shape.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing or of another type or shape.
    pub fn get<F: Float>(&self, name: &str, shape: &[usize]) -> Result<&[F]> {
        let want = || format!("{} {shape:?}", F::NAME);
        let entry = self.entries.get(name).ok_or_else(|| missing(name, &want()))?;
        match F::from_values(&entry.values) {
            Some(data) if entry.shape == shape && data.len() == shape.iter().product::<usize>() => {
                Ok(data)
            }
            _ => Err(unfit(name, entry, &want())),
        }
    }

    /// A counter.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing or not a single `u64`.
    pub fn count(&self, name: &str) -> Result<u64> {
        let entry = self.entries.get(name).ok_or_else(|| missing(name, "u64 []"))?;
        match &entry.values {
            Values::U64(data) if data.len() == 1 => Ok(data[0]),
            _ => Err(unfit(name, entry, "u64 []")),
        }
    }

    /// A single number.
    ///
    /// # Errors
    /// [`Error::State`] if it is missing or not a single `f64`.
    pub fn number(&self, name: &str) -> Result<f64> {
        let entry = self.entries.get(name).ok_or_else(|| missing(name, "f64 []"))?;
        match &entry.values {
            Values::F64(data) if data.len() == 1 => Ok(data[0]),
            _ => Err(unfit(name, entry, "f64 []")),
        }
    }

    /// All entries, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn missing(name: &str, want: &str) -> Error {
    Error::State { problems: vec![format!("{name} is missing, expected {want}")] }
}

fn unfit(name: &str, entry: &Entry, want: &str) -> Error {
    let (kind, shape) = (entry.values.type_name(), &entry.shape);
    Error::State { problems: vec![format!("{name} is {kind} {shape:?}, expected {want}")] }
}
