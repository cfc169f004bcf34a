use crate::each::each;
use crate::rule::{Describe, Rule, StepCx, eps};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Adam with the largest gradient in the place of the root mean square.
///
/// # Update
/// ```text
/// m ← β₁ m + (1 − β₁) g
/// u ← max(β₂ u, |g| + ε)     θ ← θ − η/(1 − β₁ᵗ) · m / u          (PyTorch, Optax)
/// u ← max(β₂ u, |g|)         θ ← θ − η/(1 − β₁ᵗ) · m / (u + ε)    (Keras)
/// ```
///
/// | field | symbol | default | Keras | range |
/// |---|---|---|---|---|
/// | `beta1` | β₁ | 0.9 | 0.9 | [0, 1) |
/// | `beta2` | β₂ | 0.999 | 0.999 | [0, 1) |
/// | `eps` | ε | 1e-8 | 1e-7 | ≥ 0 |
/// | `eps_in_max` | | true | false | |
///
/// Memory: `m`, `u`.
///
/// # Notes
/// η is 0.002 in the paper and PyTorch, 0.001 in Keras. `u` needs no correction: it does not start
/// small. With decoupled weight decay this is Optax' `adamaxw`.
///
/// # Source
/// Kingma, Ba: *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 2.
///
/// # Example
/// ```
/// use tricks_optim::{Adamax, Optimizer};
/// let (mut w, mut dw) = ([0.0f64], [5.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// Optimizer::builder(Adamax::torch()).bind(&mut params)?.step(0.1, &mut params)?;
/// // The first step is η, whatever the gradient.
/// assert!((w[0] + 0.1).abs() < 1e-9);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// Decay of the average gradient, β₁.
    pub beta1: f64,
    /// Decay of the largest gradient, β₂.
    pub beta2: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// Whether ε is added to the gradient before the maximum, instead of to `u`.
    pub eps_in_max: bool,
}

impl Default for Adamax {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, eps_in_max: true }
    }
}

impl Adamax {
    /// ε 1e-8, in the maximum; `torch.optim.Adamax`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// ε 1e-7, added to `u`; `keras.optimizers.Adamax`.
    pub fn keras() -> Self {
        Self { eps: 1e-7, eps_in_max: false, ..Self::default() }
    }

    /// ε 1e-8, in the maximum; `optax.adamax`.
    pub fn optax() -> Self {
        Self::default()
    }
}

impl Describe for Adamax {
    fn name(&self) -> &'static str {
        "Adamax"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("m").torch("exp_avg"), Slot::new("u").torch("exp_inf").non_negative()] }
    }
    fn default_lr(&self) -> f64 {
        0.002
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Adamax", "beta1", self.beta1)?;
        hyper::fraction("Adamax", "beta2", self.beta2)?;
        hyper::non_negative("Adamax", "eps", self.eps)
    }
}

impl<F: Float> Rule<F> for Adamax {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let lr = F::of(cx.lr / math::debias(self.beta1, cx.t));
        let (beta1, fresh1) = (F::of(self.beta1), F::of(1.0 - self.beta1));
        let (beta2, eps) = (F::of(self.beta2), eps::<F>(self.eps));
        let (inside, outside) = if self.eps_in_max { (eps, F::zero()) } else { (F::zero(), eps) };
        each(cx, slots, param, grad, move |p, g, [m, u]| {
            let m = beta1 * m + fresh1 * g;
            let (faded, size) = (beta2 * u, g.abs() + inside);
            let u = if size > faded { size } else { faded };
            (p - lr * (m / (u + outside)), [m, u])
        });
    }
}
