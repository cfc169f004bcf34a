use crate::each::each;
use crate::rule::{Describe, Rule, StepCx};
use crate::rules::EpsPlace;
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper};

/// AdaGrad: each element's step shrinks with the squares of the gradients it has seen.
///
/// # Update
/// ```text
/// h ← h + g²                                  h₀ = initial_accumulator
/// η_t = η / (1 + (t − 1)·lr_decay)
/// θ ← θ − η_t g / (√h + ε)     or  / √(h + ε)
/// ```
///
/// | field | symbol | default | chapter | Keras, Optax | range |
/// |---|---|---|---|---|---|
/// | `eps` | ε | 1e-10 | 1e-7 | 1e-7 | ≥ 0 |
/// | `eps_place` | | outside | outside | inside | |
/// | `initial_accumulator` | h₀ | 0 | 0 | 0.1 | ≥ 0 |
/// | `lr_decay` | | 0 | 0 | 0 | ≥ 0 |
///
/// Memory: `h`.
///
/// # Notes
/// The effective step only shrinks: made for sparse gradients, where rare features keep large
/// steps. Rows of a table of embeddings: [`Grad::Rows`](tricks_tensor::Grad::Rows). The defaults
/// are PyTorch's.
///
/// # Source
/// Duchi, Hazan, Singer: *Adaptive subgradient methods for online learning and stochastic
/// optimization*, JMLR 12, 2011.
///
/// # Example
/// ```
/// use tricks_optim::{AdaGrad, Optimizer};
/// let (mut w, mut dw) = ([0.0], [2.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut adagrad = Optimizer::builder(AdaGrad::chapter()).bind(&mut params)?;
/// adagrad.step(0.1, &mut params)?;
/// adagrad.step(0.1, &mut params)?;
/// // 2/√4, then 2/√8.
/// assert!((w[0] + 0.1 * (1.0 + 0.5f64.sqrt())).abs() < 1e-7);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaGrad {
    /// Keeps the first steps finite, ε.
    pub eps: f64,
    /// Where ε stands.
    pub eps_place: EpsPlace,
    /// What `h` starts from.
    pub initial_accumulator: f64,
    /// Decay of the learning rate with the count of updates.
    pub lr_decay: f64,
}

impl Default for AdaGrad {
    fn default() -> Self {
        let eps_place = EpsPlace::Outside;
        Self { eps: 1e-10, eps_place, initial_accumulator: 0.0, lr_decay: 0.0 }
    }
}

impl AdaGrad {
    /// ε 1e-7 outside the root.
    pub fn chapter() -> Self {
        Self { eps: 1e-7, ..Self::default() }
    }

    /// ε 1e-10 outside the root; `torch.optim.Adagrad`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// ε 1e-7 inside the root, h₀ 0.1; `keras.optimizers.Adagrad`.
    pub fn keras() -> Self {
        let (eps_place, initial_accumulator) = (EpsPlace::Inside, 0.1);
        Self { eps: 1e-7, eps_place, initial_accumulator, lr_decay: 0.0 }
    }

    /// ε 1e-7 inside the root, h₀ 0.1; `optax.adagrad`.
    pub fn optax() -> Self {
        Self::keras()
    }
}

impl Describe for AdaGrad {
    fn name(&self) -> &'static str {
        "AdaGrad"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("h").torch("sum").non_negative()] }
    }
    fn initial(&self, _: usize) -> f64 {
        self.initial_accumulator
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn validate(&self) -> Result<()> {
        hyper::non_negative("AdaGrad", "eps", self.eps)?;
        hyper::non_negative("AdaGrad", "initial_accumulator", self.initial_accumulator)?;
        hyper::non_negative("AdaGrad", "lr_decay", self.lr_decay)
    }
}

impl<F: Float> Rule<F> for AdaGrad {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let lr = F::of(cx.lr / (1.0 + cx.t.saturating_sub(1) as f64 * self.lr_decay));
        let (inside, outside) = self.eps_place.split::<F>(self.eps);
        each(cx, slots, param, grad, move |p, g, [h]| {
            let h = h + g * g;
            (p - lr * g / ((h + inside).sqrt() + outside), [h])
        });
    }
}
