use crate::each::{each, move_by};
use crate::rule::{self, Describe, Rule, StepCx, WeightDecay};
use crate::slot::{Scalar, Slot};
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Schedule-free SGD and AdamW: an average of the iterates in the place of a schedule.
///
/// # Update
/// ```text
/// Sgd    d = g + λy
/// AdamW  v ← β₂ v + (1 − β₂) g²,   d = g / (√(v/(1 − β₂ᵗ)) + ε) + λy
/// w = tʳ η_maxᵖ,   c = w / Σw                     η_max: the largest η so far
/// x ← (1 − c) x + c (z − η d)
/// z ← z − η d
/// y ← β x + (1 − β) z                             y: the parameters; gradients are taken there
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `beta` | β | 0.9 | (0, 1) |
/// | `weight_lr_power` | p | 2 | ≥ 0 |
/// | `r` | r | 0 | ≥ 0 |
/// | `decay_in_direction` | | true | |
/// | `base` | | `AdamW { beta2: 0.999, eps: 1e-8 }` | β₂ in [0, 1), ε ≥ 0 |
///
/// λ is the optimizer's decoupled weight decay. Memory: `z`; `v` with AdamW; the numbers `lr_max`
/// and `weight_sum`. x is not kept: it follows from y and z.
///
/// # Notes
/// **The point to evaluate is x**, not the parameters:
/// [`Optimizer::evaluate`](crate::Optimizer::evaluate) puts it in their place and takes it out
/// again. Batch-normalization statistics belong to x too. Keras weighs all steps alike (p = 0) and
/// decays y before the step, outside of d: `decay_in_direction` false. β is fixed for a run: x is
/// defined by it. A constant η is meant, larger than usual, after a warm-up: a schedule that rises,
/// in the caller's hands, as the authors and Keras have it. Optax' warm-up lets the weights w run
/// one step ahead of η.
///
/// # Source
/// Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky: *The road less scheduled*, NeurIPS 2024,
/// algorithm 1 and section 4.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, ScheduleFree};
/// // f(w) = w²/2, without noise.
/// let (mut w, mut dw) = ([1.0f64], [0.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(ScheduleFree::sgd()).bind(&mut params)?;
/// for _ in 0..2 {
///     params[0].2[0] = params[0].1[0];
///     sgd.step(0.5, &mut params)?;
/// }
/// // z: 1, 0.5, 0.25; x: the mean of the last two; y: 0.9 x + 0.1 z.
/// let x = sgd.evaluate(&mut params, |params| params[0].1[0])?;
/// assert!((x - 0.375).abs() < 1e-12 && (w[0] - (0.9 * 0.375 + 0.1 * 0.25)).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduleFree {
    /// How near the parameters are to the average, β: what momentum is elsewhere.
    pub beta: f64,
    /// How much a larger rate counts in the average, p.
    pub weight_lr_power: f64,
    /// How much a later step counts in the average, r.
    pub r: f64,
    /// Whether decoupled weight decay is part of d, and so moves z.
    pub decay_in_direction: bool,
    /// What moves z.
    pub base: ScheduleFreeBase,
}

/// What moves the point z of [`ScheduleFree`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScheduleFreeBase {
    /// The gradient.
    Sgd,
    /// The gradient over the root of its average square.
    AdamW {
        /// Decay of the average squared gradient, β₂.
        beta2: f64,
        /// Keeps the division finite, ε.
        eps: f64,
    },
}

impl Default for ScheduleFree {
    fn default() -> Self {
        let base = ScheduleFreeBase::AdamW { beta2: 0.999, eps: 1e-8 };
        Self { beta: 0.9, weight_lr_power: 2.0, r: 0.0, decay_in_direction: true, base }
    }
}

impl ScheduleFree {
    /// The authors' `AdamWScheduleFree`; `optax.contrib.schedule_free_adamw`.
    pub fn adamw() -> Self {
        Self::default()
    }

    /// `keras.optimizers.ScheduleFreeAdamW`.
    pub fn keras() -> Self {
        Self { weight_lr_power: 0.0, decay_in_direction: false, ..Self::default() }
    }

    /// The authors' `SGDScheduleFree`; `optax.contrib.schedule_free_sgd`.
    pub fn sgd() -> Self {
        Self { base: ScheduleFreeBase::Sgd, ..Self::default() }
    }
}

