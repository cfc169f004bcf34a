use crate::optimizer::Optimizer;
use crate::rule::Rule;
use tricks_tensor::{Float, Result, StateDict, kernel};

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
    /// [`Error::State`](tricks_tensor::Error::State) with every entry that is missing, unexpected, of another shape or type, or not
    /// finite;
    /// the optimizer keeps the state it had.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let steps = reader.count("step");
        for bound in &self.bound {
            let Some(rule) = self.rule_of(bound.group) else { continue };
            let version = format!("rule/{}", rule.name());
            if let Some(layout) = reader.count(&version).filter(|layout| *layout != LAYOUT) {
                reader.refuse(format!("{version} is layout {layout}, this version reads {LAYOUT}"));
            }
            reader.count(&format!("{}/t", bound.name));
            for slot in rule.slots() {
                let name = format!("{}/{slot}", bound.name);
                let saved = reader.get::<F>(&name, &bound.shape).unwrap_or_default();
                if let Some(i) = kernel::first_non_finite(saved) {
                    reader.refuse(format!("{name} is {} at flat index {i}", saved[i]));
                }
            }
        }
        reader.end()?;

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
        self.steps = steps.unwrap_or_default();
        Ok(())
    }
}
