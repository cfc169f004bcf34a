//! What one step does: check everything, gather sums over the set, update.

use crate::average::average;
use crate::companions::WeightAverage;
use crate::driver::{self, Job, Jobs};
use crate::group::Group;
use crate::optimizer::{Bound, Optimizer};
use crate::rule::{MAX_SUMS, Rule, Scope, StepCx, WeightDecay};
use crate::slots::Slots;
use tricks_tensor::{Error, Float, Grad, ParamKind, ParamMut, Parameters, Path, Result, kernel};

/// What is the same for every parameter of a step.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) lr: f64,
    pub(crate) grad_scale: f64,
    pub(crate) loss: Option<f64>,
}

/// How each parameter is treated in a step.
pub(crate) struct Policy<'o, F> {
    rule: &'o dyn Rule<F>,
    groups: &'o [Group<F>],
    weight_decay: Option<WeightDecay>,
    clips: &'o [f64],
    pub(crate) call: Call,
}

impl<'o, F: Float> Policy<'o, F> {
    pub(crate) fn rule_of(&self, group: Option<usize>) -> &'o dyn Rule<F> {
        group.and_then(|index| self.groups[index].rule.as_deref()).unwrap_or(self.rule)
    }

    pub(crate) fn is_frozen(&self, group: Option<usize>) -> bool {
        group.is_some_and(|index| self.groups[index].frozen)
    }

    /// The parameter's next step, but for its scalars.
    #[inline]
    pub(crate) fn cx<'b>(&self, rule: &dyn Rule<F>, bound: &'b Bound<F>) -> StepCx<'b> {
        let Call { lr, grad_scale, loss } = self.call;
        let group = bound.group.map(|index| &self.groups[index]);
        let everywhere = self.weight_decay.unwrap_or_else(|| rule.weight_decay());
        let decay = match group.and_then(|group| group.weight_decay) {
            Some(decay) => decay,
            None if bound.kind == ParamKind::Weight => everywhere,
            None => WeightDecay::None,
        };
        StepCx {
            lr: lr * group.map_or(1.0, |group| group.lr_scale) * bound.lr_scale,
            t: bound.t.saturating_add(1),
            grad_scale: grad_scale * bound.group.map_or(1.0, |index| self.clips[index]),
            decay,
            loss: loss.unwrap_or(f64::NAN),
            shape: &bound.shape,
            scalars: &[],
        }
    }
}

