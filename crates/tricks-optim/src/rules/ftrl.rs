use crate::each::each;
use crate::rule::{Describe, Rule, StepCx, WeightDecay};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Follow the regularized leader, by coordinates: exact zeros for sparse linear models.
///
/// # Update
/// ```text
/// n′ = n + g²,   σ = (n′⁻ᵖ − n⁻ᵖ) / η                              p: lr_power, −½ by default
/// z ← z + g + 2 s θ − σ θ
/// θ ← (min(max(z, −l₁), l₁) − z) / (n′⁻ᵖ/η + 2 (l₂ + β/(2η)))      so 0 where |z| ≤ l₁
/// n ← n′                                                           n₀ = initial_accumulator
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `lr_power` | p | −0.5 | ≤ 0 |
/// | `initial_accumulator` | n₀ | 0.1 | ≥ 0 |
/// | `l1` | l₁ | 0 | ≥ 0 |
/// | `l2` | l₂ | 0 | ≥ 0 |
/// | `l2_shrinkage` | s | 0 | ≥ 0 |
/// | `beta` | β | 0 | ≥ 0 |
///
/// Memory: `n`, `z`.
///
/// # Notes
/// Keras' form. The parameter is a function of `n` and `z` alone: what it was bound with is
/// forgotten in the first step, but for σθ. η must be above 0: a step of rate 0 leaves everything
/// as it is. For p other than −½ every element costs two powers.
///
/// # Source
/// McMahan, Holt, Sculley and others: *Ad click prediction: a view from the trenches*, KDD 2013,
/// algorithm 1.
///
/// # Example
/// ```
/// use tricks_optim::{Ftrl, Optimizer};
/// let (mut w, mut dw) = ([0.0f64, 0.0], [0.5, -3.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let ftrl = Ftrl { l1: 1.0, initial_accumulator: 0.0, ..Ftrl::default() };
/// Optimizer::builder(ftrl).bind(&mut params)?.step(0.1, &mut params)?;
/// // |z| is 0.5, below l₁; and 3, two above it, over 3/η.
/// assert_eq!(w[0], 0.0);
/// assert!((w[1] - 2.0 / 30.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ftrl {
    /// Power of the accumulator in the rate, p.
    pub lr_power: f64,
    /// What `n` starts from.
    pub initial_accumulator: f64,
    /// Threshold of the exact zeros, l₁.
    pub l1: f64,
    /// Pull towards 0, l₂.
    pub l2: f64,
    /// Pull towards 0 that is part of the gradient, s.
    pub l2_shrinkage: f64,
    /// Slows the first steps, β.
    pub beta: f64,
}

impl Default for Ftrl {
    fn default() -> Self {
        let (l1, l2, l2_shrinkage, beta) = (0.0, 0.0, 0.0, 0.0);
        Self { lr_power: -0.5, initial_accumulator: 0.1, l1, l2, l2_shrinkage, beta }
    }
}

impl Ftrl {
    /// `keras.optimizers.Ftrl`.
    pub fn keras() -> Self {
        Self::default()
    }
}

impl Describe for Ftrl {
    fn name(&self) -> &'static str {
        "Ftrl"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("n").non_negative().exact(), Slot::new("z").exact()] }
    }
    fn initial(&self, slot: usize) -> f64 {
        if slot == 0 { self.initial_accumulator } else { 0.0 }
    }
    fn default_lr(&self) -> f64 {
        0.001
    }
    fn validate(&self) -> Result<()> {
        let (power, range) = (self.lr_power, "finite and at most 0");
        hyper::require("Ftrl", "lr_power", power, power <= 0.0 && power.is_finite(), range)?;
        hyper::non_negative("Ftrl", "initial_accumulator", self.initial_accumulator)?;
        hyper::non_negative("Ftrl", "l1", self.l1)?;
        hyper::non_negative("Ftrl", "l2", self.l2)?;
        hyper::non_negative("Ftrl", "l2_shrinkage", self.l2_shrinkage)?;
        hyper::non_negative("Ftrl", "beta", self.beta)
    }
}

impl<F: Float> Rule<F> for Ftrl {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        if !F::of(1.0 / cx.lr).is_finite() {
            // A rate of 0, or next to it, moves nothing.
            let cx = StepCx { decay: WeightDecay::None, ..*cx };
            return each(&cx, slots, param, grad, |p, _, memory: [F; 2]| (p, memory));
        }
        let (per_lr, shrink) = (F::of(1.0 / cx.lr), F::of(2.0 * self.l2_shrinkage));
        let (l1, l2) = (F::of(self.l1), F::of(2.0 * self.l2 + self.beta / cx.lr));
        let update = move |p: F, g: F, n: F, z: F, root: F, old_root: F| {
            let z = z + g + shrink * p - (root - old_root) * per_lr * p;
            let clipped = if z > l1 { l1 } else { z };
            let clipped = if clipped < -l1 { -l1 } else { clipped };
            let quadratic = root * per_lr + l2;
            // Before any gradient there is nothing to divide by.
            let p = if quadratic > F::zero() { (clipped - z) / quadratic } else { p };
            (p, [n, z])
        };
        if self.lr_power == -0.5 {
            return each(cx, slots, param, grad, move |p, g, [n, z]| {
                let new = n + g * g;
                update(p, g, new, z, new.sqrt(), n.sqrt())
            });
        }
        let power = -self.lr_power;
        each(cx, slots, param, grad, move |p, g, [n, z]| {
            let new = n + g * g;
            let root = |n: F| F::of(math::pow(n.widen(), power));
            update(p, g, new, z, root(new), root(n))
        });
    }
}
