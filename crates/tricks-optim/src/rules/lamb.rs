use crate::each::{move_by, spread};
use crate::rule::{Describe, Rule, Scope, StepCx, WeightDecay, eps};
use crate::rules::{largest, trust};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, kernel, math};

/// LAMB: Adam's step of each parameter, scaled to the size of the parameter.
///
/// # Update
/// ```text
/// m ← β₁ m + (1 − β₁) g
/// v ← β₂ v + (1 − β₂) g²
/// r = m/c₁ / (√(v/c₂ + ε_root) + ε) + λθ          c₁ = 1 − β₁ᵗ,  c₂ = 1 − β₂ᵗ
/// θ ← θ − η ‖θ‖/‖r‖ · r                           1 in place of the ratio where a norm is 0
/// ```
///
/// | field | symbol | default | keras | range |
/// |---|---|---|---|---|
/// | `beta1` | β₁ | 0.9 | 0.9 | [0, 1) |
/// | `beta2` | β₂ | 0.999 | 0.999 | [0, 1) |
/// | `eps` | ε | 1e-6 | 1e-7 | ≥ 0 |
/// | `eps_root` | ε_root | 0 | 0 | ≥ 0 |
/// | `decay_in_ratio` | | true | false | |
///
/// λ is the optimizer's decoupled weight decay. Memory: `m`, `v`. Scope: the parameter.
///
/// # Notes
/// The paper and Optax have λθ inside the norm; Keras decays the parameter before, outside of it:
/// `decay_in_ratio` false. The paper bounds ‖θ‖ by a function φ; all libraries have φ(x) = x.
/// Large batches of language models are what it was made for.
///
/// # Source
/// You, Li, Reddi, Hseu, Kumar, Bhojanapalli, Song, Demmel, Keutzer, Hsieh: *Large batch
/// optimization for deep learning: training BERT in 76 minutes*, ICLR 2020, algorithm 2.
///
/// # Example
/// ```
/// use tricks_optim::{Lamb, Optimizer};
/// let (mut w, mut dw) = ([3.0f64, 4.0], [0.1, -0.1]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut lamb = Optimizer::builder(Lamb::optax()).bind(&mut params)?;
/// lamb.step(0.01, &mut params)?;
/// // Adam's first step is ±1 for each element, of norm √2; the parameter's norm is 5.
/// let step = 0.01 * 5.0 / 2f64.sqrt();
/// assert!((w[0] - (3.0 - step)).abs() < 1e-6 && (w[1] - (4.0 + step)).abs() < 1e-6);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lamb {
    /// Decay of the average gradient, β₁.
    pub beta1: f64,
    /// Decay of the average squared gradient, β₂.
    pub beta2: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// A second ε, inside the root.
    pub eps_root: f64,
    /// Whether decoupled weight decay is part of what is scaled.
    pub decay_in_ratio: bool,
}

impl Default for Lamb {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-6, eps_root: 0.0, decay_in_ratio: true }
    }
}

impl Lamb {
    /// `optax.lamb`.
    pub fn optax() -> Self {
        Self::default()
    }

    /// ε 1e-7, weight decay outside the ratio; `keras.optimizers.Lamb`.
    pub fn keras() -> Self {
        Self { eps: 1e-7, decay_in_ratio: false, ..Self::default() }
    }
}

impl Describe for Lamb {
    fn name(&self) -> &'static str {
        "Lamb"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("m"), Slot::new("v").non_negative()] }
    }
    fn scope(&self) -> Scope {
        Scope::Tensor
    }
    fn default_lr(&self) -> f64 {
        0.001
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Lamb", "beta1", self.beta1)?;
        hyper::fraction("Lamb", "beta2", self.beta2)?;
        hyper::non_negative("Lamb", "eps", self.eps)?;
        hyper::non_negative("Lamb", "eps_root", self.eps_root)
    }
}

impl<F: Float> Rule<F> for Lamb {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let [m, v] = slots.views();
        let (lambda, outside) = match cx.decay {
            WeightDecay::Decoupled(lambda) if self.decay_in_ratio => (lambda, WeightDecay::None),
            decay => (0.0, decay),
        };
        let (beta1, fresh1) = (F::of(self.beta1), F::of(1.0 - self.beta1));
        let (beta2, fresh2) = (F::of(self.beta2), F::of(1.0 - self.beta2));
        let cx = StepCx { decay: outside, ..*cx };
        spread(&cx, Slots::new([&mut *m, &mut *v]), param, grad, move |p, g, [m, v]| {
            (p, [beta1 * m + fresh1 * g, beta2 * v + fresh2 * g * g])
        });

        let (c1, c2) = (math::debias(self.beta1, cx.t), math::debias(self.beta2, cx.t));
        let (m_scale, v_scale) = (F::of(1.0 / c1), F::of(1.0 / c2));
        let (eps, eps_root, lambda) = (eps::<F>(self.eps), F::of(self.eps_root), F::of(lambda));
        let direction = move |p: F, m: F, v: F| {
            m_scale * m / ((v * v_scale + eps_root).sqrt() + eps) + lambda * p
        };
        let squares = kernel::sum_zip(
            [&*param, &*m, &*v],
            #[inline(always)]
            |[p, m, v]| {
                let r = direction(p, m, v).widen();
                r * r
            },
        );
        let ratio = trust(kernel::sum_squares(param).sqrt(), squares.sqrt());
        let lr: F = largest(cx.lr * ratio);
        move_by(param, [&*m, &*v], move |p, [m, v]| p - lr * direction(p, m, v));
    }
}
