use crate::each::each;
use crate::rule::{Describe, Rule, StepCx, eps};
use crate::rules::EpsForm;
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Adam that waits until its second moment can be trusted.
///
/// # Update
/// ```text
/// m, v as Adam;   m̂ = m / (1 − β₁ᵗ)
/// ρ_∞ = 2/(1 − β₂) − 1,   ρ_t = ρ_∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
/// r = √((ρ_t − 4)(ρ_t − 2) ρ_∞ / ((ρ_∞ − 4)(ρ_∞ − 2) ρ_t))
/// ρ_t above the threshold:  θ ← θ − η r m̂ √(1 − β₂ᵗ) / (√v + ε)             Hat (PyTorch)
///                           θ ← θ − η r m̂ / (√(v/(1 − β₂ᵗ) + ε_root) + ε)   Corrected (Optax)
/// before:                   θ ← θ − η m̂
/// nesterov (Optax):         m̂ = β₁ m/(1 − β₁ᵗ⁺¹) + (1 − β₁) g/(1 − β₁ᵗ)
/// ```
///
/// | field | symbol | default | Optax | range |
/// |---|---|---|---|---|
/// | `beta1` | β₁ | 0.9 | | [0, 1) |
/// | `beta2` | β₂ | 0.999 | | [0, 1) |
/// | `eps` | ε | 1e-8 | | ≥ 0 |
/// | `eps_form` | | `Hat` | `Corrected` | ε_root ≥ 0 |
/// | `threshold` | | 5 | 5 | ≥ 4 |
/// | `nesterov` | | false | | |
///
/// Memory: `m`, `v`.
///
/// # Notes
/// With β₂ = 0.999 the first adaptive step is the sixth. PyTorch adapts above the threshold, Optax
/// at it; with β₂ up to ⅔, where ρ∞ is not above 5, it never adapts. The steps before have the size
/// of the gradient.
///
/// # Source
/// Liu, Jiang, He, Chen, Liu, Gao, Han: *On the variance of the adaptive learning rate and beyond*,
/// ICLR 2020, algorithm 2.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, RAdam};
/// let (mut w, mut dw) = ([0.0f64], [0.5]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// Optimizer::builder(RAdam::torch()).bind(&mut params)?.step(0.1, &mut params)?;
/// assert!((w[0] + 0.1 * 0.5).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RAdam {
    /// Decay of the average gradient, β₁.
    pub beta1: f64,
    /// Decay of the average squared gradient, β₂.
    pub beta2: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// Whether ε is added before or after the bias correction.
    pub eps_form: EpsForm,
    /// The length of the second moment's average from which it is trusted.
    pub threshold: f64,
    /// Whether the step looks ahead along the average gradient.
    pub nesterov: bool,
}

impl Default for RAdam {
    fn default() -> Self {
        let eps_form = EpsForm::Hat;
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, eps_form, threshold: 5.0, nesterov: false }
    }
}

impl RAdam {
    /// The hat form; `torch.optim.RAdam`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// The corrected form; `optax.radam`.
    pub fn optax() -> Self {
        Self { eps_form: EpsForm::Corrected { eps_root: 0.0 }, ..Self::default() }
    }

    /// r, once the average is long enough.
    fn rectification(&self, t: u64) -> Option<f64> {
        let most = 2.0 / (1.0 - self.beta2) - 1.0;
        let c2 = math::debias(self.beta2, t);
        let rho = most - 2.0 * t as f64 * (1.0 - c2) / c2;
        let trusted = match self.eps_form {
            EpsForm::Hat => rho > self.threshold,
            EpsForm::Corrected { .. } => rho >= self.threshold,
        };
        let of = |rho: f64| (rho - 4.0) * (rho - 2.0) / rho;
        trusted.then(|| (of(rho) / of(most)).sqrt())
    }
}

impl Describe for RAdam {
    fn name(&self) -> &'static str {
        "RAdam"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("m").torch("exp_avg"), Slot::new("v").torch("exp_avg_sq").non_negative()] }
    }
    fn default_lr(&self) -> f64 {
        0.001
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("RAdam", "beta1", self.beta1)?;
        hyper::fraction("RAdam", "beta2", self.beta2)?;
        hyper::non_negative("RAdam", "eps", self.eps)?;
        if let EpsForm::Corrected { eps_root } = self.eps_form {
            hyper::non_negative("RAdam", "eps_root", eps_root)?;
        }
        let (threshold, range) = (self.threshold, "finite and at least 4");
        let ok = threshold >= 4.0 && threshold.is_finite();
        hyper::require("RAdam", "threshold", threshold, ok, range)
    }
}

impl<F: Float> Rule<F> for RAdam {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (c1, c2) = (math::debias(self.beta1, cx.t), math::debias(self.beta2, cx.t));
        let (beta1, fresh1) = (F::of(self.beta1), F::of(1.0 - self.beta1));
        let (beta2, fresh2) = (F::of(self.beta2), F::of(1.0 - self.beta2));
        // m̂ = of_m·m + of_grad·g
        let (of_m, of_grad) = if self.nesterov {
            let ahead = math::debias(self.beta1, cx.t.saturating_add(1));
            (self.beta1 / ahead, (1.0 - self.beta1) / c1)
        } else {
            (1.0 / c1, 0.0)
        };
        let (of_m, of_grad) = (F::of(cx.lr * of_m), F::of(cx.lr * of_grad));
        let moments = move |g: F, m: F, v: F| (beta1 * m + fresh1 * g, beta2 * v + fresh2 * g * g);
        let Some(r) = self.rectification(cx.t) else {
            return each(cx, slots, param, grad, move |p, g, [m, v]| {
                let (m, v) = moments(g, m, v);
                (p - (of_m * m + of_grad * g), [m, v])
            });
        };
        let (r, v_scale, eps_root) = match self.eps_form {
            EpsForm::Hat => (r * c2.sqrt(), 1.0, 0.0),
            EpsForm::Corrected { eps_root } => (r, 1.0 / c2, eps_root),
        };
        let (r, v_scale, eps_root) = (F::of(r), F::of(v_scale), F::of(eps_root));
        let eps = eps::<F>(self.eps);
        each(cx, slots, param, grad, move |p, g, [m, v]| {
            let (m, v) = moments(g, m, v);
            let d = (v * v_scale + eps_root).sqrt() + eps;
            (p - r * (of_m * m + of_grad * g) / d, [m, v])
        });
    }
}
