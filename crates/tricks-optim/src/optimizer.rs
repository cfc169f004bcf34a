use crate::args::StepArgs;
use crate::builder::{Follow, Hook};
use crate::group::{Group, check_rule, check_storage};
use crate::memory::Memory;
use crate::rule::{MAX_SUMS, Rule, WeightDecay};
use crate::slot::{MAX_SCALARS, Scalar, Slot};
use crate::step::Call;
use crate::storage::Storage;
use std::fmt;
use tricks_tensor::{Error, Float, Noise, ParamKind, Parameters, Path, Result};

/// A rule bound to a set of parameters.
///
/// ```
/// use tricks_optim::{Momentum, Optimizer, WeightDecay};
/// let (mut w, mut dw) = ([1.0f32, 2.0], [0.5, -0.5]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Momentum { momentum: 0.9, ..Momentum::torch() })
///     .weight_decay(WeightDecay::L2(0.01))
///     .bind(&mut params)?;
/// sgd.step(0.1, &mut params)?;
/// // θ − η(g + λθ)
/// assert_eq!(w, [1.0 - 0.1 * 0.51, 2.0 - 0.1 * -0.48]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub struct Optimizer<F, R> {
    pub(crate) rule: R,
    pub(crate) groups: Vec<Group<F>>,
    pub(crate) bound: Vec<Bound<F>>,
    pub(crate) steps: u64,
    pub(crate) weight_decay: Option<WeightDecay>,
    pub(crate) finite_check: bool,
    pub(crate) maximize: bool,
    pub(crate) storage: (Storage, Noise),
    /// Of rules whose scope is the set: the optimizer's, then each group's.
    pub(crate) sets: Vec<SetMemory>,
    /// What the clip of each group comes to in this step.
    pub(crate) clips: Vec<f64>,
    pub(crate) follow: Option<Follow<F, R>>,
    pub(crate) before: Vec<Hook<F>>,
    pub(crate) after: Vec<Hook<F>>,
    /// Whether rules, groups and memory are as a step has found them sound.
    pub(crate) checked: bool,
}

/// What a rule whose scope is the set remembers of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SetMemory {
    pub(crate) t: u64,
    pub(crate) scalars: [f64; MAX_SCALARS],
    /// Of the present step.
    pub(crate) sums: [f64; MAX_SUMS],
    /// Whether any parameter has added to them.
    pub(crate) gathered: bool,
}

