use crate::rule::{Describe, Rule, StepCx, WeightDecay};
use crate::rules::Adam;
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result};

/// Adam with decoupled weight decay.
///
/// # Update
/// ```text
/// θ ← (1 − ηλ) θ
/// then Adam's update, which never sees λ
/// ```
///
/// | field | symbol | default | Keras | Optax | range |
/// |---|---|---|---|---|---|
/// | `adam` | | [`Adam::torch`] | [`Adam::keras`] | [`Adam::optax`] | |
/// | `weight_decay` | λ | 0.01 | 0.004 | 0.0001 | ≥ 0 |
///
/// Memory: Adam's.
///
/// # Notes
/// `weight_decay` reaches [`ParamKind::Weight`](tricks_tensor::ParamKind::Weight) only, unless a
/// group says otherwise; PyTorch decays biases and normalizations too. The decay set on the
/// builder, if any, takes the place of this one. The paper multiplies λ by the schedule's factor
/// alone; PyTorch, Optax and Keras multiply it by η, and so does this.
///
/// # Source
/// Loshchilov, Hutter: *Decoupled weight decay regularization*, ICLR 2019, algorithm 2.
///
/// # Example
/// ```
/// use tricks_optim::{AdamW, Optimizer};
/// let (mut w, mut dw) = ([1.0], [0.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let adamw = AdamW { weight_decay: 0.1, ..AdamW::torch() };
/// Optimizer::builder(adamw).bind(&mut params)?.step(0.5, &mut params)?;
/// // No gradient, yet it decays: 1 − 0.5·0.1.
/// assert_eq!(w, [0.95]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Adam's part.
    pub adam: Adam,
    /// Decay, λ.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { adam: Adam::torch(), weight_decay: 0.01 }
    }
}

impl AdamW {
    /// λ 0.01; `torch.optim.AdamW`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// λ 0.004, Adam's hat form; `keras.optimizers.AdamW`.
    pub fn keras() -> Self {
        Self { adam: Adam::keras(), weight_decay: 0.004 }
    }

    /// λ 0.0001; `optax.adamw`.
    pub fn optax() -> Self {
        Self { adam: Adam::optax(), weight_decay: 1e-4 }
    }
}

impl Describe for AdamW {
    fn name(&self) -> &'static str {
        "AdamW"
    }
    fn slots(&self) -> &'static [Slot] {
        self.adam.slots()
    }
    fn initial(&self, slot: usize) -> f64 {
        self.adam.initial(slot)
    }
    fn default_lr(&self) -> f64 {
        self.adam.default_lr()
    }
    fn weight_decay(&self) -> WeightDecay {
        WeightDecay::Decoupled(self.weight_decay)
    }
    fn validate(&self) -> Result<()> {
        self.weight_decay().validate()?;
        self.adam.validate()
    }
}

impl<F: Float> Rule<F> for AdamW {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        self.adam.step(cx, slots, param, grad);
    }
}
