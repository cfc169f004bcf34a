use crate::clip::Clip;
use crate::driver::{Job, Jobs};
use crate::memory::Memory;
use crate::rule::{Rule, StepCx, WeightDecay};
use std::fmt;
use tricks_tensor::{
    Error, Float, Grad, ParamKind, ParamMut, Parameters, Path, Place, Result, hyper, kernel,
};

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
    /// Of all parameters together.
    elements: usize,
    weight_decay: Option<WeightDecay>,
    finite_check: bool,
    maximize: bool,
}

/// What the optimizer knows of one parameter.
pub(crate) struct Bound<F> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) kind: ParamKind,
    /// Index into the groups; none is the default group.
    pub(crate) group: Option<usize>,
    pub(crate) t: u64,
    /// The names of the slots that `memory` was made for.
    pub(crate) slots: &'static [&'static str],
    pub(crate) memory: Memory<F>,
}

/// How some parameters differ from the rest.
///
/// ```
/// use tricks_optim::{Group, Sgd, WeightDecay};
/// // A tenth of the learning rate, no decay.
/// let head: Group<f32> = Group {
///     lr_scale: 0.1,
///     weight_decay: Some(WeightDecay::None),
///     ..Group::default()
/// };
/// assert!(!head.frozen && head.rule.is_none());
/// ```
pub struct Group<F> {
    /// Factor on the learning rate. Default 1.
    pub lr_scale: f64,
    /// Weight decay of every parameter of the group, whatever its kind. Default: the optimizer's,
    /// on [`ParamKind::Weight`] only.
    pub weight_decay: Option<WeightDecay>,
    /// A rule of its own. Default: the optimizer's.
    pub rule: Option<Box<dyn Rule<F>>>,
    /// Whether these parameters are left alone.
    pub frozen: bool,
}

impl<F> Default for Group<F> {
    fn default() -> Self {
        Self { lr_scale: 1.0, weight_decay: None, rule: None, frozen: false }
    }
}

/// The arguments of one step; a number alone is the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepArgs {
    lr: f64,
    clip: Option<Clip>,
}

impl StepArgs {
    /// A step of this learning rate.
    pub fn new(lr: f64) -> Self {
        Self { lr, clip: None }
    }

    /// With gradients scaled by what a clip found: no extra pass, and no separate finite check.
    #[must_use]
    pub fn clip(self, clip: Clip) -> Self {
        Self { clip: Some(clip), ..self }
    }
}

impl From<f64> for StepArgs {
    fn from(lr: f64) -> Self {
        Self::new(lr)
    }
}

type Select<'s> = Box<dyn Fn(&Place<'_>) -> bool + 's>;

/// An [`Optimizer`] before it knows its parameters.
#[must_use]
pub struct Builder<'s, F, R> {
    rule: R,
    groups: Vec<(Select<'s>, Group<F>)>,
    weight_decay: Option<WeightDecay>,
    finite_check: bool,
    maximize: bool,
}

impl<'s, F: Float, R: Rule<F>> Builder<'s, F, R> {
    /// Weight decay of every [`ParamKind::Weight`], fused into the update. Default: the rule's own.
    pub fn weight_decay(self, decay: WeightDecay) -> Self {
        Self { weight_decay: Some(decay), ..self }
    }

