use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::rules::EpsPlace;
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Error, Float, Result, hyper, math};

/// RMSProp: AdaGrad with a memory that fades.
///
/// # Update
/// ```text
/// h ← ρ h + (1 − ρ) g²                            h₀ = initial_scale
/// centered:   a ← ρ a + (1 − ρ) g,   s = max(h − a², 0);   else s = h
/// corrected:  h and a are divided by 1 − ρᵗ where they are used
/// d = √s + ε   or   √(s + ε)
/// θ ← θ − η g / d
/// momentum μ > 0:
///   Buffer   (PyTorch)       b ← μ b + g/d;      θ ← θ − η b
///   Velocity (Keras, Optax)  v ← μ v − η g/d;    θ ← θ + v      Nesterov: θ ← θ + μ v − η g/d
/// ```
///
/// | field | symbol | default | chapter | Keras | Optax | range |
/// |---|---|---|---|---|---|---|
/// | `rho` | ρ | 0.99 | 0.9 | 0.9 | 0.9 | [0, 1) |
/// | `eps` | ε | 1e-8 | 1e-7 | 1e-7 | 1e-8 | ≥ 0 |
/// | `eps_place` | | outside | outside | inside | inside | |
/// | `centered` | | false | | | | |
/// | `momentum` | μ | 0 | | | | [0, 1) |
/// | `momentum_form` | | `Buffer` | | `Velocity` | `Velocity` | |
/// | `initial_scale` | h₀ | 0 | | | | ≥ 0 |
/// | `bias_correction` | | false | | | | |
///
/// Memory: `h`; `a` if centered; `b` or `v` with momentum.
///
/// # Notes
/// Where ε stands decides how small gradients move: inside the root, 1e-8 acts like 1e-4 outside.
/// PyTorch does not clamp `h − a²`, which rounding can push below 0: there it gives NaN.
/// Keras' default η is 0.001, the others' 0.01. The defaults are PyTorch's.
///
/// # Source
/// Tieleman, Hinton: *Lecture 6.5: RMSProp*, 2012; centered: Graves: *Generating sequences with
/// recurrent neural networks*, 2013, equations 38–45.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, RmsProp};
/// let (mut w, mut dw) = ([0.0], [2.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut rmsprop = Optimizer::builder(RmsProp::chapter()).bind(&mut params)?;
/// rmsprop.step(0.01, &mut params)?;
/// // h = 0.1·4
/// assert!((w[0] + 0.01 * 2.0 / 0.4f64.sqrt()).abs() < 1e-8);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Decay of the average of squares, ρ.
    pub rho: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// Where ε stands.
    pub eps_place: EpsPlace,
    /// Whether the average gradient is taken off: the variance instead of the second moment.
    pub centered: bool,
    /// Share of the velocity that is kept, μ; 0 for none.
    pub momentum: f64,
    /// Whether η is inside the velocity.
    pub momentum_form: RmsMomentum,
    /// What `h` starts from.
    pub initial_scale: f64,
    /// Whether averages are divided by 1 − ρᵗ.
    pub bias_correction: bool,
}

/// Where the learning rate stands in the momentum of [`RmsProp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RmsMomentum {
    /// Outside: PyTorch.
    Buffer,
    /// Inside: Keras, Optax.
    Velocity,
    /// Inside, looking ahead along the velocity: Optax with `nesterov`.
    Nesterov,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            rho: 0.99,
            eps: 1e-8,
            eps_place: EpsPlace::Outside,
            centered: false,
            momentum: 0.0,
            momentum_form: RmsMomentum::Buffer,
            initial_scale: 0.0,
            bias_correction: false,
        }
    }
}

impl RmsProp {
    /// ρ 0.9, ε 1e-7 outside the root.
    pub fn chapter() -> Self {
        Self { rho: 0.9, eps: 1e-7, ..Self::default() }
    }

    /// ρ 0.99, ε 1e-8 outside the root; `torch.optim.RMSprop`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// ρ 0.9, ε 1e-7 inside the root, η inside the velocity; `keras.optimizers.RMSprop`.
    pub fn keras() -> Self {
        let (eps_place, momentum_form) = (EpsPlace::Inside, RmsMomentum::Velocity);
        Self { rho: 0.9, eps: 1e-7, eps_place, momentum_form, ..Self::default() }
    }

