use super::{Pending, Transform, each_gradient, norm, scale};
use tricks_tensor::{Error, Float, Parameters, Result, hyper};

/// What a clip found: the norm of all gradients, and the factor that brings it below the limit.
///
/// Hand it to the step with [`StepArgs::clip`](crate::StepArgs::clip): the factor goes into the
/// update, so clipping costs one read of the gradients and no write. It speaks of the gradients as
/// they were: measure again after changing them.
#[must_use = "nothing is clipped until it is handed to StepArgs::clip, or applied"]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    norm: f64,
    scale: f64,
}

impl From<Clip> for Pending {
    fn from(Clip { norm, scale }: Clip) -> Self {
        Pending::new(scale).bounded(norm * scale)
    }
}

impl Clip {
    /// The norm before clipping; NaN or infinite if a gradient is.
    pub fn norm(self) -> f64 {
        self.norm
    }

    /// The factor on every gradient, at most 1.
    pub fn scale(self) -> f64 {
        self.scale
    }

    /// Refuses a norm that is NaN or infinite (PyTorch's `error_if_nonfinite`), for those who step
    /// by other means: [`Optimizer::step`](crate::Optimizer::step) refuses it anyway, and names
    /// the parameter.
    ///
    /// # Errors
    /// [`Error::Invalid`](tricks_tensor::Error::Invalid), with the norm.
    pub fn finite(self) -> Result<Self> {
        match self.norm.is_finite() {
            true => Ok(self),
            false => {
                Err(Error::invalid("clip", format!("the norm of the gradients is {}", self.norm)))
            }
        }
    }

    /// Scales the gradients in place, for those who step by other means.
    pub fn apply<F: Float>(self, params: &mut (impl Parameters<F> + ?Sized)) {
        each_gradient(params, |grad| scale(grad, self.scale));
    }
}

/// Clipping by the norm of all gradients together.
///
/// # Formula
/// ```text
/// ‖g‖ₚ = (Σ |g|ᵖ)^(1/p)   over all parameters;   p = ∞: max |g|
/// g ← g · min(1, max_norm / (‖g‖ₚ + eps))
/// ```
/// | field | default | range |
/// |---|---|---|
/// | `max_norm` | 1 | ≥ 0; ∞ only measures |
/// | `p` | 2 | > 0, ∞ allowed |
/// | `eps` | 1e-6 | ≥ 0 |
///
/// Notes: `eps` 1e-6 is PyTorch's `clip_grad_norm_`, which shrinks a little even at the limit; 0 is
/// Optax's and Keras'. Some libraries clip each tensor by itself under this name: that is
/// [`ClipNorm`](crate::ClipNorm).
///
/// Source: Pascanu, Mikolov, Bengio: *On the difficulty of training recurrent neural networks*,
/// ICML 2013, algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipGlobalNorm {
    /// The limit.
    pub max_norm: f64,
    /// The order of the norm.
    pub p: f64,
    /// Added to the norm before dividing.
    pub eps: f64,
}

impl Default for ClipGlobalNorm {
    fn default() -> Self {
        Self { max_norm: 1.0, p: 2.0, eps: 1e-6 }
    }
}

impl ClipGlobalNorm {
    /// The 2-norm, `eps` 1e-6; `torch.nn.utils.clip_grad_norm_`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// The 2-norm, `eps` 0; `optax.clip_by_global_norm`, Keras' `global_clipnorm`.
    pub fn optax() -> Self {
        Self { eps: 0.0, ..Self::default() }
    }

    /// Refuses hyper-parameters out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper).
    pub fn validate(&self) -> Result<()> {
        let max_norm = self.max_norm;
        hyper::require("ClipGlobalNorm", "max_norm", max_norm, max_norm >= 0.0, "at least 0")?;
        hyper::non_negative("ClipGlobalNorm", "eps", self.eps)?;
        hyper::require("ClipGlobalNorm", "p", self.p, self.p > 0.0, "above 0")
    }

    /// Reads the gradients once; nothing is written.
    ///
    /// # Errors
    /// Hyper-parameters out of range. A norm that is not finite is no error here: the step it is
    /// handed to refuses it, and names the parameter.
    pub fn measure<F: Float>(&self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Clip> {
        self.validate()?;
        Ok(self.measure_some(params, 1.0, |_| true))
    }

    /// [`ClipGlobalNorm::measure`] of the gradients of the parameters whose positions `select` says
    /// yes to, times `factor`.
    pub(crate) fn measure_some<F: Float>(
        &self,
        params: &mut (impl Parameters<F> + ?Sized),
        factor: f64,
        select: impl Fn(usize) -> bool,
    ) -> Clip {
        let norm = factor * norm::of_gradients(self.p, params, select);
        // This way round, a norm of 0 without `eps` needs no clip, and a NaN norm gives a NaN factor.
        let divisor = norm + self.eps;
        let scale = if divisor <= self.max_norm { 1.0 } else { self.max_norm / divisor };
        Clip { norm, scale }
    }
}

/// Costs one read, and no write: the factor stays pending.
impl<F: Float> Transform<F> for ClipGlobalNorm {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        self.validate()?;
        let Clip { norm, scale } = self.measure_some(params, pending.factor().abs(), |_| true);
        Ok(Pending::new(pending.factor() * scale).bounded(norm * scale))
    }
}

/// [`ClipGlobalNorm`] with the 2-norm and PyTorch's `eps`; reads the gradients once.
///
/// ```
/// use tricks_optim::{Optimizer, Sgd, StepArgs, clip_global_norm};
/// let (mut w, mut dw) = ([0.0f64; 2], [30.0, 40.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let clip = clip_global_norm(&mut params, 5.0)?;
/// assert_eq!(clip.norm(), 50.0);
/// sgd.step(StepArgs::new(1.0).clip(clip), &mut params)?;
/// assert!((w[0] + 3.0).abs() < 1e-6 && (w[1] + 4.0).abs() < 1e-6);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// A `max_norm` that is negative or NaN.
pub fn clip_global_norm<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    max_norm: f64,
) -> Result<Clip> {
    ClipGlobalNorm { max_norm, ..ClipGlobalNorm::default() }.measure(params)
}
