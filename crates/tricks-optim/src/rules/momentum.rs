use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Error, Float, Result, hyper};

/// Gradient descent with a velocity.
///
/// # Update
/// ```text
/// Velocity (chapter, Keras)           Buffer (PyTorch, Optax)
///   v ← μ v − η g                       b ← μ b + (1 − τ) g        b₁ = g₁
///   θ ← θ + v                           θ ← θ − η b
///   Nesterov: θ ← θ + μ v − η g         Nesterov: θ ← θ − η (g + μ b)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `momentum` | μ | 0.9 | [0, 1) |
/// | `dampening` | τ | 0 | [0, 1]; 0 with Nesterov and in the velocity form |
/// | `nesterov` | | false | |
/// | `form` | | `Buffer` | |
///
/// Memory: `v` or `b`.
///
/// # Notes
/// The two forms agree (v = −ηb) exactly when η is constant. In the velocity form η is inside the
/// velocity: a later change of η does not rescale what `v` already holds. With μ = 0.9, g = 1 and
/// η = 0.1, then 0.01, the velocity form moves by −0.200 and the buffer form by −0.119.
/// Dampening is not applied to the first gradient, nor without momentum, as in PyTorch.
///
/// # Source
/// Polyak: *Some methods of speeding up the convergence of iteration methods*, 1964; Sutskever,
/// Martens, Dahl, Hinton: *On the importance of initialization and momentum in deep learning*,
/// ICML 2013, equations 1–4.
///
/// # Example
/// ```
/// use tricks_optim::{Momentum, Optimizer};
/// for (rule, moved) in [(Momentum::chapter(), -0.2), (Momentum::torch(), -0.119)] {
///     let (mut w, mut dw) = ([0.0f64], [1.0]);
///     let mut params = [("w", &mut w[..], &mut dw[..])];
///     let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;
///     optimizer.step(0.1, &mut params)?;
///     optimizer.step(0.01, &mut params)?;
///     assert!((w[0] - moved).abs() < 1e-12, "{w:?}");
/// }
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// Share of the velocity that is kept, μ.
    pub momentum: f64,
    /// Share of the gradient that is kept out of the buffer, τ.
    pub dampening: f64,
    /// Whether the step looks ahead along the velocity.
    pub nesterov: bool,
    /// Whether η is inside the velocity.
    pub form: MomentumForm,
}

/// Where the learning rate of [`Momentum`] stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentumForm {
    /// Inside: `v ← μ v − η g; θ ← θ + v`.
    Velocity,
    /// Outside: `b ← μ b + g; θ ← θ − η b`.
    Buffer,
}

impl Default for Momentum {
    fn default() -> Self {
        Self { momentum: 0.9, dampening: 0.0, nesterov: false, form: MomentumForm::Buffer }
    }
}

impl Momentum {
    /// η inside the velocity, μ 0.9.
    pub fn chapter() -> Self {
        Self { form: MomentumForm::Velocity, ..Self::default() }
    }

    /// η outside; `torch.optim.SGD(momentum=0.9)`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// η inside the velocity; `keras.optimizers.SGD(momentum=0.9)`.
    pub fn keras() -> Self {
        Self::chapter()
    }

    /// η outside; `optax.sgd(momentum=0.9)`.
    pub fn optax() -> Self {
        Self::default()
    }
}

impl Describe for Momentum {
    fn name(&self) -> &'static str {
        "Momentum"
    }
    fn slots(&self) -> &'static [Slot] {
        match self.form {
            MomentumForm::Velocity => const { &[Slot::new("v")] },
            MomentumForm::Buffer => const { &[Slot::new("b").torch("momentum_buffer")] },
        }
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Momentum", "momentum", self.momentum)?;
        hyper::probability("Momentum", "dampening", self.dampening)?;
        let refuse = |message| Err(Error::invalid("Momentum", message));
        if self.nesterov && self.momentum == 0.0 {
            return refuse("nesterov needs momentum above 0".to_string());
        }
        if self.dampening != 0.0 && (self.nesterov || self.form == MomentumForm::Velocity) {
            let what = if self.nesterov { "nesterov" } else { "the velocity form" };
            return refuse(format!("{what} needs dampening 0, it is {}", self.dampening));
        }
        Ok(())
    }
}

impl<F: Float> Rule<F> for Momentum {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (lr, mu) = (F::of(cx.lr), F::of(self.momentum));
        let undamped = cx.t == 1 || self.momentum == 0.0;
        let fresh = F::of(if undamped { 1.0 } else { 1.0 - self.dampening });
        match (self.form, self.nesterov) {
            (MomentumForm::Velocity, false) => each(cx, slots, param, grad, move |p, g, [v]| {
                let v = mu * v - lr * g;
                (p + v, [v])
            }),
            (MomentumForm::Velocity, true) => each(cx, slots, param, grad, move |p, g, [v]| {
                let v = mu * v - lr * g;
                (p + (mu * v - lr * g), [v])
            }),
            (MomentumForm::Buffer, false) => each(cx, slots, param, grad, move |p, g, [b]| {
                let b = mu * b + fresh * g;
                (p - lr * b, [b])
            }),
            (MomentumForm::Buffer, true) => each(cx, slots, param, grad, move |p, g, [b]| {
                let b = mu * b + fresh * g;
                (p - lr * (g + mu * b), [b])
            }),
        }
    }
}
