use crate::each::each;
use crate::rule::{Describe, Rule, StepCx, eps};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper};

/// Adadelta: steps in the units of the parameter, without a rate to choose.
///
/// # Update
/// ```text
/// v ← ρ v + (1 − ρ) g²
/// Δ = g √(u + ε) / √(v + ε)
/// u ← ρ u + (1 − ρ) Δ²
/// θ ← θ − η Δ
/// ```
///
/// | field | symbol | default | Keras | range |
/// |---|---|---|---|---|
/// | `rho` | ρ | 0.9 | 0.95 | [0, 1) |
/// | `eps` | ε | 1e-6 | 1e-7 | ≥ 0 |
///
/// Memory: `v`, `u`.
///
/// # Notes
/// η is 1 in the paper, PyTorch and Optax, but 0.001 by default in Keras: a thousandth of the step.
/// ε alone sets the first step, √ε; with ε = 0 it is the smallest number there is.
///
/// # Source
/// Zeiler: *ADADELTA: an adaptive learning rate method*, 2012, algorithm 1.
///
/// # Example
/// ```
/// use tricks_optim::{Adadelta, Optimizer};
/// let (mut w, mut dw) = ([0.0f64], [2.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// Optimizer::builder(Adadelta::torch()).bind(&mut params)?.step(1.0, &mut params)?;
/// // v = 0.1·4
/// let delta = 2.0 * (1e-6f64 / (0.4 + 1e-6)).sqrt();
/// assert!((w[0] + delta).abs() < 1e-15);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adadelta {
    /// Decay of both averages, ρ.
    pub rho: f64,
    /// Starts the steps, and keeps the division finite, ε.
    pub eps: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self { rho: 0.9, eps: 1e-6 }
    }
}

impl Adadelta {
    /// ρ 0.9, ε 1e-6; `torch.optim.Adadelta`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// ρ 0.95, ε 1e-7; `keras.optimizers.Adadelta`.
    pub fn keras() -> Self {
        Self { rho: 0.95, eps: 1e-7 }
    }

    /// ρ 0.9, ε 1e-6; `optax.adadelta`.
    pub fn optax() -> Self {
        Self::default()
    }
}

impl Describe for Adadelta {
    fn name(&self) -> &'static str {
        "Adadelta"
    }
    fn slots(&self) -> &'static [Slot] {
        const {
            &[
                Slot::new("v").torch("square_avg").non_negative(),
                Slot::new("u").torch("acc_delta").non_negative(),
            ]
        }
    }
    fn default_lr(&self) -> f64 {
        1.0
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Adadelta", "rho", self.rho)?;
        hyper::non_negative("Adadelta", "eps", self.eps)
    }
}

impl<F: Float> Rule<F> for Adadelta {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (lr, eps) = (F::of(cx.lr), eps::<F>(self.eps));
        let (rho, fresh) = (F::of(self.rho), F::of(1.0 - self.rho));
        each(cx, slots, param, grad, move |p, g, [v, u]| {
            let v = rho * v + fresh * g * g;
            let delta = (u + eps).sqrt() / (v + eps).sqrt() * g;
            let u = rho * u + fresh * delta * delta;
            (p - lr * delta, [v, u])
        });
    }
}