const Z: Slot = Slot::new("z").from_param();
const LR_MAX: usize = 0;
const WEIGHT_SUM: usize = 1;

impl Describe for ScheduleFree {
    fn name(&self) -> &'static str {
        "ScheduleFree"
    }
    fn slots(&self) -> &'static [Slot] {
        match self.base {
            ScheduleFreeBase::Sgd => const { &[Z] },
            ScheduleFreeBase::AdamW { .. } => const { &[Z, Slot::new("v").non_negative()] },
        }
    }
    fn scalars(&self) -> &'static [Scalar] {
        const { &[Scalar::new("lr_max", 0.0), Scalar::new("weight_sum", 0.0)] }
    }
    fn advance(&self, cx: &StepCx<'_>, _sums: &[f64], scalars: &mut [f64]) {
        scalars[LR_MAX] = scalars[LR_MAX].max(cx.lr);
        scalars[WEIGHT_SUM] += self.weight(cx.t, scalars[LR_MAX]);
    }
    fn default_lr(&self) -> f64 {
        match self.base {
            ScheduleFreeBase::Sgd => 1.0,
            ScheduleFreeBase::AdamW { .. } => 0.0025,
        }
    }
    fn squares(&self) -> bool {
        matches!(self.base, ScheduleFreeBase::AdamW { .. })
    }
    fn validate(&self) -> Result<()> {
        let inside = self.beta > 0.0 && self.beta < 1.0;
        hyper::require("ScheduleFree", "beta", self.beta, inside, "in (0, 1)")?;
        hyper::non_negative("ScheduleFree", "weight_lr_power", self.weight_lr_power)?;
        hyper::non_negative("ScheduleFree", "r", self.r)?;
        match self.base {
            ScheduleFreeBase::Sgd => Ok(()),
            ScheduleFreeBase::AdamW { beta2, eps } => {
                hyper::fraction("ScheduleFree", "beta2", beta2)?;
                hyper::non_negative("ScheduleFree", "eps", eps)
            }
        }
    }
}

impl ScheduleFree {
    /// What step `t` counts in the average, w.
    fn weight(&self, t: u64, lr_max: f64) -> f64 {
        math::pow(t as f64, self.r) * math::pow(lr_max, self.weight_lr_power)
    }
}

impl<F: Float> Rule<F> for ScheduleFree {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (lr_max, sum) = (cx.scalars[LR_MAX], cx.scalars[WEIGHT_SUM]);
        // As long as every η was 0, nothing has moved.
        let c = if sum > 0.0 && sum.is_finite() { self.weight(cx.t, lr_max) / sum } else { 0.0 };
        // With x taken out of the formulas above.
        let toward = F::of(cx.lr * (1.0 - self.beta * (1.0 - c)));
        let (c, lr) = (F::of(c), F::of(cx.lr));
        let (lambda, decay) = match cx.decay {
            WeightDecay::Decoupled(lambda) if self.decay_in_direction => {
                (F::of(lambda), WeightDecay::None)
            }
            other => (F::zero(), other),
        };
        let cx = &StepCx { decay, ..*cx };
        match self.base {
            ScheduleFreeBase::Sgd => each(cx, slots, param, grad, move |y, g, [z]| {
                let d = g + lambda * y;
                (y + c * (z - y) - toward * d, [z - lr * d])
            }),
            ScheduleFreeBase::AdamW { beta2, eps } => {
                let v_scale = F::of(1.0 / math::debias(beta2, cx.t));
                let (beta2, fresh) = (F::of(beta2), F::of(1.0 - beta2));
                let eps = rule::eps::<F>(eps);
                each(cx, slots, param, grad, move |y, g, [z, v]| {
                    let v = beta2 * v + fresh * g * g;
                    let d = g / ((v * v_scale).sqrt() + eps) + lambda * y;
                    (y + c * (z - y) - toward * d, [z - lr * d, v])
                })
            }
        }
    }

    fn evaluation(&self, slots: Slots<'_, F>, param: &mut [F]) {
        let [z] = slots.views();
        let back = F::of(1.0 - 1.0 / self.beta);
        move_by(param, [&*z], move |y, [z]| y + back * (z - y));
    }
}
