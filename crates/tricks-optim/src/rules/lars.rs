use crate::each::spread;
use crate::rule::{Describe, Rule, Scope, StepCx};
use crate::rules::{largest, trust};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, kernel};

/// LARS: momentum, with a learning rate for each parameter by the sizes of it and of its gradient.
///
/// # Update
/// ```text
/// g ← g + λθ                                   λ: the optimizer's L2 weight decay
/// u = η c ‖θ‖/(‖g‖ + ε) · g                    1 in place of c ‖θ‖/(‖g‖ + ε) where a norm is 0
/// v ← μ v + u
/// θ ← θ − v,   with `nesterov`  θ ← θ − (u + μ v)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `momentum` | μ | 0.9 | [0, 1) |
/// | `nesterov` | | false | |
/// | `trust_coefficient` | c | 0.001 | > 0 |
/// | `eps` | ε | 0 | ≥ 0 |
///
/// Memory: `v`. Scope: the parameter.
///
/// # Notes
/// Optax' form. The paper divides by ‖g‖ + λ‖θ‖ in place of ‖g + λθ‖. Biases and normalization
/// parameters are usually left to plain momentum: give them a [`Group`](crate::Group) with
/// [`Momentum::chapter`](crate::Momentum::chapter), whose velocity holds η as this one does.
///
/// # Source
/// You, Gitman, Ginsburg: *Large batch training of convolutional networks*, 2017, algorithm 1.
///
/// # Example
/// ```
/// use tricks_optim::{Lars, Optimizer};
/// let (mut w, mut dw) = ([3.0f64, 4.0], [6.0, 8.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut lars = Optimizer::builder(Lars::optax()).bind(&mut params)?;
/// lars.step(1.0, &mut params)?;
/// // A thousandth of the parameter's norm, whatever the gradient's.
/// assert!((w[0] - 3.0 * 0.999).abs() < 1e-12 && (w[1] - 4.0 * 0.999).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lars {
    /// Share of the velocity that is kept, μ.
    pub momentum: f64,
    /// Whether the step looks ahead.
    pub nesterov: bool,
    /// How much of the parameter's norm a step of rate 1 is, c.
    pub trust_coefficient: f64,
    /// Added to the gradient's norm, ε.
    pub eps: f64,
}

impl Default for Lars {
    fn default() -> Self {
        Self { momentum: 0.9, nesterov: false, trust_coefficient: 0.001, eps: 0.0 }
    }
}

impl Lars {
    /// `optax.lars`.
    pub fn optax() -> Self {
        Self::default()
    }
}

impl Describe for Lars {
    fn name(&self) -> &'static str {
        "Lars"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("v")] }
    }
    fn scope(&self) -> Scope {
        Scope::Tensor
    }
    fn default_lr(&self) -> f64 {
        1.0
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Lars", "momentum", self.momentum)?;
        hyper::positive("Lars", "trust_coefficient", self.trust_coefficient)?;
        hyper::non_negative("Lars", "eps", self.eps)
    }
}

impl<F: Float> Rule<F> for Lars {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let (l2, _) = cx.decay.split(cx.lr);
        let scale = cx.grad_scale;
        let squares = kernel::sum_zip(
            [grad, &*param],
            #[inline(always)]
            |[g, p]| {
                let g = scale * g.widen() + l2 * p.widen();
                g * g
            },
        );
        let (weight, gradient) = (kernel::sum_squares(param).sqrt(), squares.sqrt());
        let ratio = if weight > 0.0 && gradient > 0.0 {
            trust(self.trust_coefficient * weight, gradient + self.eps)
        } else {
            1.0
        };
        let lr: F = largest(cx.lr * ratio);
        let (mu, nesterov) = (F::of(self.momentum), self.nesterov);
        spread(cx, slots, param, grad, move |p, g, [v]| {
            let u = lr * g;
            let v = mu * v + u;
            (p - if nesterov { u + mu * v } else { v }, [v])
        });
    }
}
