use crate::slot::{Scalar, Slot};
use crate::slots::Slots;
use std::any::Any;
use tricks_tensor::{Float, Result, hyper};

/// What a rule is, apart from the number type. What it answers changes only through `&mut`: a step
/// asks again only after the rule could have been changed.
pub trait Describe: Send + Sync {
    /// The field's name for it: `Adam`.
    fn name(&self) -> &'static str;

    /// Its memory for each parameter, in the letters of the paper.
    ///
    /// Two forms whose memory means different things name it differently, so that the state of one
    /// is refused by the other.
    fn slots(&self) -> &'static [Slot];

    /// What slot `slot` holds before the first update.
    fn initial(&self, slot: usize) -> f64 {
        let _ = slot;
        0.0
    }

    /// The shape of slot `slot` for a parameter of this shape; none if it has no such slot.
    ///
    /// Only a rule whose scope is the whole parameter may answer other than the parameter's shape.
    fn slot_shape(&self, slot: usize, shape: &[usize]) -> Option<Vec<usize>> {
        let _ = slot;
        Some(shape.to_vec())
    }

    /// How many numbers [`Describe::slot_shape`] comes to; asked in every step, so nothing may be
    /// allocated.
    fn slot_len(&self, slot: usize, shape: &[usize]) -> Option<usize> {
        let _ = slot;
        Some(shape.iter().product())
    }

    /// Refuses parameters of a shape it cannot update.
    ///
    /// # Errors
    /// [`Error::Invalid`](tricks_tensor::Error::Invalid), naming the shape.
    fn check_shape(&self, shape: &[usize]) -> Result<()> {
        let _ = shape;
        Ok(())
    }

    /// How many numbers of room it needs in a step, beside its memory; they are not saved.
    fn scratch(&self, shape: &[usize]) -> usize {
        let _ = shape;
        0
    }

    /// Numbers it keeps beside the slots: for each parameter, or, if its scope is the set, once.
    fn scalars(&self) -> &'static [Scalar] {
        &[]
    }

    /// Moves the scalars, once a step, before any update: for each parameter; if the scope is the
    /// set, once, after every [`Rule::gather`], with what they summed.
    fn advance(&self, cx: &StepCx<'_>, sums: &[f64], scalars: &mut [f64]) {
        let _ = (cx, sums, scalars);
    }

    /// What one update looks at.
    fn scope(&self) -> Scope {
        Scope::Element
    }

    /// The learning rate to begin with: the default of PyTorch's rule of this name, else that of
    /// the library or paper it comes from; 0.01 for [`Sgd`](crate::Sgd) and
    /// [`Momentum`](crate::Momentum), where PyTorch has 0.001.
    fn default_lr(&self) -> f64;

    /// Whether it squares gradients: then a gradient whose square overflows is refused, because it
    /// would stop the element for ever.
    fn squares(&self) -> bool {
        true
    }

    /// Whether a step needs the value of the loss.
    fn needs_loss(&self) -> bool {
        false
    }

    /// The weight decay that is part of its name (AdamW's); a builder or a group may set another.
    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::None
    }

    /// Refuses hyper-parameters out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper), naming the field and its value.
    fn validate(&self) -> Result<()>;
}

/// An update rule: hyper-parameters and a formula, never memory.
pub trait Rule<F: Float>: Describe + Any {
    /// Updates `param` and its memory.
    ///
    /// `cx.t` is at least 1, `cx.scalars` are those of [`Describe::scalars`], moved by
    /// [`Describe::advance`], and `grad` and every slot are as long as they were bound: the driver
    /// sees to it, and so must whoever calls this without one.
    ///
    /// If the scope is [`Scope::Element`], the driver may call this with any piece of a parameter,
    /// so an element's update depends on nothing but its own value, gradient and memory, and `cx`;
    /// it goes through [`each`](crate::each), which alone knows packed memory and riding averages.
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]);

    /// If the scope is [`Scope::Set`]: looks at one whole parameter before any is updated, may
    /// change its memory, and adds to sums over all of them.
    fn gather(
        &self,
        cx: &StepCx<'_>,
        slots: Slots<'_, F>,
        param: &[F],
        grad: &[F],
        sums: &mut [f64; MAX_SUMS],
    ) {
        let _ = (cx, slots, param, grad, sums);
    }

    /// Replaces the parameter by the point at which the rule wants to be evaluated.
    fn evaluation(&self, slots: Slots<'_, F>, param: &mut [F]) {
        let _ = (slots, param);
    }
}

/// The most sums a rule may gather over the set.
pub const MAX_SUMS: usize = 4;

