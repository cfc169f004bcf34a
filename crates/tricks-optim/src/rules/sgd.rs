use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result};

/// Stochastic gradient descent.
///
/// # Update
/// ```text
/// θ ← θ − η g
/// ```
///
/// No hyper-parameters but η (0.01 by default) and no memory.
///
/// # Notes
/// The same everywhere. Momentum is a rule of its own: [`Momentum`](crate::Momentum).
///
/// # Source
/// Robbins, Monro: *A stochastic approximation method*, Annals of Mathematical Statistics 22, 1951.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, Sgd};
/// let (mut w, mut dw) = ([1.0], [0.5]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// Optimizer::builder(Sgd).bind(&mut params)?.step(0.1, &mut params)?;
/// assert_eq!(w, [0.95]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sgd;

impl Describe for Sgd {
    fn name(&self) -> &'static str {
        "Sgd"
    }
    fn slots(&self) -> &'static [Slot] {
        &[]
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

impl<F: Float> Rule<F> for Sgd {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let lr = F::of(cx.lr);
        each(cx, slots, param, grad, move |p, g, []| (p - lr * g, []));
    }
}
