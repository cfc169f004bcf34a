use crate::group::{Group, check_rule, check_storage};
use crate::memory::Memory;
use crate::optimizer::{Bound, Optimizer, SetMemory};
use crate::rule::{Rule, Scope, WeightDecay};
use crate::slot::{MAX_SCALARS, MAX_SLOTS};
use crate::storage::Storage;
use tricks_tensor::{Error, Float, Noise, ParamKind, Parameters, Path, Place, Result, hyper};

/// Called before or after a step, with the count of steps taken before it.
pub(crate) type Hook<F> = Box<dyn FnMut(u64, &mut dyn Parameters<F>) -> Result<()> + Send>;

/// Sets hyper-parameters as functions of the count of steps.
pub(crate) type Follow<F, R> = Box<dyn FnMut(u64, &mut R, &mut [Group<F>]) + Send>;

type Select<'s> = Box<dyn Fn(&Place<'_>) -> bool + 's>;

type LayerOf<'s> = Box<dyn Fn(&Place<'_>) -> usize + 's>;

/// An [`Optimizer`] before it knows its parameters.
#[must_use]
pub struct Builder<'s, F, R> {
    rule: R,
    groups: Vec<(Select<'s>, Group<F>)>,
    layers: Option<(f64, LayerOf<'s>)>,
    weight_decay: Option<WeightDecay>,
    finite_check: bool,
    maximize: bool,
    storage: (Storage, Noise),
    follow: Option<Follow<F, R>>,
    before: Vec<Hook<F>>,
    after: Vec<Hook<F>>,
}

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// Begins an optimizer of this rule.
    pub fn builder<'s>(rule: R) -> Builder<'s, F, R> {
        Builder {
            rule,
            groups: Vec::new(),
            layers: None,
            weight_decay: None,
            finite_check: true,
            maximize: false,
            storage: (Storage::Full, Noise::new(0)),
            follow: None,
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl<'s, F: Float, R: Rule<F>> Builder<'s, F, R> {
    /// Weight decay of every [`ParamKind::Weight`], fused into the update. Default: the rule's own.
    pub fn weight_decay(self, decay: WeightDecay) -> Self {
        Self { weight_decay: Some(decay), ..self }
    }

    /// Treats the parameters `select` says yes to as `group` says. The first group that says yes
    /// has a parameter; [`Optimizer::treatments`] lists which one that is.
    pub fn group(mut self, select: impl Fn(&Place<'_>) -> bool + 's, group: Group<F>) -> Self {
        self.groups.push((Box::new(select), group));
        self
    }

    /// Layer-wise learning-rate decay: `layer` numbers the layers from the input, and a parameter
    /// of layer `l` of `0..=L` has its rate multiplied by `decay^(L − l)`, beside its group's
    /// factor. `decay` in (0, 1]; 0.65 to 0.95 is usual for fine-tuning.
    ///
    /// Source: Howard, Ruder: *Universal language model fine-tuning for text classification*,
    /// ACL 2018, section 3.2 (there 1/2.6).
    ///
    /// ```
    /// use tricks_optim::{Optimizer, Sgd};
    /// let (mut w, mut dw) = ([[0.0f64; 1]; 3], [[1.0]; 3]);
    /// let names = ["layers.0", "layers.1", "head"];
    /// let mut params: Vec<_> = (names.into_iter().zip(&mut w).zip(&mut dw))
    ///     .map(|((name, w), dw)| (name, &mut w[..], &mut dw[..]))
    ///     .collect();
    /// let layer = |name: &str| names.iter().position(|n| *n == name).unwrap();
    /// let mut sgd = Optimizer::builder(Sgd)
    ///     .layer_decay(0.5, |place| layer(&place.path.to_string()))
    ///     .bind(&mut params)?;
    /// sgd.step(1.0, &mut params)?;
    /// assert_eq!(w, [[-0.25], [-0.5], [-1.0]]);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    pub fn layer_decay(self, decay: f64, layer: impl Fn(&Place<'_>) -> usize + 's) -> Self {
        Self { layers: Some((decay, Box::new(layer))), ..self }
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

    /// How the rule's averages are stored; `noise` decides how they are rounded. For rules whose
    /// scope is the element; the memory of a group's rule of another scope stays as it is,
    /// and so does the memory of [`ParamKind::Embedding`], which is updated row by row.
    pub fn storage(self, storage: Storage, noise: Noise) -> Self {
        Self { storage: (storage, noise), ..self }
    }

    /// Hyper-parameters that follow a schedule: called before every step with the count of steps
    /// taken so far. Make them functions of that count alone, and a resumed run goes on exactly.
    ///
    /// ```
    /// use tricks_optim::{Group, Momentum, Optimizer};
    /// let (mut w, mut dw) = ([0.0f64], [1.0]);
    /// let mut params = [("w", &mut w[..], &mut dw[..])];
    /// let mut sgd = Optimizer::builder(Momentum::torch())
    ///     .group(|_| true, Group::default())
    ///     .follow(|step, rule, groups| {
    ///         rule.momentum = 0.9 - 0.4 * (step as f64 / 10.0).min(1.0);
    ///         groups[0].frozen = step < 1; // thawed after the first step
    ///     })
    ///     .bind(&mut params)?;
    /// sgd.step(0.1, &mut params)?;
    /// assert_eq!(params[0].1, [0.0]);
    /// sgd.step(0.1, &mut params)?;
    /// assert_eq!((params[0].1[0], sgd.rule().momentum), (-0.1, 0.86));
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    pub fn follow(self, f: impl FnMut(u64, &mut R, &mut [Group<F>]) + Send + 'static) -> Self {
        Self { follow: Some(Box::new(f)), ..self }
    }

    /// Adds a hook that sees the parameters before every step, and may change their gradients:
    /// with the count of steps taken so far. Its error ends the step before anything is updated.
    pub fn before(
        mut self,
        hook: impl FnMut(u64, &mut dyn Parameters<F>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.before.push(Box::new(hook));
        self
    }

    /// Adds a hook that sees the parameters after every step, and may change their values: a
    /// projection, a monitor. It is given the count of steps before this one. The step stands
    /// whatever it answers.
    pub fn after(
        mut self,
        hook: impl FnMut(u64, &mut dyn Parameters<F>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.after.push(Box::new(hook));
        self
    }

    /// Reads the names, kinds and shapes of the parameters and allocates their memory.
    ///
    /// # Errors
    /// Hyper-parameters out of range; two parameters of one name; numbers that do not fill their
    /// shape; no parameter at all; packed storage for a rule whose scope is not the element.
    pub fn bind(self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Optimizer<F, R>> {
        let Self { rule, groups, layers, weight_decay, storage, .. } = self;
        check_rule(&rule)?;
        check_storage(&rule, storage.0)?;
        weight_decay.unwrap_or_default().validate()?;
        groups.iter().try_for_each(|(_, group)| group.validate())?;
        if let Some((decay, _)) = &layers {
            let ok = *decay > 0.0 && *decay <= 1.0;
            hyper::require("layer_decay", "decay", *decay, ok, "in (0, 1]")?;
        }
        let mut bound: Vec<Bound<F>> = Vec::new();
        let mut layer_of = Vec::new();
        let mut outcome = Ok(());
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer || outcome.is_err() {
                return;
            }
            if let Err(error) = place.check(&param) {
                outcome = Err(error);
                return;
            }
            let name = place.path.to_string();
            if bound.iter().any(|bound| bound.name == name) {
                outcome = Err(Error::invalid("Optimizer", format!("two parameters named {name}")));
                return;
            }
            if let Some((_, layer)) = &layers {
                layer_of.push(layer(&place));
            }
            let group = groups.iter().position(|(select, _)| select(&place));
            let own = group.and_then(|index| groups[index].1.rule.as_deref());
            let mut new = Bound {
                name,
                shape: place.shape.to_vec(),
                len: place.len(),
                kind: place.kind,
                group,
                lr_scale: 1.0,
                t: 0,
                rule: "",
                slots: &[],
                scalars_of: &[],
                scalars: [0.0; MAX_SCALARS],
                memory: Memory::default(),
            };
            outcome = new.remember(own.unwrap_or(&rule), storage);
            bound.push(new);
        });
        outcome?;
        if bound.is_empty() {
            return Err(Error::invalid("Optimizer", "there is no parameter to train"));
        }
        if let Some((decay, _)) = layers {
            let last = layer_of.iter().max().copied().unwrap_or(0);
            for (bound, layer) in bound.iter_mut().zip(layer_of) {
                let below = (last - layer) as f64;
                bound.lr_scale = tricks_tensor::math::pow(decay, below);
            }
        }
        let groups: Vec<_> = groups.into_iter().map(|(_, group)| group).collect();
        let mut optimizer = Optimizer {
            rule,
            sets: vec![SetMemory::default(); groups.len() + 1],
            clips: vec![1.0; groups.len()],
            groups,
            bound,
            steps: 0,
            weight_decay,
            finite_check: self.finite_check,
            maximize: self.maximize,
            storage,
            follow: self.follow,
            before: self.before,
            after: self.after,
            checked: false,
        };
        optimizer.begin_set(None);
        (0..optimizer.groups.len()).for_each(|index| optimizer.begin_set(Some(index)));
        Ok(optimizer)
    }
}

impl<F: Float> Bound<F> {
    /// New memory for a rule that may not fit, as before the first update.
    ///
    /// # Errors
    /// More memory than there is room for; a shape the rule refuses.
    pub(crate) fn remember(&mut self, rule: &dyn Rule<F>, storage: (Storage, Noise)) -> Result<()> {
        self.accepts(rule)?;
        self.begin(rule, storage);
        Ok(())
    }

    /// Refuses a rule that does not fit.
    ///
    /// # Errors
    /// As [`Bound::remember`].
    pub(crate) fn accepts(&self, rule: &dyn Rule<F>) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid("Optimizer", what));
        let name = rule.name();
        let (slots, scalars) = (rule.slots(), rule.scalars());
        if slots.len() > MAX_SLOTS || scalars.len() > MAX_SCALARS {
            let found = format!("{} slots and {} scalars", slots.len(), scalars.len());
            return refuse(format!("{name} has {found}, at most {MAX_SLOTS} and {MAX_SCALARS}"));
        }
        rule.check_shape(&self.shape).map_err(|error| match error {
            Error::Invalid { owner, message } => {
                Error::invalid(owner, format!("{}: {message}", self.name))
            }
            other => other,
        })
    }

    /// New memory, as before the first update.
    pub(crate) fn begin(&mut self, rule: &dyn Rule<F>, (storage, noise): (Storage, Noise)) {
        let element = rule.scope() == Scope::Element;
        let storage = if element { storage.of(self.kind) } else { Storage::Full };
        let shapes = (rule.slots().iter().enumerate())
            .map(|(k, slot)| (*slot, rule.slot_shape(k, &self.shape), rule.initial(k)));
        let noise = noise.path(&Path::ROOT.name(&self.name));
        self.memory = Memory::new(shapes, rule.scratch(&self.shape), storage, noise);
        (self.rule, self.slots, self.scalars_of) = (rule.name(), rule.slots(), rule.scalars());
        self.t = 0;
        for (value, scalar) in self.scalars.iter_mut().zip(rule.scalars()) {
            *value = scalar.initial;
        }
    }
}
