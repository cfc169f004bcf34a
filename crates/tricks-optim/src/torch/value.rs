use super::tensor::{Dtype, Storage, Tensor};

/// What a pickle can hold here. Containers and tensors are numbers of [`Objects`]: one that is
/// named twice is the same one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'p> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'p str),
    Tuple(usize),
    List(usize),
    /// Keys and values in turn.
    Dict(usize),
    Class(Class),
    Storage(usize),
    Tensor(usize),
}

/// The names a pickle may refer to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Class {
    OrderedDict,
    RebuildTensor,
    Storage(Dtype),
}

impl Class {
    pub(super) fn of(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch", "FloatStorage") => Self::Storage(Dtype::F32),
            ("torch", "DoubleStorage") => Self::Storage(Dtype::F64),
            ("torch", "HalfStorage") => Self::Storage(Dtype::F16),
            ("torch", "BFloat16Storage") => Self::Storage(Dtype::Bf16),
            ("torch", "LongStorage") => Self::Storage(Dtype::I64),
            _ => return None,
        })
    }
}

impl Value<'_> {
    /// For messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an int",
            Value::Float(_) => "a float",
            Value::Text(_) => "a str",
            Value::Tuple(_) => "a tuple",
            Value::List(_) => "a list",
            Value::Dict(_) => "a dict",
            Value::Class(_) => "a class",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
        }
    }
}

/// What values refer to.
#[derive(Default)]
pub(super) struct Objects<'p> {
    pub(super) containers: Vec<Vec<Value<'p>>>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<Tensor>,
}

impl<'p> Objects<'p> {
    /// The values of a tuple or list.
    pub(super) fn items(&self, value: Value<'p>) -> Option<&[Value<'p>]> {
        match value {
            Value::Tuple(at) | Value::List(at) => Some(&self.containers[at]),
            _ => None,
        }
    }

    /// The pairs of a dict.
    pub(super) fn pairs(&self, value: Value<'p>) -> Option<&[[Value<'p>; 2]]> {
        match value {
            Value::Dict(at) => Some(self.containers[at].as_chunks().0),
            _ => None,
        }
    }
}