/// The scalars of the set that a rule of this group belongs to.
fn set_of<F>(groups: &[Group<F>], group: Option<usize>) -> usize {
    group.filter(|index| groups[*index].rule.is_some()).map_or(0, |index| index + 1)
}

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    pub(crate) fn policy(&self, call: Call) -> Policy<'_, F> {
        let Self { rule, groups, weight_decay, clips, .. } = self;
        Policy { rule, groups, weight_decay: *weight_decay, clips, call }
    }

    /// The rule that updates the parameters of a group.
    pub(crate) fn rule_of(&self, group: Option<usize>) -> &dyn Rule<F> {
        group.and_then(|index| self.groups[index].rule.as_deref()).unwrap_or(&self.rule)
    }

    /// What each group's own clip comes to; one read of its gradients.
    ///
    /// # Errors
    /// A norm that is not finite.
    pub(crate) fn measure_groups(
        &mut self,
        call: Call,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<()> {
        for (index, group) in self.groups.iter().enumerate() {
            self.clips[index] = match group.clip {
                Some(clip) if !group.frozen => {
                    let of_group = |position: usize| self.bound[position].group == Some(index);
                    let clip = clip.measure_some(params, call.grad_scale.abs(), of_group);
                    let norm = clip.norm();
                    if !norm.is_finite() {
                        let message = format!("group {index}: the norm of its gradients is {norm}");
                        return Err(Error::invalid("step", message));
                    }
                    clip.scale()
                }
                _ => 1.0,
            };
        }
        Ok(())
    }

    /// For rules whose scope is the set: a visit that gathers sums, and what follows from them.
    pub(crate) fn gather(&mut self, call: Call, params: &mut (impl Parameters<F> + ?Sized)) {
        let is_set = |rule: &dyn Rule<F>| rule.scope() == Scope::Set;
        let own = self.groups.iter().filter_map(|group| group.rule.as_deref());
        if !own.chain([&self.rule as &dyn Rule<F>]).any(is_set) {
            return;
        }
        let Self { rule, groups, bound, weight_decay, clips, sets, .. } = self;
        let policy = Policy { rule, groups, weight_decay: *weight_decay, clips, call };
        sets.iter_mut().for_each(|set| (set.sums, set.gathered) = ([0.0; MAX_SUMS], false));
        let mut bounds = bound.iter_mut();
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            let Some(bound) = bounds.next() else { return };
            let rule = policy.rule_of(bound.group);
            let Grad::Dense(grad) = param.grad else { return };
            if !is_set(rule) || policy.is_frozen(bound.group) {
                return;
            }
            bound.copy_points(param.value);
            let set = &mut sets[set_of(groups, bound.group)];
            let mut memory = std::mem::take(&mut bound.memory);
            let cx = StepCx { scalars: &set.scalars, ..policy.cx(rule, bound) };
            rule.gather(&cx, memory.lend(cx.t), param.value, grad, &mut set.sums);
            set.gathered = true;
            bound.memory = memory;
        });
        for (index, set) in sets.iter_mut().enumerate() {
            let group = index.checked_sub(1).map(|index| &groups[index]);
            let rule = match group {
                Some(group) => group.rule.as_deref(),
                None => Some(policy.rule),
            };
            // A set without a gradient stays as it is.
            if let Some(rule) = rule.filter(|rule| is_set(*rule) && set.gathered) {
                set.t = set.t.saturating_add(1);
                let lr = call.lr * group.map_or(1.0, |group| group.lr_scale);
                let loss = call.loss.unwrap_or(f64::NAN);
                let cx = StepCx { t: set.t, loss, ..StepCx::first(lr) };
                rule.advance(&cx, &set.sums, &mut set.scalars);
            }
        }
    }

    /// The visit that changes things.
    // By itself: room for many jobs, once in a frame, is touched by every step.
    #[inline(never)]
    pub(crate) fn update<const JOBS: usize>(
        &mut self,
        call: Call,
        average_of: Option<&mut WeightAverage<F>>,
        params: &mut (impl Parameters<F> + ?Sized),
    ) {
        // What one thread does anyway need not be collected.
        let together = kernel::worth_forking(self.bound.iter().map(|bound| bound.len).sum());
        let Self { rule, groups, bound, weight_decay, clips, sets, .. } = self;
        let policy = Policy { rule, groups, weight_decay: *weight_decay, clips, call };
        let mut bounds = bound.iter_mut();
        let mut averages = average_of.map(WeightAverage::lend);
        let mut jobs = if together { Some(Jobs::<F, JOBS>::new()) } else { None };
        params.visit(&Path::ROOT, &mut |place, ParamMut { value, grad }| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            let Some(bound) = bounds.next() else { return };
            let averaged = averages.as_mut().and_then(Iterator::next);
            let frozen = policy.is_frozen(bound.group);
            let (Grad::Dense(_) | Grad::Rows { .. }, false) = (&grad, frozen) else {
                if let Some(averaged) = averaged {
                    average(averaged.values, averaged.keep, value);
                }
                return;
            };
            let rule = policy.rule_of(bound.group);
            let whole = rule.scope() != Scope::Element;
            if rule.scope() != Scope::Set {
                bound.copy_points(value);
            }
            let cx = policy.cx(rule, bound);
            let (t, lr, grad_scale, decay, loss) = (cx.t, cx.lr, cx.grad_scale, cx.decay, cx.loss);
            let Bound { shape, scalars, memory, t: count, .. } = bound;
            *count = t;
            let scalars = if rule.scope() == Scope::Set {
                &sets[set_of(groups, bound.group)].scalars
            } else {
                let cx = StepCx { t, lr, grad_scale, decay, loss, shape, scalars: &[] };
                rule.advance(&cx, &[], scalars);
                &*scalars
            };
            let cx = StepCx { t, lr, grad_scale, decay, loss, shape, scalars };
            let mut slots = memory.lend(t);
            match grad {
                Grad::Dense(grad) => {
                    slots.average = averaged;
                    match &mut jobs {
                        Some(jobs) => {
                            jobs.push(Job { rule, whole, cx, slots, param: value, grad });
                        }
                        None => driver::step(rule, whole, &cx, slots, value, grad),
                    }
                }
                Grad::Rows { rows, values } => {
                    step_rows(rule, cx, slots, value, rows, values);
                    if let Some(averaged) = averaged {
                        average(averaged.values, averaged.keep, value);
                    }
                }
                _ => {}
            }
        });
        if let Some(mut jobs) = jobs {
            jobs.run();
        }
    }
}

/// Updates some rows of a parameter and of its memory, and touches no other.
fn step_rows<F: Float>(
    rule: &dyn Rule<F>,
    cx: StepCx<'_>,
    slots: Slots<'_, F>,
    param: &mut [F],
    rows: &[usize],
    grad: &[F],
) {
    let width = grad.len() / rows.len().max(1);
    if width == 0 {
        return;
    }
    let (mut param, mut slots, mut at) = (param, slots, 0);
    for (row, grad) in rows.iter().zip(grad.chunks_exact(width)) {
        let skip = row * width - at;
        let (_, from_row) = slots.split_at(skip);
        let (row_slots, rest) = from_row.split_at(width);
        let (row_param, rest_param) = param[skip..].split_at_mut(width);
        rule.step(&cx, row_slots, row_param, grad);
        (param, slots) = (rest_param, rest);
        at = row * width + width;
    }
}

impl<F: Float> Bound<F> {
    /// Slots that start as copies of the parameter, before the first update.
    fn copy_points(&mut self, value: &[F]) {
        if self.t == 0 {
            for (k, _) in self.slots.iter().enumerate().filter(|(_, slot)| slot.from_param) {
                self.memory.write(k, value);
            }
        }
    }
}