    /// Treats the parameters `select` says yes to as `group` says. The first group that says yes
    /// has a parameter.
    pub fn group(mut self, select: impl Fn(&Place<'_>) -> bool + 's, group: Group<F>) -> Self {
        self.groups.push((Box::new(select), group));
        self
    }

    /// Whether a step refuses gradients that are NaN or infinite, or whose square would be where
    /// the rule squares them. On by default: one read of the gradients, none after a clip, which
    /// has read them already. A step with a clip is always checked.
    pub fn finite_check(self, on: bool) -> Self {
        Self { finite_check: on, ..self }
    }

    /// Whether steps go uphill: the sign of every gradient is turned, before weight decay.
    pub fn maximize(self, on: bool) -> Self {
        Self { maximize: on, ..self }
    }

    /// Reads the names, kinds and shapes of the parameters and allocates their memory.
    ///
    /// # Errors
    /// Hyper-parameters out of range; two parameters of one name; numbers that do not fill their
    /// shape; no parameter at all.
    pub fn bind(self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Optimizer<F, R>> {
        let Self { rule, groups, weight_decay, finite_check, maximize } = self;
        rule.validate()?;
        weight_decay.unwrap_or(rule.weight_decay()).validate()?;
        for (_, group) in &groups {
            hyper::non_negative("Group", "lr_scale", group.lr_scale)?;
            group.weight_decay.unwrap_or_default().validate()?;
            if let Some(rule) = &group.rule {
                rule.validate()?;
                rule.weight_decay().validate()?;
            }
        }
        let mut bound: Vec<Bound<F>> = Vec::new();
        let mut outcome = Ok(());
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer || outcome.is_err() {
                return;
            }
            let name = place.path.to_string();
            outcome = place.check(&param).and_then(|()| {
                if bound.iter().any(|other| other.name == name) {
                    return Err(Error::invalid(
                        "Optimizer",
                        format!("two parameters named {name}"),
                    ));
                }
                Ok(())
            });
            let group = groups.iter().position(|(select, _)| select(&place));
            let of_group = group.map(|index| &groups[index].1);
            let rule = of_group.and_then(|g| g.rule.as_deref()).unwrap_or(&rule as &dyn Rule<F>);
            let slots = if of_group.is_some_and(|g| g.frozen) { &[] } else { rule.slots() };
            let memory = Memory::new(place.len(), (0..slots.len()).map(|slot| rule.initial(slot)));
            let shape = place.shape.to_vec();
            bound.push(Bound { name, shape, kind: place.kind, group, t: 0, slots, memory });
        });
        outcome?;
        if bound.is_empty() {
            return Err(Error::invalid("Optimizer", "there is no parameter to train"));
        }
        let groups = groups.into_iter().map(|(_, group)| group).collect();
        let elements = bound.iter().map(|bound| bound.shape.iter().product::<usize>()).sum();
        let steps = 0;
        Ok(Optimizer { rule, groups, bound, steps, elements, weight_decay, finite_check, maximize })
    }
}

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// Begins an optimizer of this rule.
    pub fn builder<'s>(rule: R) -> Builder<'s, F, R> {
        let (groups, weight_decay) = (Vec::new(), None);
        Builder { rule, groups, weight_decay, finite_check: true, maximize: false }
    }

    /// Updates every parameter that has a gradient.
    ///
    /// `args` is the learning rate, or [`StepArgs`] with what a clip found. A parameter without a
    /// gradient keeps its value, its memory and its count. Nothing is allocated inside a pool.
    ///
    /// # Errors
    /// A learning rate that is negative or not finite; another set of parameters than was bound,
    /// or in another order; shapes that changed; a NaN or infinite gradient. Everything is checked
    /// before anything is changed.
    pub fn step(
        &mut self,
        args: impl Into<StepArgs>,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<()> {
        let StepArgs { lr, clip } = args.into();
        hyper::non_negative("step", "lr", lr)?;
        for scale in self.groups.iter().map(|group| group.lr_scale).chain([1.0]) {
            let finite = F::of(lr * scale).is_finite();
            hyper::require("step", "lr", lr * scale, finite, F::RANGE)?;
        }
        self.rule.validate()?;
        for bound in &self.bound {
            let slots = self.rule_of(bound.group).map_or(&[][..], |rule| rule.slots());
            if slots != bound.slots {
                let message =
                    format!("memory is {:?}, the changed rule needs {slots:?}", bound.slots);
                return Err(Error::invalid("step", message));
            }
        }
        self.check(clip, params)?;

        // Clearing room for many jobs would cost a small set more than its update.
        if self.bound.len() <= 8 {
            self.update::<8>(lr, clip, params);
        } else {
            self.update::<64>(lr, clip, params);
        }
        Ok(())
    }

    /// The visit that changes things.
    fn update<const JOBS: usize>(
        &mut self,
        lr: f64,
        clip: Option<Clip>,
        params: &mut (impl Parameters<F> + ?Sized),
    ) {
        let sign = if self.maximize { -1.0 } else { 1.0 };
        let grad_scale = sign * clip.map_or(1.0, |clip| clip.scale());
        // What one thread does anyway need not be collected.
        let together = kernel::worth_forking(self.elements);
        let Self { rule, groups, bound, weight_decay, .. } = self;
        let rule: &dyn Rule<F> = rule;
        let mut bound = bound.iter_mut();
        let mut jobs = Jobs::<F, JOBS>::new();
        params.visit(&Path::ROOT, &mut |place, ParamMut { value, grad }| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            let Some(bound) = bound.next() else { return };
            let group = bound.group.map(|index| &groups[index]);
            let Grad::Dense(grad) = grad else { return };
            if group.is_some_and(|group| group.frozen) {
                return;
            }
            let rule = group.and_then(|group| group.rule.as_deref()).unwrap_or(rule);
            let everywhere = weight_decay.unwrap_or_else(|| rule.weight_decay());
            let decay = match group.and_then(|group| group.weight_decay) {
                Some(decay) => decay,
                None if bound.kind == ParamKind::Weight => everywhere,
                None => WeightDecay::None,
            };
            bound.t = bound.t.saturating_add(1);
            let lr = lr * group.map_or(1.0, |group| group.lr_scale);
            let cx = StepCx { lr, t: bound.t, grad_scale, decay };
            let job = Job { rule, cx, slots: bound.memory.slots(), param: value, grad };
            if together { jobs.push(job) } else { job.run() }
        });
        jobs.run();
        self.steps = self.steps.saturating_add(1);
    }

    /// The visit that only looks: after it, nothing can go wrong.
    fn check(&self, clip: Option<Clip>, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        // A norm bounds every gradient: below the root of the largest number, no square overflows.
        let read = match clip {
            Some(clip) => {
                let bound = clip.norm() * clip.scale();
                bound.is_nan() || bound > F::max_value().widen().sqrt()
            }
            None => self.finite_check,
        };
        let mut outcome = Ok(());
        let mut position = 0;
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer || outcome.is_err() {
                return;
            }
            outcome = match self.bound.get(position) {
                Some(bound) => {
                    // A frozen parameter has no rule, and its gradient no say.
                    let rule = self.rule_of(bound.group).filter(|_| read);
                    bound.check(position, &place, &param, rule.map(|rule| rule.squares()))
                }
                None => Err(Error::Parameters {
                    position,
                    found: place.path.to_string(),
                    expected: "nothing".into(),
                }),
            };
            position += 1;
        });
        outcome?;
        if let Some(bound) = self.bound.get(position) {
            let (found, expected) = ("nothing".into(), bound.name.clone());
            return Err(Error::Parameters { position, found, expected });
        }
        match clip {
            Some(clip) if !clip.norm().is_finite() => Err(Error::invalid(
                "step",
                format!("the gradients are finite, but their norm is {}", clip.norm()),
            )),
            _ => Ok(()),
        }
    }

    /// The rule that updates a parameter; none if it is frozen.
    pub(crate) fn rule_of(&self, group: Option<usize>) -> Option<&dyn Rule<F>> {
        match group.map(|index| &self.groups[index]) {
            Some(group) if group.frozen => None,
            Some(group) => Some(group.rule.as_deref().unwrap_or(&self.rule)),
            None => Some(&self.rule),
        }
    }

    /// The rule, to look at.
    pub fn rule(&self) -> &R {
        &self.rule
    }

    /// The rule, to change a hyper-parameter in mid-run. The next step checks its range.
    ///
    /// The memory stays as it is: a change that needs other slots is refused by the next step.
    pub fn rule_mut(&mut self) -> &mut R {
        &mut self.rule
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

impl<F: Float> Bound<F> {
    fn check(
        &self,
        position: usize,
        place: &Place<'_>,
        param: &ParamMut<'_, F>,
        read_squares: Option<bool>,
    ) -> Result<()> {
        if !place.path.is(&self.name) {
            let (found, expected) = (place.path.to_string(), self.name.clone());
            return Err(Error::Parameters { position, found, expected });
        }
        if place.shape != self.shape {
            return Err(Error::shape(
                place.path,
                ("parameter", place.shape),
                ("bound with", &self.shape),
            ));
        }
        place.check(param)?;
        let (Grad::Dense(grad), Some(squares)) = (&param.grad, read_squares) else { return Ok(()) };
        let first = if squares { kernel::first_square_overflow } else { kernel::first_non_finite };
        let Some(index) = first(grad) else { return Ok(()) };
        let value = grad[index];
        let what = if value.is_finite() { "gradient, whose square overflows," } else { "gradient" };
        let name = place.path.to_string();
        Err(Error::NonFinite { name, what, index, value: value.widen() })
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
