use super::Read;
use super::archive::Archive;
use super::budget::Budget;
use super::input::Input;
use super::opcode::*;
use super::tensor::{Storage, Tensor};
use super::value::{Class, Objects, Value};
use std::collections::HashMap;

/// The most axes of a tensor; PyTorch's own limit.
const MOST_AXES: usize = 64;

/// Reads a pickle of protocol 2: the object it holds, and what that refers to.
///
/// Nothing is called. The two functions a state refers to, and only they, are understood: an empty
/// `OrderedDict`, and a tensor put together of a storage and a view.
pub(super) fn read<'p>(
    pickle: &'p [u8],
    archive: &Archive,
    budget: &mut Budget,
) -> Read<(Value<'p>, Objects<'p>)> {
    let Some(rest) = pickle.strip_prefix(&[0x80, 2]) else {
        return Err("data.pkl is no pickle of protocol 2".into());
    };
    let mut machine = Machine {
        input: Input { rest },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: Objects::default(),
        archive,
        budget,
    };
    // The empty tuple, which is one for all.
    machine.objects.containers.push(Vec::new());
    loop {
        let at = pickle.len() - machine.input.rest.len();
        let wrong = |message| format!("data.pkl, byte {at}: {message}");
        let op = machine.input.byte().map_err(wrong)?;
        if op == STOP {
            return machine.end().map_err(wrong);
        }
        machine.execute(op).map_err(wrong)?;
    }
}

struct Machine<'p, 'a> {
    input: Input<'p>,
    stack: Vec<Value<'p>>,
    /// How high the stack stood at each mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'p>>,
    objects: Objects<'p>,
    archive: &'a Archive,
    budget: &'a mut Budget,
}

