use crate::each::each;
use crate::rule::{Describe, Rule, StepCx, eps};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Adam: momentum and RMSProp, both corrected for their start at zero.
///
/// # Update
/// ```text
/// m ← β₁ m + (1 − β₁) g
/// v ← β₂ v + (1 − β₂) g²
/// c₁ = 1 − β₁ᵗ,   c₂ = 1 − β₂ᵗ
/// Corrected (PyTorch, Optax)    θ ← θ − η/c₁ · m / (√(v/c₂ + ε_root) + ε)
/// Hat (chapter, Keras)          θ ← θ − η√c₂/c₁ · m / (√v + ε)
/// AMSGrad:  v̄ ← max(v̄, v) takes the place of v        (PyTorch, Keras)
///           v̄ ← max(v̄, v/c₂) takes the place of v/c₂  (Optax)
/// ```
///
/// | field | symbol | default | chapter, Keras | range |
/// |---|---|---|---|---|
/// | `beta1` | β₁ | 0.9 | 0.9 | [0, 1) |
/// | `beta2` | β₂ | 0.999 | 0.999 | [0, 1) |
/// | `eps` | ε | 1e-8 | 1e-7 | ≥ 0 |
/// | `eps_form` | | `Corrected { eps_root: 0 }` | `Hat` | ε_root ≥ 0 |
/// | `amsgrad` | | `Off` | `Off` | |
///
/// Memory: `m`, `v`; with AMSGrad `v_max` or `v_hat_max`.
///
/// # Notes
/// The two forms are equal only for ε = 0: an ε in the hat form acts like ε/√(1 − β₂ᵗ) in the
/// other, 31.6 times as much at t = 1 and 1.26 times at t = 1000. The chapter calls its η 0.01 and
/// advises 0.001; all others have 0.001. The default is PyTorch's.
///
/// # Source
/// Kingma, Ba: *Adam: a method for stochastic optimization*, ICLR 2015, algorithm 1 and the end of
/// section 2 (the hat form); AMSGrad: Reddi, Kale, Kumar: *On the convergence of Adam and beyond*,
/// ICLR 2018.
///
/// # Example
/// ```
/// use tricks_optim::{Adam, Optimizer};
/// let (mut w, mut dw) = ([0.0f64], [1e-6]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params)?;
/// adam.step(0.001, &mut params)?;
/// // The first step is η g/(|g| + ε), whatever the betas.
/// assert!((w[0] + 0.001 * 1e-6 / (1e-6 + 1e-8)).abs() < 1e-15);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the average gradient, β₁.
    pub beta1: f64,
    /// Decay of the average squared gradient, β₂.
    pub beta2: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// Whether ε is added before or after the bias correction.
    pub eps_form: EpsForm,
    /// Whether `v` may shrink.
    pub amsgrad: AmsGrad,
}

/// What ε is added to in [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EpsForm {
    /// To the corrected root: `√(v/c₂ + ε_root) + ε`. PyTorch, Optax.
    Corrected {
        /// A second ε inside the root; 0 but in Optax.
        eps_root: f64,
    },
    /// To the uncorrected root: `√v + ε`, with both corrections in η. The chapter, Keras.
    Hat,
}

/// Whether [`Adam`] divides by the largest second moment so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AmsGrad {
    /// By the present one: Adam.
    #[default]
    Off,
    /// The largest `v`: PyTorch, Keras.
    Uncorrected,
    /// The largest `v/c₂`: Optax.
    Corrected,
}

impl Default for Adam {
    fn default() -> Self {
        let eps_form = EpsForm::Corrected { eps_root: 0.0 };
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, eps_form, amsgrad: AmsGrad::Off }
    }
}

impl Adam {
    /// The hat form, ε 1e-7.
    pub fn chapter() -> Self {
        Self { eps: 1e-7, eps_form: EpsForm::Hat, ..Self::default() }
    }

    /// The corrected form, ε 1e-8; `torch.optim.Adam`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// The hat form, ε 1e-7; `keras.optimizers.Adam`.
    pub fn keras() -> Self {
        Self::chapter()
    }

