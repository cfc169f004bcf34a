use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::slot::{Scalar, Slot};
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, math};

/// Averaged SGD: the mean of the last points.
///
/// # Update
/// ```text
/// η_t = η / (1 + λ η (t − 1))^α,   μ_t = 1 / max(1, t − 1 − t₀)     η₁ = η, μ₁ = 1
/// θ ← (1 − λ η_t) θ − η_t g
/// a ← a + μ_t (θ − a)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 1e-4 | ≥ 0 |
/// | `alpha` | α | 0.75 | ≥ 0 |
/// | `t0` | t₀ | 1e6 | ≥ 0 |
///
/// Memory: `a`, the average; the numbers `eta` and `mu` of the next step, and of this one.
///
/// # Notes
/// PyTorch's: the rate of a step follows from η as it was a step before. Evaluate with
/// [`Optimizer::evaluate`](crate::Optimizer::evaluate), which takes `a`. λ is part of the schedule
/// of η as well as a decay; the weight decay of the driver comes beside it, as L2 in PyTorch.
///
/// # Source
/// Polyak, Juditsky: *Acceleration of stochastic approximation by averaging*, SIAM Journal on
/// Control and Optimization 30, 1992; the schedule: Bottou's `asgd`.
///
/// # Example
/// ```
/// use tricks_optim::{Asgd, Optimizer};
/// let (mut w, mut dw) = ([1.0f64], [1.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let asgd = Asgd { lambda: 0.0, t0: 0.0, ..Asgd::default() };
/// let mut asgd = Optimizer::builder(asgd).bind(&mut params)?;
/// for _ in 0..4 {
///     asgd.step(0.1, &mut params)?;
/// }
/// // θ went 0.9, 0.8, 0.7, 0.6; the mean begins anew with the second.
/// let mean = asgd.evaluate(&mut params, |params| params[0].1[0])?;
/// assert!((mean - 0.7).abs() < 1e-12 && (w[0] - 0.6).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asgd {
    /// Decay of the parameter and of the rate, λ.
    pub lambda: f64,
    /// Power of the rate's decay, α.
    pub alpha: f64,
    /// The step at which averaging begins, t₀.
    pub t0: f64,
}

impl Default for Asgd {
    fn default() -> Self {
        Self { lambda: 1e-4, alpha: 0.75, t0: 1e6 }
    }
}

impl Asgd {
    /// `torch.optim.ASGD`.
    pub fn torch() -> Self {
        Self::default()
    }
}

impl Describe for Asgd {
    fn name(&self) -> &'static str {
        "Asgd"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("a").torch("ax").from_param()] }
    }
    fn scalars(&self) -> &'static [Scalar] {
        const {
            &[
                Scalar::new("eta", 0.0).torch("eta"),
                Scalar::new("mu", 1.0).torch("mu"),
                Scalar::new("eta_now", 0.0),
                Scalar::new("mu_now", 1.0),
            ]
        }
    }
    fn advance(&self, cx: &StepCx<'_>, _: &[f64], scalars: &mut [f64]) {
        let [eta, mu, eta_now, mu_now] = scalars else { return };
        let (lr, t) = (cx.lr, cx.t as f64);
        *eta_now = if cx.t == 1 { lr } else { *eta };
        *mu_now = *mu;
        *eta = lr / math::pow(1.0 + self.lambda * lr * t, self.alpha);
        *mu = 1.0 / (t - self.t0).max(1.0);
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn squares(&self) -> bool {
        false
    }
    fn validate(&self) -> Result<()> {
        hyper::non_negative("Asgd", "lambda", self.lambda)?;
        hyper::non_negative("Asgd", "alpha", self.alpha)?;
        hyper::non_negative("Asgd", "t0", self.t0)
    }
}

impl<F: Float> Rule<F> for Asgd {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let [_, _, eta, mu] = *cx.scalars else { return };
        let keep = F::of(1.0 - self.lambda * eta);
        let (eta, mu) = (F::of(eta), F::of(mu));
        each(cx, slots, param, grad, move |p, g, [a]| {
            let p = keep * p - eta * g;
            // At the start this is the parameter itself, to the last bit.
            (p, [if mu == F::one() { p } else { a + mu * (p - a) }])
        });
    }

    fn evaluation(&self, slots: Slots<'_, F>, param: &mut [F]) {
        let [a] = slots.views();
        param.copy_from_slice(a);
    }
}
