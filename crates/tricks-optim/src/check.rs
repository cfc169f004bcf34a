//! What a step refuses, before it changes anything.

use crate::companions::WeightAverage;
use crate::group::{Group, check_rule};
use crate::optimizer::{Bound, Optimizer};
use crate::pending::Pending;
use crate::rule::{Rule, Scope};
use crate::slot::Slot;
use crate::step::{Call, Policy};
use tricks_tensor::{
    Error, Float, Grad, ParamKind, ParamMut, Parameters, Path, Place, Result, hyper, kernel,
};

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// The visit that only looks: after it, nothing can go wrong.
    pub(crate) fn check(
        &self,
        call: Call,
        pending: Option<Pending>,
        average_of: Option<&WeightAverage<F>>,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<()> {
        hyper::non_negative("step", "lr", call.lr)?;
        let factor = F::of(call.grad_scale);
        // With a norm that is not finite it comes from a gradient, which is named below.
        let norm = pending.and_then(Pending::norm);
        let usable = factor.is_finite() || norm.is_some_and(|norm| !norm.is_finite());
        hyper::require("step", "factor on gradients", call.grad_scale, usable, F::RANGE)?;
        // What is NaN or infinite then is one of the gradients themselves.
        let factor = if factor.is_finite() { factor.abs() } else { F::one() };
        self.weight_decay.unwrap_or_default().validate()?;
        let policy = self.policy(call);
        if !self.checked {
            check_rule(&self.rule)?;
            self.groups.iter().try_for_each(Group::validate)?;
            for bound in &self.bound {
                check_memory(policy.rule_of(bound.group), bound)?;
            }
        }
        for bound in &self.bound {
            check_call(&policy, bound)?;
        }
        if let Some(of) = average_of {
            of.check_names(self.bound.iter().map(|bound| (&*bound.name, &*bound.shape)))?;
        }
        // A norm bounds every gradient: below the root of the largest number, no square overflows.
        let limit = F::max_value().widen().sqrt();
        let read = match pending {
            // What a hook has changed since, no norm bounds.
            Some(_) if !self.before.is_empty() => true,
            Some(pending) => pending.norm().is_none_or(|norm| norm.is_nan() || norm > limit),
            None => self.finite_check,
        };
        self.visit_bound(params, |position, bound, place, param| {
            bound.check(position, place, &param)?;
            // A frozen parameter's gradient has no say.
            if policy.is_frozen(bound.group) {
                return Ok(());
            }
            let rule = policy.rule_of(bound.group);
            bound.check_rows(rule, &param)?;
            if !read {
                return Ok(());
            }
            // Packed memory holds no number beyond `f32`.
            let packed = size_of::<F>() > 4 && bound.memory.is_packed();
            check_numbers(place, param, factor, rule.squares(), packed)
        })?;
        match norm {
            Some(norm) if !norm.is_finite() => {
                let message = format!(
                    "the gradients that count are finite, but the norm of all is {norm}: a frozen \
                     parameter's gradient is not, or a sum overflows"
                );
                Err(Error::invalid("step", message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses another set of parameters than was bound, or another order.
    pub(crate) fn check_names(&self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.visit_bound(params, |position, bound, place, param| {
            bound.check(position, place, &param)
        })
    }

    /// Calls `f` with every parameter and what is known of it, until it refuses one.
    fn visit_bound<'p>(
        &self,
        params: &'p mut (impl Parameters<F> + ?Sized),
        mut f: impl FnMut(usize, &Bound<F>, &Place<'_>, ParamMut<'p, F>) -> Result<()>,
    ) -> Result<()> {
        let mut outcome = Ok(());
        let mut position = 0;
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer || outcome.is_err() {
                return;
            }
            outcome = match self.bound.get(position) {
                Some(bound) => f(position, bound, &place, param),
                None => {
                    let (found, expected) = (place.path.to_string(), "nothing".into());
                    Err(Error::Parameters { position, found, expected })
                }
            };
            position += 1;
        });
        outcome?;
        match self.bound.get(position) {
            Some(bound) => {
                let (found, expected) = ("nothing".into(), bound.name.clone());
                Err(Error::Parameters { position, found, expected })
            }
            None => Ok(()),
        }
    }
}

/// Whether the memory of a parameter is the one its rule needs.
fn check_memory<F: Float>(rule: &dyn Rule<F>, bound: &Bound<F>) -> Result<()> {
    let (slots, scalars) = (rule.slots(), rule.scalars());
    let Bound { memory, shape, name, .. } = bound;
    let fits = bound.rule == rule.name()
        && slots == bound.slots
        && scalars == bound.scalars_of
        && (0..slots.len()).all(|k| memory.has_len(k, rule.slot_len(k, shape)))
        && memory.scratch() == rule.scratch(shape);
    if fits {
        return Ok(());
    }
    let (of, rule) = (bound.rule, rule.name());
    let names = |of: &[Slot]| of.iter().map(|s| s.name).collect::<Vec<_>>().join(", ");
    let (has, needs) = (names(bound.slots), names(slots));
    let message = format!(
        "{name}: its memory ({has}) was made for {of}, not for this {rule} ({needs}): switch begins \
         with another"
    );
    Err(Error::invalid("step", message))
}

/// What is new at each step: the rate, the loss.
fn check_call<F: Float>(policy: &Policy<'_, F>, bound: &Bound<F>) -> Result<()> {
    let rule = policy.rule_of(bound.group);
    let cx = policy.cx(rule, bound);
    hyper::require("step", "lr", cx.lr, F::of(cx.lr).is_finite(), F::RANGE)?;
    let (l2, keep) = cx.decay.split(cx.lr);
    let finite = F::of(l2).is_finite() && F::of(keep).is_finite();
    hyper::require("weight decay", "lr · lambda", 1.0 - keep.min(1.0 - l2), finite, F::RANGE)?;
    if !rule.needs_loss() {
        return Ok(());
    }
    match policy.call.loss {
        Some(loss) => hyper::finite("step", "loss", loss),
        None => {
            let message = format!("{} needs the loss: StepArgs::loss", rule.name());
            Err(Error::invalid("step", message))
        }
    }
}

/// Refuses numbers that the rule cannot take when they are multiplied by the factor.
fn check_numbers<F: Float>(
    place: &Place<'_>,
    param: ParamMut<'_, F>,
    factor: F,
    squares: bool,
    packed: bool,
) -> Result<()> {
    let mut grad = param.grad;
    let Some(grad) = grad.values() else { return Ok(()) };
    let most = f64::from(f32::MAX);
    let most = F::of(if !packed {
        f64::INFINITY
    } else if squares {
        most.sqrt()
    } else {
        most
    });
    let first = if squares { kernel::first_square_overflow } else { kernel::first_non_finite };
    let found = if factor == F::one() {
        first(grad).or_else(|| if packed { grad.iter().position(|g| g.abs() > most) } else { None })
    } else {
        grad.iter().position(|g| {
            let g = factor * *g;
            !(if squares { g * g } else { g }).is_finite() || g.abs() > most
        })
    };
    let Some(index) = found else { return Ok(()) };
    let raw = grad[index].widen();
    let value = if raw.is_finite() { factor.widen() * raw } else { raw };
    let what = match (raw.is_finite(), F::of(value).is_finite(), squares) {
        (false, ..) => "gradient",
        (true, false, _) => "gradient, times the factor on it,",
        (true, true, true) => "gradient, whose square overflows,",
        (true, true, false) => "gradient, too large for packed memory,",
    };
    let name = place.path.to_string();
    Err(Error::NonFinite { name, what, index, value })
}

impl<F: Float> Bound<F> {
    fn check(&self, position: usize, place: &Place<'_>, param: &ParamMut<'_, F>) -> Result<()> {
        self.check_name(position, place)?;
        if place.shape != self.shape {
            let expected = ("bound with", &*self.shape);
            return Err(Error::shape(place.path, ("parameter", place.shape), expected));
        }
        place.check(param)
    }

    fn check_name(&self, position: usize, place: &Place<'_>) -> Result<()> {
        if place.path.is(&self.name) {
            return Ok(());
        }
        let (found, expected) = (place.path.to_string(), self.name.clone());
        Err(Error::Parameters { position, found, expected })
    }

    fn check_rows(&self, rule: &dyn Rule<F>, param: &ParamMut<'_, F>) -> Result<()> {
        let refuse = |why: &str| {
            let message = format!("{}: {why}, it cannot take a row-sparse gradient", self.name);
            Err(Error::invalid("step", message))
        };
        match param.grad {
            Grad::Rows { .. } if rule.scope() != Scope::Element => {
                refuse(&format!("{} is not updated element by element", rule.name()))
            }
            Grad::Rows { .. } if !self.memory.has_rows() => {
                refuse("its memory is packed in blocks")
            }
            _ => Ok(()),
        }
    }
}
