use super::saved::{Entry, TorchState};
use crate::optimizer::{Bound, Optimizer};
use crate::rule::{Rule, Scope};
use crate::slot::MAX_SCALARS;
use std::collections::{BTreeMap, BTreeSet};
use tricks_tensor::{Error, Float, Result};

/// PyTorch's name of the count of updates.
const STEP: &str = "step";
/// The memory of its SGD, which has no count beside it.
const BUFFER: &str = "momentum_buffer";
/// Below this, every integer is an `f64`.
const COUNTS: f64 = (1u64 << 53) as f64;

/// What one parameter will remember.
struct Memory<F> {
    t: u64,
    scalars: [f64; MAX_SCALARS],
    slots: Vec<Option<Vec<F>>>,
}

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// Takes up the state of PyTorch's optimizer of the same rule, in the middle of a training.
    ///
    /// Memory is found by the names of the parameters, whatever their order here, and by the name
    /// PyTorch gives it, [`Slot::torch`](crate::Slot::torch). Hyper-parameters are not taken: the
    /// rule, the weight decay and the groups are those the optimizer was built with. So is the
    /// number type: state of `f32` goes into `f64`, but not the other way.
    ///
    /// - A parameter PyTorch never updated begins as in a first step.
    /// - SGD keeps no count. A parameter with a `momentum_buffer` has had a first update, which is
    ///   all that [`Momentum`](crate::Momentum) asks, so its count becomes 1.
    /// - [`Optimizer::steps`] becomes the largest count of a parameter; after SGD, then, 1.
    /// - PyTorch keeps `mu_product` of NAdam, and `eta` and `mu` of ASGD, in its default type,
    ///   `f32` unless set: the steps of an `f64` training then agree to 7 digits.
    ///
    /// # Errors
    /// [`Error::State`] with all that does not fit: names that are missing, doubled, not bound, or
    /// not those in the file; entries that are missing, unexpected, of another shape or type, not
    /// finite, or negative where they cannot be; rules that are none of PyTorch's. The optimizer
    /// keeps the state it had.
    pub fn load_torch(&mut self, saved: &TorchState) -> Result<()> {
        let mut problems = Problems::default();
        let place = self.places(saved, &mut problems)?;
        let mut memories: Vec<Option<Memory<F>>> = Vec::with_capacity(self.bound.len());
        for bound in &self.bound {
            let rule = self.rule_of(bound.group);
            let memory = match place.get(&*bound.name) {
                Some(at) => {
                    let entries = Entries { saved, of: bound, own: &saved.entries[*at] };
                    entries.read(rule, &mut problems)
                }
                // Frozen since the start: PyTorch's optimizer need not have known it.
                None if bound.group.is_some_and(|index| self.groups[index].frozen) => None,
                None => {
                    problems.add(format!("{} is bound, but not among the names", bound.name));
                    None
                }
            };
            memories.push(memory);
        }
        problems.end()?;

        self.steps = memories.iter().flatten().map(|memory| memory.t).max().unwrap_or(0);
        for (bound, memory) in self.bound.iter_mut().zip(memories) {
            let own = bound.group.and_then(|index| self.groups[index].rule.as_deref());
            bound.begin(own.unwrap_or(&self.rule), self.storage);
            let Some(memory) = memory else { continue };
            (bound.t, bound.scalars) = (memory.t, memory.scalars);
            for (k, numbers) in memory.slots.iter().enumerate() {
                if let Some(numbers) = numbers {
                    bound.memory.write(k, numbers);
                }
            }
        }
        Ok(())
    }

    /// The place of each name.
    ///
    /// # Errors
    /// Names that cannot be matched to the parameters of the file at all.
    fn places<'s>(
        &self,
        saved: &'s TorchState,
        problems: &mut Problems,
    ) -> Result<BTreeMap<&'s str, usize>> {
        let refuse = |problem| Err(Error::State { problems: vec![problem] });
        let Some(names) = saved.names() else {
            return refuse("the file names no parameters: give their names with `named`".into());
        };
        if names.len() != saved.parameters() {
            let (found, expected) = (names.len(), saved.parameters());
            return refuse(format!("{found} names for {expected} parameters in the file"));
        }
        if let (Some(stored), Some(given)) = (&saved.stored_names, &saved.given_names) {
            for (k, (stored, given)) in stored.iter().zip(given).enumerate() {
                if stored != given {
                    problems.add(format!("parameter {k} is named {given}, in the file {stored}"));
                }
            }
        }
        let bound: BTreeSet<&str> = self.bound.iter().map(|bound| &*bound.name).collect();
        let mut place = BTreeMap::new();
        for (k, name) in names.iter().enumerate() {
            if place.contains_key(&**name) {
                problems.add(format!("two parameters named {name}"));
                continue;
            }
            place.insert(&**name, k);
            if !bound.contains(&**name) {
                problems.add(format!("{name} is not bound"));
            }
        }
        Ok(place)
    }
}