    /// ρ 0.9, ε 1e-8 inside the root, η inside the velocity; `optax.rmsprop`.
    pub fn optax() -> Self {
        Self { eps: 1e-8, ..Self::keras() }
    }

    fn uses_velocity(&self) -> bool {
        self.momentum_form != RmsMomentum::Buffer
    }
}

const H: Slot = Slot::new("h").torch("square_avg").non_negative();
/// Centered, `h − a²` cancels: rounded apart it would be 0, and the step divided by ε alone.
const EXACT_H: Slot = H.exact();
const EXACT_A: Slot = Slot::new("a").torch("grad_avg").exact();
const B: Slot = Slot::new("b").torch("momentum_buffer");
const V: Slot = Slot::new("v");

impl Describe for RmsProp {
    fn name(&self) -> &'static str {
        "RmsProp"
    }
    fn slots(&self) -> &'static [Slot] {
        match (self.centered, self.momentum > 0.0, self.uses_velocity()) {
            (false, false, _) => const { &[H] },
            (true, false, _) => const { &[EXACT_H, EXACT_A] },
            (false, true, false) => const { &[H, B] },
            (false, true, true) => const { &[H, V] },
            (true, true, false) => const { &[EXACT_H, EXACT_A, B] },
            (true, true, true) => const { &[EXACT_H, EXACT_A, V] },
        }
    }
    fn initial(&self, slot: usize) -> f64 {
        if slot == 0 { self.initial_scale } else { 0.0 }
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("RmsProp", "rho", self.rho)?;
        hyper::non_negative("RmsProp", "eps", self.eps)?;
        hyper::fraction("RmsProp", "momentum", self.momentum)?;
        hyper::non_negative("RmsProp", "initial_scale", self.initial_scale)?;
        if self.momentum_form == RmsMomentum::Nesterov && self.momentum == 0.0 {
            return Err(Error::invalid("RmsProp", "nesterov needs momentum above 0"));
        }
        Ok(())
    }
}

impl<F: Float> Rule<F> for RmsProp {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (rho, fresh) = (F::of(self.rho), F::of(1.0 - self.rho));
        let average = move |old: F, new: F| rho * old + fresh * new;
        let debias = if self.bias_correction { 1.0 / math::debias(self.rho, cx.t) } else { 1.0 };
        let debias = F::of(debias);
        let (inside, outside) = self.eps_place.split::<F>(self.eps);
        let root = move |s: F| (s + inside).sqrt() + outside;
        let variance = move |h: F, a: F| {
            let (h, a) = (debias * h, debias * a);
            let s = h - a * a;
            if s < F::zero() { F::zero() } else { s }
        };
        let lr = F::of(cx.lr);
        let mu = F::of(self.momentum);
        // All three forms are `b ← μ b + i·x; θ ← θ + o·b + n·x`, with x = g/d.
        let (i, o, n) = match self.momentum_form {
            RmsMomentum::Buffer => (F::one(), -lr, F::zero()),
            RmsMomentum::Velocity => (-lr, F::one(), F::zero()),
            RmsMomentum::Nesterov => (-lr, mu, -lr),
        };
        let moved = move |p: F, x: F, b: F| {
            let b = mu * b + i * x;
            (p + o * b + n * x, b)
        };
        match (self.centered, self.momentum > 0.0) {
            (false, false) => each(cx, slots, param, grad, move |p, g, [h]| {
                let h = average(h, g * g);
                (p - lr * g / root(debias * h), [h])
            }),
            (true, false) => each(cx, slots, param, grad, move |p, g, [h, a]| {
                let (h, a) = (average(h, g * g), average(a, g));
                (p - lr * g / root(variance(h, a)), [h, a])
            }),
            (false, true) => each(cx, slots, param, grad, move |p, g, [h, b]| {
                let h = average(h, g * g);
                let (p, b) = moved(p, g / root(debias * h), b);
                (p, [h, b])
            }),
            (true, true) => each(cx, slots, param, grad, move |p, g, [h, a, b]| {
                let (h, a) = (average(h, g * g), average(a, g));
                let (p, b) = moved(p, g / root(variance(h, a)), b);
                (p, [h, a, b])
            }),
        }
    }
}