impl<'p> Machine<'p, '_> {
    fn execute(&mut self, op: u8) -> Read<()> {
        match op {
            MARK => {
                self.budget.spend(size_of::<usize>())?;
                self.marks.push(self.stack.len());
                Ok(())
            }
            NONE => self.push(Value::None),
            NEWTRUE => self.push(Value::Bool(true)),
            NEWFALSE => self.push(Value::Bool(false)),
            BININT1 => {
                let int = self.input.byte()?;
                self.push(Value::Int(int.into()))
            }
            BININT2 => {
                let int = u16::from_le_bytes(self.input.array()?);
                self.push(Value::Int(int.into()))
            }
            BININT => {
                let int = i32::from_le_bytes(self.input.array()?);
                self.push(Value::Int(int.into()))
            }
            LONG1 => {
                let int = self.input.long()?;
                self.push(Value::Int(int))
            }
            BINFLOAT => {
                let float = f64::from_be_bytes(self.input.array()?);
                self.push(Value::Float(float))
            }
            BINUNICODE => {
                let len = u32::from_le_bytes(self.input.array()?);
                let text = self.input.take(usize::try_from(len).unwrap_or(usize::MAX))?;
                let text = str::from_utf8(text).map_err(|_| "a str is not UTF-8".to_string())?;
                self.push(Value::Text(text))
            }
            EMPTY_TUPLE => self.push(Value::Tuple(0)),
            EMPTY_LIST => {
                let list = self.container(Vec::new())?;
                self.push(Value::List(list))
            }
            EMPTY_DICT => {
                let dict = self.container(Vec::new())?;
                self.push(Value::Dict(dict))
            }
            TUPLE => {
                let items = self.marked()?;
                self.tuple(items)
            }
            TUPLE1..=TUPLE3 => {
                let items = self.top(usize::from(op - TUPLE1) + 1)?;
                self.tuple(items)
            }
            APPEND => {
                let items = self.top(1)?;
                self.append(items)
            }
            APPENDS => {
                let items = self.marked()?;
                self.append(items)
            }
            SETITEM => {
                let items = self.top(2)?;
                self.set(items)
            }
            SETITEMS => {
                let items = self.marked()?;
                self.set(items)
            }
            BINPUT => {
                let name = self.input.byte()?;
                self.put(name.into())
            }
            LONG_BINPUT => {
                let name = u32::from_le_bytes(self.input.array()?);
                self.put(name)
            }
            BINGET => {
                let name = self.input.byte()?;
                self.get(name.into())
            }
            LONG_BINGET => {
                let name = u32::from_le_bytes(self.input.array()?);
                self.get(name)
            }
            GLOBAL => self.global(),
            REDUCE => self.reduce(),
            BINPERSID => self.storage(),
            other => Err(refusal(other)),
        }
    }

    /// What is left, at the end.
    fn end(mut self) -> Read<(Value<'p>, Objects<'p>)> {
        let value = self.pop()?;
        if !(self.stack.is_empty() && self.marks.is_empty() && self.input.rest.is_empty()) {
            return Err("the pickle holds more than one object".into());
        }
        Ok((value, self.objects))
    }

    fn push(&mut self, value: Value<'p>) -> Read<()> {
        self.budget.spend(size_of::<Value<'_>>())?;
        self.stack.push(value);
        Ok(())
    }

    /// How much of the stack lies below the last mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Read<Value<'p>> {
        self.top(1).map(|items| items[0])
    }

    /// Takes the top `n` values off.
    fn top(&mut self, n: usize) -> Read<Vec<Value<'p>>> {
        let height = self.stack.len() - self.floor();
        let from = height.checked_sub(n).ok_or("the stack is too low")? + self.floor();
        Ok(self.stack.split_off(from))
    }

    /// Takes everything above the last mark off.
    fn marked(&mut self) -> Read<Vec<Value<'p>>> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn container(&mut self, items: Vec<Value<'p>>) -> Read<usize> {
        let held = size_of::<Value<'_>>() * items.len();
        self.budget.spend(size_of::<Vec<Value<'_>>>() + held)?;
        self.objects.containers.push(items);
        Ok(self.objects.containers.len() - 1)
    }

    fn tuple(&mut self, items: Vec<Value<'p>>) -> Read<()> {
        let tuple = self.container(items)?;
        self.push(Value::Tuple(tuple))
    }

    /// The value on top, which stays.
    fn peek(&self) -> Read<Value<'p>> {
        self.stack[self.floor()..].last().copied().ok_or("the stack is too low".into())
    }

    fn append(&mut self, items: Vec<Value<'p>>) -> Read<()> {
        match self.peek()? {
            Value::List(list) => self.extend(list, items),
            other => Err(format!("appends to {}", other.kind())),
        }
    }

    fn set(&mut self, items: Vec<Value<'p>>) -> Read<()> {
        match self.peek()? {
            Value::Dict(_) if items.len() % 2 == 1 => Err("a key has no value".into()),
            Value::Dict(dict) => self.extend(dict, items),
            other => Err(format!("sets items of {}", other.kind())),
        }
    }

    fn extend(&mut self, container: usize, items: Vec<Value<'p>>) -> Read<()> {
        self.budget.spend(size_of::<Value<'_>>() * items.len())?;
        self.objects.containers[container].extend(items);
        Ok(())
    }

    fn put(&mut self, name: u32) -> Read<()> {
        self.budget.spend(2 * size_of::<Value<'_>>())?;
        let value = self.peek()?;
        self.memo.insert(name, value);
        Ok(())
    }

    fn get(&mut self, name: u32) -> Read<()> {
        let value = self.memo.get(&name).copied();
        self.push(value.ok_or_else(|| format!("there is no memo {name}"))?)
    }

    fn global(&mut self) -> Read<()> {
        let (module, name) = (self.input.line()?, self.input.line()?);
        let class = Class::of(module, name);
        let refused = || format!("global {:?} is refused", format!("{module}.{name}"));
        self.push(Value::Class(class.ok_or_else(refused)?))
    }

    /// A function and its arguments; there are two.
    fn reduce(&mut self) -> Read<()> {
        let items = self.top(2)?;
        let [function, arguments] = items[..] else { return Err("the stack is too low".into()) };
        let Value::Tuple(arguments) = arguments else {
            return Err(format!("arguments are {}, expected a tuple", arguments.kind()));
        };
        match (function, &self.objects.containers[arguments][..]) {
            (Value::Class(Class::OrderedDict), []) => {
                let dict = self.container(Vec::new())?;
                self.push(Value::Dict(dict))
            }
            (Value::Class(Class::OrderedDict), _) => {
                Err("an OrderedDict made of arguments is refused".into())
            }
            // Whether it wants a gradient, and hooks on that, are nothing to a state.
            (
                Value::Class(Class::RebuildTensor),
                &[
                    Value::Storage(storage),
                    Value::Int(offset),
                    shape @ Value::Tuple(_),
                    strides @ Value::Tuple(_),
                    Value::Bool(_),
                    Value::Dict(hooks),
                ],
            ) if self.objects.containers[hooks].is_empty() => {
                let (shape, strides) = (self.sizes(shape)?, self.sizes(strides)?);
                let storage = self.objects.storages[storage].clone();
                let tensor = Tensor::new(storage, offset, shape, strides)?;
                self.budget.spend(size_of::<Tensor>())?;
                self.objects.tensors.push(tensor);
                self.push(Value::Tensor(self.objects.tensors.len() - 1))
            }
            (Value::Class(Class::RebuildTensor), arguments) => {
                let kinds: Vec<_> = arguments.iter().take(8).map(Value::kind).collect();
                Err(format!("a tensor made of {kinds:?} is refused"))
            }
            (other, _) => Err(format!("calls {}", other.kind())),
        }
    }

    /// Lengths or strides.
    fn sizes(&mut self, tuple: Value<'p>) -> Read<Vec<usize>> {
        let items = self.objects.items(tuple).unwrap_or_default();
        if items.len() > MOST_AXES {
            return Err(format!("a tensor has {} axes, at most {MOST_AXES}", items.len()));
        }
        self.budget.spend(size_of::<usize>() * items.len())?;
        let size = |item: &Value<'p>| match item {
            Value::Int(int) => usize::try_from(*int).ok(),
            _ => None,
        };
        let sizes: Option<Vec<usize>> = items.iter().map(size).collect();
        sizes.ok_or("a length or stride is no int, or below 0".into())
    }

    /// A storage by what PyTorch calls a persistent id: its class, key, device and length.
    fn storage(&mut self) -> Read<()> {
        let id = self.pop()?;
        let &[
            Value::Text("storage"),
            Value::Class(Class::Storage(dtype)),
            Value::Text(key),
            Value::Text(_),
            Value::Int(len),
        ] = self.objects.items(id).unwrap_or_default()
        else {
            return Err(format!("{} is no storage", id.kind()));
        };
        let storage = Storage::find(self.archive, dtype, key, len)?;
        self.budget.spend(size_of::<Storage>())?;
        self.objects.storages.push(storage);
        self.push(Value::Storage(self.objects.storages.len() - 1))
    }
}