/// What the file keeps for one bound parameter.
struct Entries<'e, F> {
    saved: &'e TorchState,
    of: &'e Bound<F>,
    own: &'e BTreeMap<String, Entry>,
}

impl<F: Float> Entries<'_, F> {
    fn read(&self, rule: &dyn Rule<F>, problems: &mut Problems) -> Option<Memory<F>> {
        let bound = self.of;
        let slots = rule.slots();
        let unnamed = slots.iter().find(|slot| slot.torch.is_none()).map(|slot| slot.name);
        let scalars = rule.scalars();
        let unnamed = unnamed.or(match scalars.iter().any(|scalar| scalar.torch.is_some()) {
            // Those beside a named one are made anew in every step.
            true => None,
            false => scalars.first().map(|scalar| scalar.name),
        });
        if rule.scope() == Scope::Set || unnamed.is_some() {
            let of = unnamed.unwrap_or("of the whole set");
            problems.add(format!(
                "{}: {} keeps memory {of}, which PyTorch has not",
                bound.name,
                rule.name(),
            ));
            return None;
        }

        let mut memory = Memory { t: 0, scalars: [0.0; MAX_SCALARS], slots: Vec::new() };
        for (value, scalar) in memory.scalars.iter_mut().zip(scalars) {
            *value = scalar.initial;
        }
        if self.own.values().all(|entry| *entry == Entry::None) {
            return Some(memory);
        }
        let mut asked = BTreeSet::new();
        if slots.iter().all(|slot| slot.torch == Some(BUFFER)) && scalars.is_empty() {
            memory.t = 1;
        } else {
            asked.insert(STEP);
            memory.t = self.count(problems);
        }
        for (scalar, value) in scalars.iter().zip(&mut memory.scalars) {
            if let Some(name) = scalar.torch {
                asked.insert(name);
                *value = self.number(name, problems);
            }
        }
        for (k, slot) in slots.iter().enumerate() {
            let place = slot.torch.zip(rule.slot_shape(k, &bound.shape));
            memory.slots.push(place.map(|(name, shape)| {
                asked.insert(name);
                self.numbers(name, &shape, slot.non_negative, problems)
            }));
        }
        for (name, entry) in self.own {
            if *entry != Entry::None && !asked.contains(&**name) {
                problems.add(format!("{} is unexpected", self.path(name)));
            }
        }
        Some(memory)
    }

    /// `fc1.weight/exp_avg`
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.of.name)
    }

    /// What is found where something else is expected.
    fn unfit(&self, name: &str, expected: &str) -> String {
        let found = match self.own.get(name) {
            None => "missing".to_string(),
            Some(Entry::None) => "None".to_string(),
            Some(Entry::Number(number)) => number.to_string(),
            Some(Entry::Tensor(tensor)) => self.saved.tensors[*tensor].describe(),
            Some(Entry::Other(kind)) => kind.to_string(),
        };
        format!("{} is {found}, expected {expected}", self.path(name))
    }

    /// A finite number; another is noted.
    fn number(&self, name: &str, problems: &mut Problems) -> f64 {
        let number = match self.own.get(name) {
            Some(Entry::Number(number)) => Some(*number),
            Some(Entry::Tensor(tensor)) => self.saved.tensors[*tensor].number(&self.saved.archive),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() => return number,
            Some(number) => problems.add(format!("{} is {number}", self.path(name))),
            None => problems.add(self.unfit(name, "a number")),
        }
        0.0
    }

    fn count(&self, problems: &mut Problems) -> u64 {
        let number = self.number(STEP, problems);
        if !(0.0..COUNTS).contains(&number) || number.fract() != 0.0 {
            problems.add(format!("{} is {number}, expected a count", self.path(STEP)));
        }
        number as u64
    }

    fn numbers(
        &self,
        name: &str,
        shape: &[usize],
        non_negative: bool,
        problems: &mut Problems,
    ) -> Vec<F> {
        let expected = || format!("{} {shape:?}", F::NAME);
        let tensor = match self.own.get(name) {
            Some(Entry::Tensor(tensor)) => Some(&self.saved.tensors[*tensor]),
            _ => None,
        };
        let Some(numbers) = tensor
            .filter(|tensor| tensor.shape == shape)
            .and_then(|tensor| tensor.read::<F>(&self.saved.archive))
        else {
            problems.add(self.unfit(name, &expected()));
            return Vec::new();
        };
        let wrong = |x: &F| !x.is_finite() || (non_negative && *x < F::zero());
        if let Some(i) = numbers.iter().position(wrong) {
            let path = self.path(name);
            problems.add(format!("{path} is {} at flat index {i}", numbers[i]));
        }
        numbers
    }
}

/// All that does not fit.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: String) {
        self.0.push(problem);
    }

    fn end(self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Error::State { problems: self.0 }),
        }
    }
}
