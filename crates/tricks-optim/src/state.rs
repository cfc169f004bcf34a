use crate::optimizer::Optimizer;
use crate::rule::{Rule, Scope};
use tricks_tensor::{Float, Result, StateDict, StateReader};

/// The layout of the state, refused when it is newer.
const LAYOUT: u64 = 1;

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// Everything a resumed run needs, by name: `layers.0.weight/m` for each slot,
    /// `layers.0.weight/t` for each parameter's count, `step`, and `rule/NAME` (the version of the
    /// layout) for each rule in use; scalars of a rule as `layers.0.weight/mu_product`, those of a
    /// rule whose scope is the set as `set/d`, or `set.0/d` for the rule of group 0. Memory is
    /// written in the number type of the parameters, however it is stored. A parameter that was
    /// never updated has its count alone, 0.
    ///
    /// ```
    /// use tricks_optim::{Adam, Optimizer};
    /// let (mut w, mut dw) = ([1.0f32], [0.5]);
    /// let mut params = [("w", &mut w[..], &mut dw[..])];
    /// let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params)?;
    /// adam.step(1e-3, &mut params)?;
    /// let state = adam.state();
    /// let names: Vec<&str> = state.iter().map(|(name, _)| name).collect();
    /// assert_eq!(names, ["rule/Adam", "step", "w/m", "w/t", "w/v"]);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("step", self.steps);
        for (prefix, rule, index) in self.set_names() {
            let set = &self.sets[index];
            state.insert_count(format!("{prefix}t"), set.t);
            for (scalar, value) in rule.scalars().iter().zip(set.scalars) {
                state.insert_number(format!("{prefix}{}", scalar.name), value);
            }
        }
        for bound in &self.bound {
            let rule = self.rule_of(bound.group);
            state.insert_count(format!("rule/{}", rule.name()), LAYOUT);
            state.insert_count(format!("{}/t", bound.name), bound.t);
            if bound.t == 0 {
                continue;
            }
            if rule.scope() != Scope::Set {
                for (scalar, value) in rule.scalars().iter().zip(bound.scalars) {
                    state.insert_number(format!("{}/{}", bound.name, scalar.name), value);
                }
            }
            for (k, slot) in bound.slots.iter().enumerate() {
                let Some(shape) = bound.memory.shape(k) else { continue };
                let name = format!("{}/{}", bound.name, slot.name);
                state.insert(name, shape, &bound.memory.read(k));
            }
        }
        state
    }

    /// Takes up a saved state: from here on, every step gives the bits it would have given.
    ///
    /// Entries are found by name, whatever the order of the parameters and the storage of memory.
    ///
    /// # Errors
    /// [`Error::State`](tricks_tensor::Error::State) with every entry that is missing, unexpected,
    /// of another shape or type, or not finite; the optimizer keeps the state it had.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let steps = reader.count("step").unwrap_or_default();
        let mut sets = self.sets.clone();
        for (prefix, rule, index) in self.set_names() {
            let set = &mut sets[index];
            set.t = reader.count(&format!("{prefix}t")).unwrap_or_default();
            for (scalar, value) in rule.scalars().iter().zip(&mut set.scalars) {
                *value = finite_number(&mut reader, &format!("{prefix}{}", scalar.name));
            }
        }
        let mut counts = Vec::with_capacity(self.bound.len());
        for bound in &self.bound {
            let rule = self.rule_of(bound.group);
            let version = format!("rule/{}", rule.name());
            if let Some(layout) = reader.count(&version).filter(|layout| *layout != LAYOUT) {
                reader.refuse(format!("{version} is layout {layout}, this version reads {LAYOUT}"));
            }
            let t = reader.count(&format!("{}/t", bound.name));
            if t == Some(0) {
                counts.push(None);
                continue;
            }
            let t = t.unwrap_or_default();
            let mut scalars = bound.scalars;
            if rule.scope() != Scope::Set {
                for (scalar, value) in rule.scalars().iter().zip(&mut scalars) {
                    let name = format!("{}/{}", bound.name, scalar.name);
                    *value = finite_number(&mut reader, &name);
                }
            }
            counts.push(Some((t, scalars)));
            for (k, slot) in bound.slots.iter().enumerate() {
                let Some(shape) = bound.memory.shape(k) else { continue };
                let name = format!("{}/{}", bound.name, slot.name);
                let saved = reader.finite::<F>(&name, shape);
                let negative = |x: &F| slot.non_negative && *x < F::zero();
                if let Some(i) = saved.iter().position(negative) {
                    let value = saved[i];
                    reader.refuse(format!(
                        "{name} is {value} at flat index {i}, must not be negative"
                    ));
                }
            }
        }
        reader.end()?;

        (self.steps, self.sets) = (steps, sets);
        let Self { bound, groups, rule, storage, .. } = self;
        for (bound, count) in bound.iter_mut().zip(counts) {
            let Some((t, scalars)) = count else {
                let own = bound.group.and_then(|index| groups[index].rule.as_deref());
                bound.begin(own.unwrap_or(rule), *storage);
                continue;
            };
            (bound.t, bound.scalars) = (t, scalars);
            for (k, slot) in bound.slots.iter().enumerate() {
                let Some(shape) = bound.memory.shape(k).map(<[_]>::to_vec) else { continue };
                let saved = state.get(&format!("{}/{}", bound.name, slot.name), &shape)?;
                bound.memory.write(k, saved);
            }
        }
        Ok(())
    }

    /// The rules whose scope is the set: the prefix of their entries, and their place in `sets`.
    fn set_names(&self) -> Vec<(String, &dyn Rule<F>, usize)> {
        let own = (self.groups.iter().enumerate())
            .filter_map(|(i, g)| Some((format!("set.{i}/"), g.rule.as_deref()?, i + 1)));
        let default: &dyn Rule<F> = &self.rule;
        let all = std::iter::once(("set/".to_string(), default, 0)).chain(own);
        all.filter(|(_, rule, _)| rule.scope() == Scope::Set).collect()
    }
}

/// A scalar of a state; one that is missing or not finite is noted.
fn finite_number(reader: &mut StateReader<'_>, name: &str) -> f64 {
    let value = reader.number(name).unwrap_or_default();
    if !value.is_finite() {
        reader.refuse(format!("{name} is {value}"));
    }
    value
}