/// What the optimizer knows of one parameter.
pub(crate) struct Bound<F> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) len: usize,
    pub(crate) kind: ParamKind,
    /// Index into the groups; none is the default group.
    pub(crate) group: Option<usize>,
    /// The factor of its layer on the learning rate.
    pub(crate) lr_scale: f64,
    pub(crate) t: u64,
    /// The rule that `memory` was made for.
    pub(crate) rule: &'static str,
    /// Its slots.
    pub(crate) slots: &'static [Slot],
    /// What `scalars` are.
    pub(crate) scalars_of: &'static [Scalar],
    pub(crate) scalars: [f64; MAX_SCALARS],
    pub(crate) memory: Memory<F>,
}

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// Updates every parameter that has a gradient.
    ///
    /// `args` is the learning rate, or [`StepArgs`] with what a clip found, the loss, or an average
    /// that rides along. A parameter without a gradient keeps its value, its memory and its count.
    /// Nothing is allocated inside a pool.
    ///
    /// # Errors
    /// A learning rate that is negative or not finite; another set of parameters than was bound,
    /// or in another order; shapes that changed; a NaN or infinite gradient; a loss that is missing
    /// or not finite where the rule needs it; the error of a hook. Everything is checked before a
    /// parameter or its memory is changed; what [`Builder::follow`](crate::Builder::follow) and the
    /// hooks before the step have done by then stands.
    pub fn step<'a>(
        &mut self,
        args: impl Into<StepArgs<'a, F>>,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<()>
    where
        F: 'a,
    {
        let StepArgs { lr, pending, twice, loss, mut average } = args.into();
        if let Some(follow) = &mut self.follow {
            self.checked = false;
            follow(self.steps, &mut self.rule, &mut self.groups);
        }
        let taken = self.steps;
        let mut params = params;
        self.before.iter_mut().try_for_each(|hook| hook(taken, &mut params))?;

        let sign = if self.maximize { -1.0 } else { 1.0 };
        let grad_scale = sign * pending.map_or(1.0, |pending| pending.factor());
        let call = Call { lr, grad_scale, loss };
        if twice {
            let message =
                "StepArgs::clip was called twice: chain what was found with Pending::then";
            return Err(Error::invalid("step", message));
        }
        self.check(call, pending, average.as_deref(), params)?;
        self.checked = true;
        self.measure_groups(call, params)?;
        if let Some(average) = &mut average {
            average.begin();
        }
        self.gather(call, params);
        // Clearing room for many jobs would cost a small set more than its update.
        if self.bound.len() <= 8 {
            self.update::<8>(call, average, params);
        } else {
            self.update::<64>(call, average, params);
        }
        self.steps = taken.saturating_add(1);
        self.after.iter_mut().try_for_each(|hook| hook(taken, &mut params))
    }

    /// The rule, to look at.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// The rule, to change a hyper-parameter in mid-run. The next step checks its range.
    ///
    /// The memory stays as it is: another rule, or a change that needs other memory, is refused by
    /// the next step; [`Optimizer::switch`] is for these.
    pub fn rule_mut(&mut self) -> &mut R {
        self.checked = false;
        &mut self.rule
    }

    /// The groups, in the order they were added, to change in mid-run; the next step checks them.
    ///
    /// A group's rule may be changed, not replaced by another: [`Optimizer::switch_group`] does
    /// that.
    pub fn groups_mut(&mut self) -> &mut [Group<F>] {
        self.checked = false;
        &mut self.groups
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Goes on with another rule: the chapter's "Adam first, then SGD".
    ///
    /// The new rule starts as in a first step: its memory is as before any update, and the counts
    /// that correct its averages start over. What stays: the count of steps, the groups and
    /// those with rules of their own, the weight decay of the builder, storage, hooks. What
    /// hyper-parameters followed ends with the old rule; [`Optimizer::follow`] begins anew.
    ///
    /// ```
    /// use tricks_optim::{Adam, Momentum, Optimizer};
    /// let (mut w, mut dw) = ([1.0f64], [0.5]);
    /// let mut params = [("w", &mut w[..], &mut dw[..])];
    /// let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params)?;
    /// adam.step(0.1, &mut params)?;
    /// let mut sgd = adam.switch(Momentum::torch())?;
    /// sgd.step(0.1, &mut params)?;
    /// assert_eq!(sgd.steps(), 2);
    /// assert!((params[0].1[0] - (0.9 - 0.05)).abs() < 1e-8);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Builder::bind`](crate::Builder::bind); nothing is left of the optimizer then.
    pub fn switch<R2: Rule<F>>(self, rule: R2) -> Result<Optimizer<F, R2>> {
        check_rule(&rule)?;
        check_storage(&rule, self.storage.0)?;
        let mut bound = self.bound;
        for bound in &mut bound {
            if bound.group.is_none_or(|index| self.groups[index].rule.is_none()) {
                bound.remember(&rule, self.storage)?;
            }
        }
        let mut optimizer = Optimizer {
            rule,
            groups: self.groups,
            bound,
            steps: self.steps,
            weight_decay: self.weight_decay,
            finite_check: self.finite_check,
            maximize: self.maximize,
            storage: self.storage,
            sets: self.sets,
            clips: self.clips,
            follow: None,
            before: self.before,
            after: self.after,
            checked: false,
        };
        optimizer.begin_set(None);
        Ok(optimizer)
    }

    /// Hyper-parameters that follow a schedule from here on, as
    /// [`Builder::follow`](crate::Builder::follow): after a switch of the rule, or in place of what
    /// they followed before.
    #[must_use]
    pub fn follow(self, f: impl FnMut(u64, &mut R, &mut [Group<F>]) + Send + 'static) -> Self {
        Self { follow: Some(Box::new(f)), ..self }
    }

    /// Another weight decay from here on, of all parameters whose group does not say otherwise.
    pub fn set_weight_decay(&mut self, decay: WeightDecay) {
        self.weight_decay = Some(decay);
    }

    /// Gives a group another rule, which starts as in [`Optimizer::switch`].
    ///
    /// # Errors
    /// A group that does not exist; as [`Builder::bind`](crate::Builder::bind).
    pub fn switch_group(&mut self, index: usize, rule: Box<dyn Rule<F>>) -> Result<()> {
        check_rule(&*rule)?;
        self.checked = false;
        let Some(group) = self.groups.get_mut(index) else {
            let message = format!("group {index} of {}", self.groups.len());
            return Err(Error::invalid("switch_group", message));
        };
        let of_group = |bound: &&mut Bound<F>| bound.group == Some(index);
        for bound in self.bound.iter_mut().filter(of_group) {
            bound.accepts(&*rule)?;
        }
        for bound in self.bound.iter_mut().filter(of_group) {
            bound.begin(&*rule, self.storage);
        }
        group.rule = Some(rule);
        self.begin_set(Some(index));
        Ok(())
    }

    /// Forgets all memory and the counts that correct averages, as before the first update; the
    /// count of steps goes on.
    pub fn reset(&mut self) {
        for bound in &mut self.bound {
            let own = bound.group.and_then(|index| self.groups[index].rule.as_deref());
            bound.begin(own.unwrap_or(&self.rule), self.storage);
        }
        (0..=self.groups.len()).for_each(|index| self.begin_set(index.checked_sub(1)));
    }

    /// Calls `f` with the parameters at the point where the rule wants to be evaluated, and puts
    /// them back: the average of [`ScheduleFree`](crate::ScheduleFree); for most rules the
    /// parameters as they are. If `f` panics, they stay at that point.
    ///
    /// # Errors
    /// Another set of parameters than was bound; a value whose length `f` has changed, which stays
    /// as `f` left it.
    pub fn evaluate<P: Parameters<F> + ?Sized, T>(
        &mut self,
        params: &mut P,
        f: impl FnOnce(&mut P) -> T,
    ) -> Result<T> {
        self.check_names(params)?;
        let mut kept: Vec<Vec<F>> = Vec::with_capacity(self.bound.len());
        let Self { rule, groups, bound, .. } = self;
        let mut of = bound.iter_mut();
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            kept.push(param.value.to_vec());
            let Some(bound) = of.next().filter(|bound| bound.t > 0) else { return };
            let own = bound.group.and_then(|index| groups[index].rule.as_deref());
            let (rule, slots) = (own.unwrap_or(rule), bound.memory.lend(bound.t));
            rule.evaluation(slots, param.value);
        });
        let out = f(params);
        let (mut kept, mut outcome) = (kept.into_iter(), Ok(()));
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind != ParamKind::Buffer
                && let Some(value) = kept.next()
            {
                if value.len() == param.value.len() {
                    param.value.copy_from_slice(&value);
                } else {
                    let (found, before) = ([param.value.len()], [value.len()]);
                    outcome = Err(Error::shape(place.path, ("value", &found), ("before", &before)));
                }
            }
        });
        outcome.map(|()| out)
    }

    /// The scalars of a rule whose scope is the set, as before any step.
    pub(crate) fn begin_set(&mut self, group: Option<usize>) {
        let index = group.map_or(0, |index| index + 1);
        let rule: &dyn Rule<F> = match group.map(|index| &self.groups[index]) {
            Some(Group { rule: Some(rule), .. }) => &**rule,
            Some(_) => return,
            None => &self.rule,
        };
        self.sets[index].t = 0;
        for (value, scalar) in self.sets[index].scalars.iter_mut().zip(rule.scalars()) {
            *value = scalar.initial;
        }
    }
}

impl<F: Float, R: Rule<F>> fmt::Debug for Optimizer<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Optimizer")
            .field("rule", &self.rule.name())
            .field("parameters", &self.bound.len())
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
