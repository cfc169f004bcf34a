use crate::shadow::Shadow;
use crate::transform::refuse_rows;
use tricks_tensor::{Error, Float, Parameters, Result, hyper, kernel};

/// Sharpness-aware minimization: the gradient is taken where the loss nearby is worst.
///
/// # Update
/// ```text
/// SAM    e = ρ g / (‖g‖ + ε)                      ‖·‖ over all parameters
/// ASAM   e = ρ T² g / (‖T g‖ + ε),  T = |θ| + η
/// g ← ∇L(θ + e), and the step is taken from θ
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `rho` | ρ | 0.05; 0.5 with `adaptive` | ≥ 0 |
/// | `adaptive` | | false | |
/// | `eta` | η | 0.01 | ≥ 0 |
/// | `eps` | ε | 1e-12 | ≥ 0 |
///
/// Memory: a copy of the parameters between the two gradients; nothing survives a step, so there is
/// nothing to save.
///
/// # Notes
/// For losses that are minimized: to maximize, negate the loss. Twice the work of a step. Biases
/// and scales are moved too. Optax' `sam` has no ε.
///
/// # Source
/// Foret, Kleiner, Mobahi, Neyshabur: *Sharpness-aware minimization for efficiently improving
/// generalization*, ICLR 2021, equation 2; Kwon, Kim, Park, Choi: *ASAM*, ICML 2021, equation 3.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, Sam, Sgd};
/// // f(w) = w²
/// let (mut w, mut dw) = ([1.0f64], [2.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut sam = Sam::bind(&mut params)?;
/// sam.ascend(&mut params)?;
/// assert!((params[0].1[0] - 1.05).abs() < 1e-12);
/// params[0].2[0] = 2.0 * params[0].1[0];
/// sam.restore(&mut params)?;
/// sgd.step(0.1, &mut params)?;
/// assert!((w[0] - (1.0 - 0.1 * 2.1)).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sam<F> {
    /// How far to look, ρ.
    pub rho: f64,
    /// Whether distances are measured in the sizes of the parameters: ASAM.
    pub adaptive: bool,
    /// Added to sizes with `adaptive`, η.
    pub eta: f64,
    /// Keeps the division finite, ε.
    pub eps: f64,
    start: Shadow<F>,
    away: bool,
}

impl<F: Float> Sam<F> {
    /// ρ 0.05, not adaptive.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn bind(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        let start = Shadow::zeros(params)?;
        Ok(Self { rho: 0.05, adaptive: false, eta: 0.01, eps: 1e-12, start, away: false })
    }

    /// ASAM: ρ 0.5, η 0.01.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn adaptive(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        Ok(Self { rho: 0.5, adaptive: true, ..Self::bind(params)? })
    }

    /// Moves the parameters to where the loss is expected to be worst. Compute the gradients there,
    /// then [`Sam::restore`].
    ///
    /// # Errors
    /// Hyper-parameters out of range; gradients that are not finite; another set of parameters than
    /// was bound; twice without [`Sam::restore`] between. Nothing is changed then.
    pub fn ascend(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        hyper::non_negative("Sam", "rho", self.rho)?;
        hyper::non_negative("Sam", "eta", self.eta)?;
        hyper::non_negative("Sam", "eps", self.eps)?;
        if self.away {
            return Err(Error::invalid("Sam", "ascend was called twice; restore comes first"));
        }
        let Self { adaptive, eta, .. } = *self;
        let mut sum = 0.0;
        refuse_rows("Sam", params)?;
        self.start.each(params, |_, mut param| {
            let Some(grad) = param.grad.values() else { return };
            sum += if adaptive {
                kernel::sum_zip(
                    [&*param.value, &*grad],
                    #[inline(always)]
                    |[w, g]| {
                        let scaled = (w.widen().abs() + eta) * g.widen();
                        scaled * scaled
                    },
                )
            } else {
                kernel::sum_squares(grad)
            };
        })?;
        if !sum.is_finite() {
            let message = format!("the squares of the gradients sum to {sum}");
            return Err(Error::invalid("Sam", message));
        }
        let divisor = sum.sqrt() + self.eps;
        let step = if divisor == 0.0 { 0.0 } else { self.rho / divisor };
        // With no ε a tiny gradient asks for more than the type holds, and that times 0 is no number.
        let (step, eta) = (F::of(step.min(F::max_value().widen())), F::of(eta));
        self.start.each(params, |start, mut param| {
            start.copy_from_slice(param.value);
            let Some(grad) = param.grad.values() else { return };
            for (w, g) in param.value.iter_mut().zip(grad) {
                let size = w.abs() + eta;
                *w += step * *g * if adaptive { size * size } else { F::one() };
            }
        })?;
        self.away = true;
        Ok(())
    }

    /// Puts the parameters back where [`Sam::ascend`] found them; the gradients stay.
    ///
    /// # Errors
    /// Another set of parameters than was bound; without [`Sam::ascend`] before.
    pub fn restore(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        if !self.away {
            return Err(Error::invalid("Sam", "restore was called without ascend before"));
        }
        self.start.each_value(params, |start, value| value.copy_from_slice(start))?;
        self.away = false;
        Ok(())
    }
}