/// What the update of one element depends on.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Itself: any piece of a parameter can be updated alone.
    Element,
    /// Its parameter: norms of a tensor, factored or matrix memory.
    Tensor,
    /// All parameters the rule updates: sums over the set.
    Set,
}

macro_rules! forward {
    ($($(#[$attribute:meta])* fn $name:ident(&self $(, $x:ident: $t:ty)*) $(-> $out:ty)?;)*) => {
        $(fn $name(&self $(, $x: $t)*) $(-> $out)? { (**self).$name($($x),*) })*
    };
}

/// A rule chosen at run time.
impl<R: Describe + ?Sized> Describe for Box<R> {
    forward! {
        fn name(&self) -> &'static str;
        fn slots(&self) -> &'static [Slot];
        fn initial(&self, slot: usize) -> f64;
        fn slot_shape(&self, slot: usize, shape: &[usize]) -> Option<Vec<usize>>;
        fn slot_len(&self, slot: usize, shape: &[usize]) -> Option<usize>;
        fn check_shape(&self, shape: &[usize]) -> Result<()>;
        fn scratch(&self, shape: &[usize]) -> usize;
        fn scalars(&self) -> &'static [Scalar];
        fn advance(&self, cx: &StepCx<'_>, sums: &[f64], scalars: &mut [f64]);
        fn scope(&self) -> Scope;
        fn default_lr(&self) -> f64;
        fn squares(&self) -> bool;
        fn needs_loss(&self) -> bool;
        fn weight_decay(&self) -> WeightDecay;
        fn validate(&self) -> Result<()>;
    }
}

impl<F: Float, R: Rule<F> + ?Sized> Rule<F> for Box<R> {
    forward! {
        fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]);
        fn gather(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &[F], grad: &[F], sums: &mut [f64; MAX_SUMS]);
        fn evaluation(&self, slots: Slots<'_, F>, param: &mut [F]);
    }
}

/// What one parameter's update depends on beside its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCx<'a> {
    /// The learning rate η, the group's factor included.
    pub lr: f64,
    /// This parameter's count of updates, 1 at the first.
    pub t: u64,
    /// The factor on every gradient: clipping, −1 to maximize.
    pub grad_scale: f64,
    /// The weight decay of this parameter.
    pub decay: WeightDecay,
    /// The loss, where the rule needs it; else NaN.
    pub loss: f64,
    /// The parameter's shape.
    pub shape: &'a [usize],
    /// The rule's scalars, moved by [`Describe::advance`].
    pub scalars: &'a [f64],
}

impl StepCx<'static> {
    /// The first step of this learning rate, of a vector, and nothing else.
    pub fn first(lr: f64) -> Self {
        let decay = WeightDecay::None;
        Self { lr, t: 1, grad_scale: 1.0, decay, loss: f64::NAN, shape: &[], scalars: &[] }
    }
}

/// Weight decay; the name says which.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WeightDecay {
    /// None.
    #[default]
    None,
    /// `g ← g + λθ` before the rule sees the gradient: the gradient of `λ/2 Σθ²`. What PyTorch's
    /// `weight_decay` means in all but AdamW.
    L2(f64),
    /// `θ ← (1 − ηλ)θ` before the update, outside the gradient and its memory. AdamW's, and what
    /// Keras' `weight_decay` means everywhere.
    ///
    /// Source: Loshchilov, Hutter: *Decoupled weight decay regularization*, ICLR 2019, with η
    /// instead of the schedule's factor alone, as PyTorch, Optax and Keras have it.
    Decoupled(f64),
}

impl WeightDecay {
    /// Refuses a λ that is negative or not finite.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper).
    pub fn validate(self) -> Result<()> {
        match self {
            WeightDecay::None => Ok(()),
            WeightDecay::L2(lambda) => hyper::non_negative("L2 weight decay", "lambda", lambda),
            WeightDecay::Decoupled(lambda) => {
                hyper::non_negative("decoupled weight decay", "lambda", lambda)
            }
        }
    }

    /// `(l2, keep)`, so that every kind is `g + l2·θ` and `keep·θ`.
    pub fn split(self, lr: f64) -> (f64, f64) {
        match self {
            WeightDecay::None => (0.0, 1.0),
            WeightDecay::L2(lambda) => (lambda, 1.0),
            WeightDecay::Decoupled(lambda) => (0.0, 1.0 - lr * lambda),
        }
    }
}

/// ε as a number of type `F`: one that would round to 0 there is the smallest positive number, so
/// that 0/0 never stands in an update.
pub(crate) fn eps<F: Float>(eps: f64) -> F {
    F::of(eps).max(F::min_positive_value())
}
