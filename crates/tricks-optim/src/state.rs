use crate::optimizer::Optimizer;
use crate::rule::Rule;
use std::collections::BTreeSet;
use tricks_tensor::{Error, Float, Result, StateDict, kernel};

/// The layout of the state, refused when it is newer.
const LAYOUT: u64 = 1;

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// Everything a resumed run needs, by name: `layers.0.weight/m` for each slot,
    /// `layers.0.weight/t` for each parameter's count, `step`, and `rule/NAME` (the version of the
    /// layout) for each rule in use. Frozen parameters have no entries.
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
        for bound in &self.bound {
            let Some(rule) = self.rule_of(bound.group) else { continue };
            state.insert_count(format!("rule/{}", rule.name()), LAYOUT);
            state.insert_count(format!("{}/t", bound.name), bound.t);
            for (k, slot) in rule.slots().iter().enumerate() {
                let name = format!("{}/{slot}", bound.name);
                state.insert(name, &bound.shape, bound.memory.slot(k));
            }
        }
        state
    }

    /// Takes up a saved state: from here on, every step gives the bits it would have given.
    ///
    /// Entries are found by name, whatever the order of the parameters.
    ///
    /// # Errors
    /// [`Error::State`] with every entry that is missing, unexpected, of another shape or type, or not
    /// finite;
    /// the optimizer keeps the state it had.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut problems = Vec::new();
        let mut note = |outcome: Result<()>| match outcome {
            Err(Error::State { problems: found }) => problems.extend(found),
            Err(other) => problems.push(other.to_string()),
            Ok(()) => (),
        };
        let mut known = BTreeSet::from(["step".to_string()]);
        note(state.count("step").map(drop));
        for bound in &self.bound {
            let Some(rule) = self.rule_of(bound.group) else { continue };
            let version = format!("rule/{}", rule.name());
            if known.insert(version.clone()) {
                note(state.count(&version).and_then(|found| match found {
                    LAYOUT => Ok(()),
                    _ => Err(Error::invalid(
                        "state",
                        format!("{version} has layout {found}, this version reads {LAYOUT}"),
                    )),
                }));
            }
            let count = format!("{}/t", bound.name);
            note(state.count(&count).map(drop));
            known.insert(count);
            for slot in rule.slots() {
                let name = format!("{}/{slot}", bound.name);
                note(state.get::<F>(&name, &bound.shape).and_then(|saved| {
                    match kernel::first_non_finite(saved) {
                        Some(i) => {
                            Err(Error::invalid("state", format!("{name} is {} at {i}", saved[i])))
                        }
                        None => Ok(()),
                    }
                }));
                known.insert(name);
            }
        }
        problems.extend(
            state
                .iter()
                .filter(|(name, _)| !known.contains(*name))
                .map(|(name, _)| format!("{name} is unexpected")),
        );
        if !problems.is_empty() {
            return Err(Error::State { problems });
        }

        let rules: Vec<_> =
            self.bound.iter().map(|b| self.rule_of(b.group).map(|rule| rule.slots())).collect();
        for (bound, slots) in self.bound.iter_mut().zip(rules) {
            let Some(slots) = slots else { continue };
            bound.t = state.count(&format!("{}/t", bound.name))?;
            for (k, slot) in slots.iter().enumerate() {
                let saved = state.get(&format!("{}/{slot}", bound.name), &bound.shape)?;
                bound.memory.slot_mut(k).copy_from_slice(saved);
            }
        }
        self.steps = state.count("step")?;
        Ok(())
    }
}
