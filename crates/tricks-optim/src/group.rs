use crate::rule::{Describe, Rule, Scope, WeightDecay};
use crate::storage::Storage;
use crate::transform::ClipGlobalNorm;
use std::any::Any;
use tricks_tensor::{Error, Float, Result, hyper};

/// How some parameters differ from the rest.
///
/// ```
/// use tricks_optim::{Group, WeightDecay};
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
    /// on [`ParamKind::Weight`](tricks_tensor::ParamKind::Weight) only.
    pub weight_decay: Option<WeightDecay>,
    /// A rule of its own. Default: the optimizer's.
    pub rule: Option<Box<dyn Rule<F>>>,
    /// Whether these parameters are left alone. Transforms and clips, which see the gradients
    /// before the step, still count theirs: leave them absent to take them out. Their memory waits,
    /// at no cost until it is used.
    pub frozen: bool,
    /// A limit on the norm of this group's gradients together, after what the step's own clip does.
    pub clip: Option<ClipGlobalNorm>,
}

impl<F> Default for Group<F> {
    fn default() -> Self {
        Self { lr_scale: 1.0, weight_decay: None, rule: None, frozen: false, clip: None }
    }
}

impl<F: Float> Group<F> {
    /// The group's own rule, if it is an `R`: to change a hyper-parameter in mid-run.
    pub fn rule_mut<R: Rule<F>>(&mut self) -> Option<&mut R> {
        let rule: &mut dyn Any = self.rule.as_deref_mut()?;
        rule.downcast_mut()
    }

    /// Refuses hyper-parameters out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper).
    pub fn validate(&self) -> Result<()> {
        hyper::non_negative("Group", "lr_scale", self.lr_scale)?;
        self.weight_decay.unwrap_or_default().validate()?;
        self.clip.map_or(Ok(()), |clip| clip.validate())?;
        self.rule.as_deref().map_or(Ok(()), check_rule)
    }
}

/// Refuses a rule whose hyper-parameters, or those of its own weight decay, are out of range.
pub(crate) fn check_rule(rule: &(impl Describe + ?Sized)) -> Result<()> {
    rule.validate()?;
    rule.weight_decay().validate()
}

/// Refuses packed memory for a rule that is not updated element by element.
pub(crate) fn check_storage(rule: &(impl Describe + ?Sized), storage: Storage) -> Result<()> {
    if storage == Storage::Full || rule.scope() == Scope::Element {
        return Ok(());
    }
    let why = "is not updated element by element, its memory cannot be stored as";
    Err(Error::invalid("Optimizer", format!("{} {why} {storage:?}", rule.name())))
}
