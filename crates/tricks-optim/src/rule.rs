use tricks_tensor::{Float, Result, hyper, kernel};

/// The most memory slots a rule may ask for.
pub const MAX_SLOTS: usize = 4;

/// What a rule is, apart from the number type.
pub trait Describe: Send + Sync {
    /// The field's name for it: `Adam`.
    fn name(&self) -> &'static str;

    /// The names of its memory, one number per parameter each, in the letters of the paper.
    ///
    /// Two forms whose memory means different things name it differently, so that the state of one
    /// is refused by the other.
    fn slots(&self) -> &'static [&'static str];

    /// What slot `slot` holds before the first update.
    fn initial(&self, slot: usize) -> f64 {
        let _ = slot;
        0.0
    }

    /// The learning rate to begin with: the default of PyTorch's rule of this name.
    fn default_lr(&self) -> f64;

    /// Whether it squares gradients: then a gradient whose square overflows is refused, because it
    /// would stop the element for ever.
    fn squares(&self) -> bool {
        true
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
pub trait Rule<F: Float>: Describe {
    /// Updates `param` and its memory, element by element.
    ///
    /// The driver may call this with any piece of a parameter, so an element's update depends on
    /// nothing but its own value, gradient and memory, and `cx`.
    fn step(&self, cx: &StepCx, slots: Slots<'_, F>, param: &mut [F], grad: &[F]);
}

/// A rule chosen at run time.
impl<R: Describe + ?Sized> Describe for Box<R> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn slots(&self) -> &'static [&'static str] {
        (**self).slots()
    }
    fn initial(&self, slot: usize) -> f64 {
        (**self).initial(slot)
    }
    fn default_lr(&self) -> f64 {
        (**self).default_lr()
    }
    fn squares(&self) -> bool {
        (**self).squares()
    }
    fn weight_decay(&self) -> WeightDecay {
        (**self).weight_decay()
    }
    fn validate(&self) -> Result<()> {
        (**self).validate()
    }
}

impl<F: Float, R: Rule<F> + ?Sized> Rule<F> for Box<R> {
    fn step(&self, cx: &StepCx, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        (**self).step(cx, slots, param, grad);
    }
}

/// What one parameter's update depends on beside its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCx {
    /// The learning rate η, the group's factor included.
    pub lr: f64,
    /// This parameter's count of updates, 1 at the first.
    pub t: u64,
    /// The factor on every gradient: clipping, −1 to maximize.
    pub grad_scale: f64,
    /// The weight decay of this parameter.
    pub decay: WeightDecay,
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
}

/// A parameter's memory, lent to a rule: one slice for each slot.
#[derive(Debug)]
pub struct Slots<'a, F> {
    views: [&'a mut [F]; MAX_SLOTS],
}

impl<'a, F> Slots<'a, F> {
    /// From at most [`MAX_SLOTS`] slices; the rest are empty.
    pub fn new(slices: impl IntoIterator<Item = &'a mut [F]>) -> Self {
        let mut slices = slices.into_iter();
        Self { views: std::array::from_fn(|_| slices.next().unwrap_or_default()) }
    }

    /// The first `N` slots.
    pub fn views<const N: usize>(self) -> [&'a mut [F]; N] {
        const { assert!(N <= MAX_SLOTS) };
        let mut views = self.views.into_iter();
        std::array::from_fn(|_| views.next().unwrap_or_default())
    }

    /// Both sides of element `at`.
    pub fn split_at(self, at: usize) -> (Self, Self) {
        let mut right: [&'a mut [F]; MAX_SLOTS] = Default::default();
        let mut k = 0;
        let views = self.views.map(|view| {
            let (a, b) = view.split_at_mut(at.min(view.len()));
            right[k] = b;
            k += 1;
            a
        });
        (Self { views }, Self { views: right })
    }
}

/// ε as a number of type `F`: one that would round to 0 there is the smallest positive number, so
/// that 0/0 never stands in an update.
pub(crate) fn eps<F: Float>(eps: f64) -> F {
    F::of(eps).max(F::min_positive_value())
}

/// The one loop of element-wise rules: one pass over the parameter, its gradient and its memory.
///
/// `update(θ, g, memory)` gives the new `θ` and memory. Gradient scale and weight decay are applied
/// on the way in; vector instructions are chosen at run time. With them inside, a rule reads as
/// its formula. Keep the closure small enough to be inlined: a benchmark tells.
///
/// `SGD` on three numbers, with decoupled weight decay:
///
/// ```
/// use tricks_optim::{Slots, StepCx, WeightDecay, each};
/// let cx = StepCx { lr: 0.1, t: 1, grad_scale: 1.0, decay: WeightDecay::Decoupled(0.5) };
/// let mut param = [1.0, 2.0, 3.0];
/// each(&cx, Slots::new([]), &mut param, &[1.0; 3], |p, g, []| (p - 0.1 * g, []));
/// assert_eq!(param, [0.95 - 0.1, 1.9 - 0.1, 0.95 * 3.0 - 0.1]);
/// ```
#[inline(always)]
pub fn each<F: Float, const N: usize>(
    cx: &StepCx,
    slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let scale = F::of(cx.grad_scale);
    let slots = slots.views::<N>();
    match cx.decay {
        // The common case by itself: a factor of 1 would change no bit, but cost time in cache.
        WeightDecay::None if cx.grad_scale == 1.0 => sweep(slots, param, grad, update),
        WeightDecay::None => {
            sweep(slots, param, grad, move |p, g, s| update(p, scale * g, s));
        }
        WeightDecay::L2(lambda) => {
            let lambda = F::of(lambda);
            sweep(slots, param, grad, move |p, g, s| update(p, scale * g + lambda * p, s));
        }
        WeightDecay::Decoupled(lambda) => {
            let keep = F::of(1.0 - cx.lr * lambda);
            sweep(slots, param, grad, move |p, g, s| update(keep * p, scale * g, s));
        }
    }
}

/// The loop itself, compiled for each number of slots.
///
/// What the vectorizer needs: slices in variables of their own (not in an array), of lengths it
/// can see to be equal, and closures that own their constants.
#[inline(always)]
fn sweep<F: Float, const N: usize>(
    slots: [&mut [F]; N],
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let mut slots = slots.into_iter();
    macro_rules! sweep {
        ($($slot:ident $k:literal),*) => {{
            $(let $slot = slots.next().unwrap_or_default();)*
            kernel::vectorize(
                #[inline(always)]
                move || {
                    let n = param.len();
                    let grad = &grad[..n];
                    $(let $slot = &mut $slot[..n];)*
                    for i in 0..n {
                        let memory = [$($slot[i]),*];
                        let memory = std::array::from_fn(|k| memory[k]);
                        let (p, _memory) = update(param[i], grad[i], memory);
                        param[i] = p;
                        $($slot[i] = _memory[$k];)*
                    }
                },
            )
        }};
    }
    match N {
        0 => sweep!(),
        1 => sweep!(a 0),
        2 => sweep!(a 0, b 1),
        3 => sweep!(a 0, b 1, c 2),
        _ => sweep!(a 0, b 1, c 2, d 3),
    }
}
