use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Error, Float, Result, hyper};

/// Resilient propagation: the sign of the gradient, and a step size of its own for each element.
///
/// # Update
/// ```text
/// Always (PyTorch)
///   sign as before:    s ← s η⁺       sign has changed:  s ← s η⁻, g ← 0
///   s ← min(max(s, s_min), s_max);    θ ← θ − s sign(g)
/// Late (Optax), with g′ the gradient before
///   sign as before:    θ ← θ − s sign(g′),  then s ← min(s η⁺, s_max)
///   sign has changed:  s ← max(s η⁻, s_min),  g ← 0
///   g or g′ is 0:      θ ← θ − s sign(g′)
/// g is kept for the next step; s starts from the learning rate
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eta_minus` | η⁻ | 0.5 | (0, 1) |
/// | `eta_plus` | η⁺ | 1.2 | > 1 |
/// | `step_min` | s_min | 1e-6 | ≥ 0 |
/// | `step_max` | s_max | 50 | ≥ s_min |
/// | `moves` | | `Always` | |
///
/// Memory: `g`, the last gradient; `s`, the step sizes.
///
/// # Notes
/// With a rate of 0 it moves by `step_min` all the same, as PyTorch's does. For full batches: the
/// sign of a mini-batch gradient changes by chance. The learning rate is read at the first step
/// alone; for a row of an embedding, at the first that has a gradient for it. Optax moves a step
/// late: by the gradient before, once the present one has not turned against it.
///
/// # Source
/// Riedmiller, Braun: *A direct adaptive method for faster backpropagation learning: the RPROP
/// algorithm*, ICNN 1993; the form without weight backtracking that forgets the gradient, Rprop−:
/// Igel, Hüsken 2000.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, Rprop};
/// let (mut w, mut dw) = ([0.0f64], [3.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut rprop = Optimizer::builder(Rprop::torch()).bind(&mut params)?;
/// rprop.step(0.1, &mut params)?;
/// rprop.step(0.1, &mut params)?;
/// // 0.1, then 0.12, whatever the gradient.
/// assert!((w[0] + 0.22).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rprop {
    /// Factor after a change of sign, η⁻.
    pub eta_minus: f64,
    /// Factor while the sign stays, η⁺.
    pub eta_plus: f64,
    /// The least step.
    pub step_min: f64,
    /// The largest step.
    pub step_max: f64,
    /// By which gradient an element moves.
    pub moves: RpropMoves,
}

/// By which gradient an element moves in [`Rprop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpropMoves {
    /// By its gradient and the new step: PyTorch.
    Always,
    /// By the gradient before and the old step, unless the present one has another sign: Optax.
    Late,
}

impl Default for Rprop {
    fn default() -> Self {
        let (step_min, step_max) = (1e-6, 50.0);
        Self { eta_minus: 0.5, eta_plus: 1.2, step_min, step_max, moves: RpropMoves::Always }
    }
}

impl Rprop {
    /// `torch.optim.Rprop`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// `optax.rprop`.
    pub fn optax() -> Self {
        Self { moves: RpropMoves::Late, ..Self::default() }
    }
}

impl Describe for Rprop {
    fn name(&self) -> &'static str {
        "Rprop"
    }
    fn slots(&self) -> &'static [Slot] {
        const {
            &[
                Slot::new("g").torch("prev").exact(),
                Slot::new("s").torch("step_size").non_negative().exact(),
            ]
        }
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        let Self { eta_minus, eta_plus, step_min, step_max, .. } = *self;
        let shrinks = eta_minus > 0.0 && eta_minus < 1.0;
        hyper::require("Rprop", "eta_minus", eta_minus, shrinks, "in (0, 1)")?;
        let grows = eta_plus > 1.0 && eta_plus.is_finite();
        hyper::require("Rprop", "eta_plus", eta_plus, grows, "finite and above 1")?;
        hyper::non_negative("Rprop", "step_min", step_min)?;
        hyper::non_negative("Rprop", "step_max", step_max)?;
        if step_min > step_max {
            let message = format!("step_min is {step_min}, above step_max, {step_max}");
            return Err(Error::invalid("Rprop", message));
        }
        Ok(())
    }
}

impl<F: Float> Rule<F> for Rprop {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (minus, plus) = (F::of(self.eta_minus), F::of(self.eta_plus));
        let (least, most) = (F::of(self.step_min), F::of(self.step_max));
        let clamped = move |s: F| {
            let s = if s > most { most } else { s };
            if s < least { least } else { s }
        };
        let (start, zero) = (F::of(cx.lr), F::zero());
        let signs = move |g: F, last: F| {
            let same = (g > zero && last > zero) || (g < zero && last < zero);
            let turned = (g > zero && last < zero) || (g < zero && last > zero);
            (same, turned)
        };
        let toward = move |g: F, s: F| if g > zero { s } else { -s };
        match self.moves {
            RpropMoves::Always => each(cx, slots, param, grad, move |p, g, [last, s]| {
                let (same, turned) = signs(g, last);
                let s = if s == zero { start } else { s };
                let factor = if turned { minus } else { F::one() };
                let s = clamped(s * if same { plus } else { factor });
                let g = if turned { zero } else { g };
                (if g == zero { p } else { p - toward(g, s) }, [g, s])
            }),
            RpropMoves::Late => each(cx, slots, param, grad, move |p, g, [last, s]| {
                let (same, turned) = signs(g, last);
                let s = if s == zero { start } else { s };
                let p = if turned || last == zero { p } else { p - toward(last, s) };
                let factor = if turned { minus } else { plus };
                let s = if same || turned { clamped(s * factor) } else { s };
                (p, [if turned { zero } else { g }, s])
            }),
        }
    }
}
