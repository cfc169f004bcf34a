use crate::{Stop, Tensor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A JSON object that remembers which of its keys were read.
///
/// `null` means "not set" everywhere in the vectors, and is treated as absence.
pub struct Fields<'a> {
    owner: &'static str,
    map: Option<&'a Map<String, Value>>,
    read: RefCell<BTreeSet<&'a str>>,
}

/// A number of the vectors: a JSON number, or the name of a non-finite one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(x) => x.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// A flat list of numbers.
pub(crate) fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array()?.iter().map(number).collect()
}

impl<'a> Fields<'a> {
    /// The object at `key` of `parent`, or an empty one. `owner` is for messages.
    pub fn of(parent: &'a Map<String, Value>, key: &'static str) -> Self {
        Self {
            owner: key,
            map: parent.get(key).and_then(Value::as_object),
            read: RefCell::default(),
        }
    }

    /// The object itself.
    pub fn from_map(map: &'a Map<String, Value>, owner: &'static str) -> Self {
        Self { owner, map: Some(map), read: RefCell::default() }
    }

    /// The value at `key`, which now counts as read.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        let (key, value) = self.map?.get_key_value(key)?;
        self.read.borrow_mut().insert(key);
        (!value.is_null()).then_some(value)
    }

    /// Whether `key` is set; does not count as reading it.
    pub fn has(&self, key: &str) -> bool {
        self.map.and_then(|map| map.get(key)).is_some_and(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, want: &str) -> Stop {
        Stop::Malformed(format!("{}.{key} is not {want}", self.owner))
    }

    fn missing(&self, key: &str) -> Stop {
        Stop::Malformed(format!("{}.{key} is missing", self.owner))
    }

    /// A number that must be there.
    pub fn number(&self, key: &str) -> Result<f64, Stop> {
        self.number_opt(key)?.ok_or_else(|| self.missing(key))
    }

    /// A number, or `default`.
    pub fn number_or(&self, key: &str, default: f64) -> Result<f64, Stop> {
        Ok(self.number_opt(key)?.unwrap_or(default))
    }

    /// A number, if set.
    pub fn number_opt(&self, key: &str) -> Result<Option<f64>, Stop> {
        let Some(value) = self.get(key) else { return Ok(None) };
        number(value).map(Some).ok_or_else(|| self.wrong(key, "a number"))
    }

    /// A count that must be there.
    pub fn count(&self, key: &str) -> Result<u64, Stop> {
        self.count_opt(key)?.ok_or_else(|| self.missing(key))
    }

    /// A count, if set. A number no `u64` can hold is skipped: no call can be written with it.
    pub fn count_opt(&self, key: &str) -> Result<Option<u64>, Stop> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let whole =
            value.as_f64().filter(|x| x.fract() == 0.0 && *x >= 0.0 && *x < 2f64.powf(53.0));
        match (value.as_u64(), whole) {
            (Some(count), _) => Ok(Some(count)),
            (None, Some(x)) => Ok(Some(x as u64)),
            _ => Err(Stop::Skip(format!("{key} = {value}: the type is u64, cannot be written"))),
        }
    }

    /// A switch, off by default.
    pub fn flag(&self, key: &str) -> Result<bool, Stop> {
        let Some(value) = self.get(key) else { return Ok(false) };
        value.as_bool().ok_or_else(|| self.wrong(key, "true or false"))
    }

    /// A text that must be there.
    pub fn text(&self, key: &str) -> Result<&'a str, Stop> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        value.as_str().ok_or_else(|| self.wrong(key, "a string"))
    }

    /// A list of numbers that must be there.
    pub fn numbers(&self, key: &str) -> Result<Vec<f64>, Stop> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        numbers(value).ok_or_else(|| self.wrong(key, "a list of numbers"))
    }

    /// A list that must be there.
    pub fn list(&self, key: &str) -> Result<&'a [Value], Stop> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        value.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(key, "a list"))
    }

    /// A tensor that must be there.
    pub fn tensor(&self, key: &str) -> Result<Tensor, Stop> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        Tensor::parse(value).map_err(|m| Stop::Malformed(format!("{}.{key}: {m}", self.owner)))
    }

    /// A tensor, if set.
    pub fn tensor_opt(&self, key: &str) -> Result<Option<Tensor>, Stop> {
        if self.has(key) { self.tensor(key).map(Some) } else { Ok(None) }
    }

    /// The object at `key`; empty if absent.
    pub fn object(&self, key: &'static str) -> Fields<'a> {
        let map = self.get(key).and_then(Value::as_object);
        Fields { owner: key, map, read: RefCell::default() }
    }

    /// All keys, which now count as read.
    pub fn keys(&self) -> Vec<&'a str> {
        let keys: Vec<&'a str> =
            self.map.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default();
        self.read.borrow_mut().extend(keys.iter().copied());
        keys
    }

    /// Reads a key whose value is only a description of what the adapter does anyway.
    pub fn describes(&self, key: &str) {
        let _ = self.get(key);
    }

    /// The only value of `key` the library has; another is skipped by name.
    pub fn only(&self, key: &str, value: impl Into<Value>) -> Result<(), Stop> {
        let (got, want) = (self.get(key), value.into());
        match got {
            Some(got)
                if *got != want && (number(got).is_none() || number(got) != number(&want)) =>
            {
                Err(Stop::Skip(format!("{key} = {}", brief(got))))
            }
            _ => Ok(()),
        }
    }

    /// The keys that are set and were not read, with their values; remarks need no reader.
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        let all = self.map.into_iter().flatten();
        all.filter(|(key, value)| {
            *key != "remark" && !value.is_null() && !read.contains(key.as_str())
        })
        .map(|(key, value)| format!("{key} = {}", brief(value)))
        .collect()
    }
}

/// A value short enough for a message.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