    /// The corrected form, ε 1e-8; `optax.adam`.
    pub fn optax() -> Self {
        Self::default()
    }
}

const M: Slot = Slot::new("m").torch("exp_avg");
const V: Slot = Slot::new("v").torch("exp_avg_sq").non_negative();
const V_MAX: Slot = Slot::new("v_max").torch("max_exp_avg_sq").non_negative();
const V_HAT_MAX: Slot = Slot::new("v_hat_max").non_negative();

impl Describe for Adam {
    fn name(&self) -> &'static str {
        "Adam"
    }
    fn slots(&self) -> &'static [Slot] {
        match self.amsgrad {
            AmsGrad::Off => const { &[M, V] },
            AmsGrad::Uncorrected => const { &[M, V, V_MAX] },
            AmsGrad::Corrected => const { &[M, V, V_HAT_MAX] },
        }
    }
    fn default_lr(&self) -> f64 {
        0.001
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Adam", "beta1", self.beta1)?;
        hyper::fraction("Adam", "beta2", self.beta2)?;
        hyper::non_negative("Adam", "eps", self.eps)?;
        match self.eps_form {
            EpsForm::Corrected { eps_root } => hyper::non_negative("Adam", "eps_root", eps_root),
            EpsForm::Hat => Ok(()),
        }
    }
}

impl<F: Float> Rule<F> for Adam {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (c1, c2) = (math::debias(self.beta1, cx.t), math::debias(self.beta2, cx.t));
        // Both forms are `lr · m / (√(v·v_scale + eps_root) + eps)`.
        let (lr, v_scale, eps_root) = match self.eps_form {
            EpsForm::Corrected { eps_root } => (cx.lr / c1, 1.0 / c2, eps_root),
            EpsForm::Hat => (cx.lr * c2.sqrt() / c1, 1.0, 0.0),
        };
        let (lr, v_scale, eps_root) = (F::of(lr), F::of(v_scale), F::of(eps_root));
        let (debias, eps) = (F::of(1.0 / c2), eps::<F>(self.eps));
        let (beta1, fresh1) = (F::of(self.beta1), F::of(1.0 - self.beta1));
        let (beta2, fresh2) = (F::of(self.beta2), F::of(1.0 - self.beta2));
        let moments = move |g: F, m: F, v: F| (beta1 * m + fresh1 * g, beta2 * v + fresh2 * g * g);
        match self.amsgrad {
            // The common case by itself: adding 0 would change no bit, but cost time in cache.
            AmsGrad::Off if eps_root == F::zero() => {
                each(cx, slots, param, grad, move |p, g, [m, v]| {
                    let (m, v) = moments(g, m, v);
                    (p - lr * m / ((v * v_scale).sqrt() + eps), [m, v])
                })
            }
            AmsGrad::Off => each(cx, slots, param, grad, move |p, g, [m, v]| {
                let (m, v) = moments(g, m, v);
                (p - lr * m / ((v * v_scale + eps_root).sqrt() + eps), [m, v])
            }),
            AmsGrad::Uncorrected => each(cx, slots, param, grad, move |p, g, [m, v, v_max]| {
                let (m, v) = moments(g, m, v);
                let v_max = larger(v_max, v);
                (p - lr * m / ((v_max * v_scale + eps_root).sqrt() + eps), [m, v, v_max])
            }),
            AmsGrad::Corrected => each(cx, slots, param, grad, move |p, g, [m, v, v_max]| {
                let (m, v) = moments(g, m, v);
                let v_max = larger(v_max, v * debias);
                // In the hat form √c₂ is in `lr`: taken off `v_max` again.
                let v_hat = v_max * (v_scale / debias);
                (p - lr * m / ((v_hat + eps_root).sqrt() + eps), [m, v, v_max])
            }),
        }
    }
}

#[inline(always)]
fn larger<F: Float>(a: F, b: F) -> F {
    if b > a { b } else { a }
}
