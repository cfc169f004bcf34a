use crate::each::each;
use crate::rule::{Describe, Rule, StepCx, eps};
use crate::slot::{Scalar, Slot};
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Adam that looks ahead along its momentum.
///
/// # Update
/// ```text
/// μ_t = β₁ (1 − ½ · 0.96^(ψ t)),   Π_t = μ₁ μ₂ … μ_t
/// m ← β₁ m + (1 − β₁) g
/// v ← β₂ v + (1 − β₂) g²,   d = √(v/(1 − β₂ᵗ) + ε_root) + ε
/// θ ← θ − η ((1 − μ_t)/(1 − Π_t) · g + μ_{t+1}/(1 − Π_t μ_{t+1}) · m) / d
/// ```
///
/// | field | symbol | default | Keras | Optax | range |
/// |---|---|---|---|---|---|
/// | `beta1` | β₁ | 0.9 | | | [0, 1) |
/// | `beta2` | β₂ | 0.999 | | | [0, 1) |
/// | `eps` | ε | 1e-8 | 1e-7 | 1e-8 | ≥ 0 |
/// | `eps_root` | ε_root | 0 | 0 | 0 | ≥ 0 |
/// | `momentum_decay` | ψ | 0.004 | 1 | ∞ | ≥ 0, ∞ allowed |
///
/// Memory: `m`, `v`; one number, `mu_product` (Π), per parameter.
///
/// # Notes
/// One formula, three algorithms: PyTorch's μ grows over thousands of steps (0.518 at t = 1000),
/// Keras' over a hundred (0.9 there), Optax has no schedule: μ_t = β₁, which is ψ = ∞. Optax'
/// `adam` and `adamw` with `nesterov` are this rule. η is 0.002 in PyTorch, 0.001 in Keras.
///
/// # Source
/// Dozat: *Incorporating Nesterov momentum into Adam*, ICLR 2016 workshop, algorithm 2 (with the
/// schedule of μ of its section 4).
///
/// # Example
/// ```
/// use tricks_optim::{NAdam, Optimizer};
/// let (mut w, mut dw) = ([0.0f64], [1.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// Optimizer::builder(NAdam::optax()).bind(&mut params)?.step(0.1, &mut params)?;
/// // 0.1/(1 − 0.9) of the gradient, and 0.9/(1 − 0.81) of m = 0.1.
/// assert!((w[0] + 0.1 * (1.0 + 0.09 / 0.19)).abs() < 1e-8);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NAdam {
    /// Decay of the average gradient, and the momentum in the end, β₁.
    pub beta1: f64,
    /// Decay of the average squared gradient, β₂.
    pub beta2: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// A second ε inside the root.
    pub eps_root: f64,
    /// How fast the momentum grows to β₁, ψ.
    pub momentum_decay: f64,
}

impl Default for NAdam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, eps_root: 0.0, momentum_decay: 0.004 }
    }
}

impl NAdam {
    /// ψ 0.004; `torch.optim.NAdam`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// ψ 1, ε 1e-7; `keras.optimizers.Nadam`.
    pub fn keras() -> Self {
        Self { eps: 1e-7, momentum_decay: 1.0, ..Self::default() }
    }

    /// The momentum is β₁ from the start; `optax.nadam`.
    pub fn optax() -> Self {
        Self { momentum_decay: f64::INFINITY, ..Self::default() }
    }

    /// μ_t
    fn mu(&self, t: u64) -> f64 {
        let grown = if self.momentum_decay == f64::INFINITY {
            0.0
        } else {
            math::pow(0.96, self.momentum_decay * t as f64)
        };
        self.beta1 * (1.0 - 0.5 * grown)
    }
}

impl Describe for NAdam {
    fn name(&self) -> &'static str {
        "NAdam"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("m").torch("exp_avg"), Slot::new("v").torch("exp_avg_sq").non_negative()] }
    }
    fn scalars(&self) -> &'static [Scalar] {
        const { &[Scalar::new("mu_product", 1.0).torch("mu_product")] }
    }
    fn advance(&self, cx: &StepCx<'_>, _: &[f64], scalars: &mut [f64]) {
        scalars[0] *= self.mu(cx.t);
    }
    fn default_lr(&self) -> f64 {
        0.002
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("NAdam", "beta1", self.beta1)?;
        hyper::fraction("NAdam", "beta2", self.beta2)?;
        hyper::non_negative("NAdam", "eps", self.eps)?;
        hyper::non_negative("NAdam", "eps_root", self.eps_root)?;
        let (psi, range) = (self.momentum_decay, "at least 0");
        hyper::require("NAdam", "momentum_decay", psi, psi >= 0.0, range)
    }
}

impl<F: Float> Rule<F> for NAdam {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let product = cx.scalars.first().copied().unwrap_or(1.0);
        let (mu, next) = (self.mu(cx.t), self.mu(cx.t.saturating_add(1)));
        let of_grad = F::of(cx.lr * (1.0 - mu) / (1.0 - product));
        let of_m = F::of(cx.lr * next / (1.0 - product * next));
        let debias = F::of(1.0 / math::debias(self.beta2, cx.t));
        let (eps_root, eps) = (F::of(self.eps_root), eps::<F>(self.eps));
        let (beta1, fresh1) = (F::of(self.beta1), F::of(1.0 - self.beta1));
        let (beta2, fresh2) = (F::of(self.beta2), F::of(1.0 - self.beta2));
        each(cx, slots, param, grad, move |p, g, [m, v]| {
            let m = beta1 * m + fresh1 * g;
            let v = beta2 * v + fresh2 * g * g;
            let d = (v * debias + eps_root).sqrt() + eps;
            (p - (of_grad * g + of_m * m) / d, [m, v])
        });
    }
}
