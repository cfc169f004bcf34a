use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper};

/// The sign of a momentum: every element moves by η.
///
/// # Update
/// ```text
/// θ ← θ − η sign(β₁ m + (1 − β₁) g)
/// m ← β₂ m + (1 − β₂) g
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `beta1` | β₁ | 0.9 | [0, 1) |
/// | `beta2` | β₂ | 0.99 | [0, 1) |
///
/// Memory: `m`.
///
/// # Notes
/// The weights of the two averages are easily swapped: the step looks at the gradient more, the
/// memory less. η is 3 to 10 times smaller than Adam's, and λ as many times larger. With β₁ = 0 it
/// is the sign of the gradient alone (Optax' `sign_sgd`).
///
/// # Source
/// Chen, Liang, Huang and others: *Symbolic discovery of optimization algorithms*, NeurIPS 2023,
/// program 1.
///
/// # Example
/// ```
/// use tricks_optim::{Lion, Optimizer};
/// let (mut w, mut dw) = ([0.0f64, 0.0], [7.0, -1e-3]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// Optimizer::builder(Lion::default()).bind(&mut params)?.step(0.1, &mut params)?;
/// assert_eq!(w, [-0.1, 0.1]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// Share of the memory in the step, β₁.
    pub beta1: f64,
    /// Decay of the memory, β₂.
    pub beta2: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99 }
    }
}

impl Lion {
    /// `keras.optimizers.Lion`.
    pub fn keras() -> Self {
        Self::default()
    }

    /// `optax.lion`, whose default weight decay is 0.001, decoupled.
    pub fn optax() -> Self {
        Self::default()
    }
}

impl Describe for Lion {
    fn name(&self) -> &'static str {
        "Lion"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("m")] }
    }
    fn default_lr(&self) -> f64 {
        1e-4
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Lion", "beta1", self.beta1)?;
        hyper::fraction("Lion", "beta2", self.beta2)
    }
}

impl<F: Float> Rule<F> for Lion {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (lr, zero) = (F::of(cx.lr), F::zero());
        let (beta1, fresh1) = (F::of(self.beta1), F::of(1.0 - self.beta1));
        let (beta2, fresh2) = (F::of(self.beta2), F::of(1.0 - self.beta2));
        each(cx, slots, param, grad, move |p, g, [m]| {
            let c = beta1 * m + fresh1 * g;
            // η sign(c): a NaN moves nothing.
            let step = if c.abs() > zero { lr.copysign(c) } else { zero };
            (p - step, [beta2 * m + fresh2 * g])
        });
    }
}
