use super::Read;
use super::archive::Archive;
use super::budget::Budget;
use super::pickle;
use super::tensor::Tensor;
use super::value::{Objects, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use tricks_tensor::{Error, Result};

/// The most numbers of a hyper-parameter that is a tuple.
const MOST_NUMBERS: usize = 16;

/// An optimizer's state as PyTorch saved it: the file of
/// `torch.save(optimizer.state_dict(), "optim.pt")`.
///
/// PyTorch knows parameters by their place, so their names must come from somewhere: from the
/// file, if the optimizer was made of named parameters; else from [`TorchState::named`], in the
/// order in which the optimizer was given them.
///
/// ```
/// use tricks_optim::{Adam, Optimizer, TorchState};
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/torch/small.pt");
/// let saved = TorchState::read(path)?.named(["w"]);
/// assert_eq!(saved.groups()[0].number("lr"), Some(0.01));
///
/// let (mut w, mut dw) = ([0.99f32, 2.01], [0.1, 0.1]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params)?;
/// adam.load_torch(&saved)?;
/// assert_eq!(adam.steps(), 1);
/// assert_eq!(adam.state().get::<f32>("w/m", &[2])?, [0.05, -0.025]);
/// adam.step(0.01, &mut params)?;
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Format
/// A zip archive of stored entries: a pickle of the objects, and the numbers of each storage as
/// they lie in memory. The objects are a dict of `state`, each parameter's memory by its place and
/// by PyTorch's names (`exp_avg`), and `param_groups`, the hyper-parameters and places of each
/// group.
///
/// # What is read
/// The archives of PyTorch 1.6 and later, pickled with protocol 2, its default. Of objects: dicts,
/// lists, tuples, numbers, strings, and tensors of 16, 32 and 64-bit floats and 64-bit integers, of
/// any strides, on any device. Everything else is refused by its name, and nothing is executed.
/// A state that lies inside a larger checkpoint is refused: save it by itself.
///
/// A file may be hostile: its checksums, its sizes and every view are checked, and reading takes no
/// more than a few times the length of the file. A file without checksums
/// (`torch.serialization.set_crc32_options(False)`) is refused.
#[derive(Clone)]
pub struct TorchState {
    pub(super) archive: Archive,
    pub(super) tensors: Vec<Tensor>,
    /// Each parameter's memory, by its place over all groups.
    pub(super) entries: Vec<BTreeMap<String, Entry>>,
    pub(super) stored_names: Option<Vec<String>>,
    pub(super) given_names: Option<Vec<String>>,
    groups: Vec<TorchGroup>,
}

/// What PyTorch keeps under one name for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry {
    None,
    Number(f64),
    /// A number of the tensors.
    Tensor(usize),
    /// Something else, and what.
    Other(&'static str),
}

/// The hyper-parameters of a group, to look at: the rule and its settings are the caller's.
#[derive(Clone, Debug, Default)]
pub struct TorchGroup {
    parameters: usize,
    settings: BTreeMap<String, Setting>,
}

#[derive(Clone, Debug)]
enum Setting {
    Flag(bool),
    Number(f64),
    Numbers(Vec<f64>),
}

impl TorchGroup {
    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// A number: `lr`, `weight_decay`, `eps`.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.settings.get(name)? {
            Setting::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Some numbers: `betas`.
    pub fn numbers(&self, name: &str) -> Option<&[f64]> {
        match self.settings.get(name)? {
            Setting::Numbers(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// A switch: `amsgrad`, `nesterov`, `maximize`.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.settings.get(name)? {
            Setting::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}

impl TorchState {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] as [`TorchState::from_bytes`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(Error::io(path, "read"))?;
        Self::from_bytes(&path.display().to_string(), bytes)
    }

    /// Reads a file from memory. `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Format`] for hostile or damaged bytes, and for what is none of the objects of an
    /// optimizer's state.
    pub fn from_bytes(name: &str, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Self::open(bytes.into()).map_err(|message| Error::format(name, message))
    }

    /// With the names of the parameters, in the order in which PyTorch's optimizer was given them:
    /// over all groups, `[name for name, _ in model.named_parameters()]` if it was given
    /// `model.parameters()`. They are checked where the state is taken up.
    #[must_use]
    pub fn named(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { given_names: Some(names), ..self }
    }

    /// The names of the parameters, given or in the file.
    pub fn names(&self) -> Option<&[String]> {
        self.given_names.as_deref().or(self.stored_names.as_deref())
    }

    /// How many parameters, over all groups.
    pub fn parameters(&self) -> usize {
        self.entries.len()
    }

    /// The groups, in order.
    pub fn groups(&self) -> &[TorchGroup] {
        &self.groups
    }

    fn open(bytes: Vec<u8>) -> Read<Self> {
        let mut budget = Budget::of(bytes.len());
        let archive = Archive::open(bytes, &mut budget)?;
        let pickle = archive.get("data.pkl")?;
        let (root, objects) = pickle::read(pickle, &archive, &mut budget)?;
        let mut reader = Reader { objects: &objects, archive: &archive, budget: &mut budget };
        let [state, groups] = reader.root(root)?;
        let Groups { indices, groups, names } = reader.groups(groups)?;
        let entries = reader.state(state, &indices)?;
        let tensors = objects.tensors;
        Ok(Self { archive, tensors, entries, stored_names: names, given_names: None, groups })
    }
}

impl fmt::Debug for TorchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TorchState")
            .field("parameters", &self.parameters())
            .field("names", &self.names())
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// What the groups say.
struct Groups {
    /// The index of each parameter in the state, over all groups.
    indices: Vec<i64>,
    groups: Vec<TorchGroup>,
    names: Option<Vec<String>>,
}

/// Finds the structure in the objects.
struct Reader<'r, 'p> {
    objects: &'r Objects<'p>,
    archive: &'r Archive,
    budget: &'r mut Budget,
}

impl<'r, 'p> Reader<'r, 'p> {
    /// `state` and `param_groups`.
    fn root(&mut self, root: Value<'p>) -> Read<[Value<'p>; 2]> {
        let pairs = self.pairs(root, "the object")?;
        let mut found = [None; 2];
        for [key, value] in pairs {
            match key {
                Value::Text("state") if found[0].is_none() => found[0] = Some(*value),
                Value::Text("param_groups") if found[1].is_none() => found[1] = Some(*value),
                other => {
                    let key = describe(other);
                    return Err(format!("holds {key}; expected state and param_groups alone"));
                }
            }
        }
        match found {
            [Some(state), Some(groups)] => Ok([state, groups]),
            [None, _] => Err("holds no state".into()),
            [_, None] => Err("holds no param_groups".into()),
        }
    }

    fn groups(&mut self, groups: Value<'p>) -> Read<Groups> {
        let mut all = Groups { indices: Vec::new(), groups: Vec::new(), names: None };
        let mut names = Vec::new();
        for (position, group) in self.items(groups, "param_groups")?.iter().enumerate() {
            let wrong = |message: String| format!("group {position}: {message}");
            let (mut indices, mut own_names) = (None, None);
            let mut read = TorchGroup::default();
            for [key, value] in self.pairs(*group, "it").map_err(wrong)? {
                let Value::Text(key) = key else {
                    return Err(wrong(format!("a key is {}", key.kind())));
                };
                match *key {
                    "params" => indices = Some(self.ints(*value).map_err(wrong)?),
                    "param_names" => own_names = Some(self.texts(*value).map_err(wrong)?),
                    _ => {
                        if let Some(setting) = self.setting(*value)? {
                            self.budget.spend(key.len() + size_of::<(String, Setting)>())?;
                            read.settings.insert(key.to_string(), setting);
                        }
                    }
                }
            }
            let indices = indices.ok_or_else(|| wrong("holds no params".into()))?;
            read.parameters = indices.len();
            if let Some(own) = &own_names
                && own.len() != indices.len()
            {
                let (found, expected) = (own.len(), indices.len());
                return Err(wrong(format!("{found} param_names for {expected} params")));
            }
            if position > 0 && own_names.is_some() != all.names.is_some() {
                return Err(wrong("has param_names where another group has none, or none".into()));
            }
            if let Some(own) = own_names {
                names.extend(own);
                all.names = Some(Vec::new());
            }
            all.indices.extend(indices);
            self.budget.spend(size_of::<TorchGroup>())?;
            all.groups.push(read);
        }
        all.names = all.names.map(|_| names);
        Ok(all)
    }

    fn state(&mut self, state: Value<'p>, indices: &[i64]) -> Read<Vec<BTreeMap<String, Entry>>> {
        self.budget.spend(indices.len() * size_of::<[BTreeMap<String, Entry>; 2]>())?;
        let mut place = BTreeMap::new();
        for (k, index) in indices.iter().enumerate() {
            if place.insert(*index, k).is_some() {
                return Err(format!("parameter {index} is in param_groups twice"));
            }
        }
        let mut all = vec![BTreeMap::new(); indices.len()];
        let mut seen = BTreeSet::new();
        for [index, entries] in self.pairs(state, "state")? {
            let known = match index {
                Value::Int(index) => place.get(index),
                _ => None,
            };
            let at = known.ok_or_else(|| {
                format!("state has {}, which is no parameter of a group", describe(index))
            })?;
            let wrong = |message: String| format!("state of parameter {at}: {message}");
            if !seen.insert(*at) {
                return Err(wrong("stands twice".into()));
            }
            for [name, value] in self.pairs(*entries, "it").map_err(wrong)? {
                let Value::Text(name) = name else {
                    return Err(wrong(format!("a key is {}", name.kind())));
                };
                self.budget.spend(name.len() + size_of::<(String, Entry)>())?;
                if all[*at].insert(name.to_string(), entry(*value)).is_some() {
                    return Err(wrong(format!("{name:?} stands twice")));
                }
            }
        }
        Ok(all)
    }

    fn pairs(&mut self, value: Value<'p>, what: &str) -> Read<&'r [[Value<'p>; 2]]> {
        let objects = self.objects;
        objects.pairs(value).ok_or_else(|| format!("{what} is {}, expected a dict", value.kind()))
    }

    fn items(&mut self, value: Value<'p>, what: &str) -> Read<&'r [Value<'p>]> {
        let objects = self.objects;
        objects.items(value).ok_or_else(|| format!("{what} is {}, expected a list", value.kind()))
    }

    fn ints(&mut self, list: Value<'p>) -> Read<Vec<i64>> {
        let items = self.items(list, "params")?;
        self.budget.spend(size_of_val(items))?;
        let int = |item: &Value<'p>| match item {
            Value::Int(int) => Ok(*int),
            other => Err(format!("params holds {}, expected ints", other.kind())),
        };
        items.iter().map(int).collect()
    }

    fn texts(&mut self, list: Value<'p>) -> Read<Vec<String>> {
        let mut texts = Vec::new();
        for item in self.items(list, "param_names")? {
            let Value::Text(text) = item else {
                return Err(format!("param_names holds {}, expected strs", item.kind()));
            };
            self.budget.spend(size_of::<String>() + text.len())?;
            texts.push(text.to_string());
        }
        Ok(texts)
    }

    /// A hyper-parameter, if it is of numbers.
    fn setting(&mut self, value: Value<'p>) -> Read<Option<Setting>> {
        let (objects, archive) = (self.objects, self.archive);
        let number = |value: Value<'p>| match value {
            Value::Int(int) => Some(int as f64),
            Value::Float(float) => Some(float),
            Value::Tensor(tensor) => objects.tensors[tensor].number(archive),
            _ => None,
        };
        if let Value::Bool(flag) = value {
            return Ok(Some(Setting::Flag(flag)));
        }
        if let Some(items) = objects.items(value).filter(|items| items.len() <= MOST_NUMBERS) {
            self.budget.spend(size_of_val(items))?;
            let numbers: Option<Vec<f64>> = items.iter().map(|item| number(*item)).collect();
            return Ok(numbers.map(Setting::Numbers));
        }
        Ok(number(value).map(Setting::Number))
    }
}

fn entry(value: Value<'_>) -> Entry {
    match value {
        Value::None => Entry::None,
        Value::Int(int) => Entry::Number(int as f64),
        Value::Float(float) => Entry::Number(float),
        Value::Tensor(tensor) => Entry::Tensor(tensor),
        other => Entry::Other(other.kind()),
    }
}

/// A key for a message, not longer than need be.
fn describe(key: &Value<'_>) -> String {
    match key {
        Value::Text(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Int(int) => int.to_string(),
        other => other.kind().to_string(),
    }
}
