use tricks_tensor::{Float, Grad, Parameters, Path, Result, hyper, kernel, math};

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

impl Clip {
    /// The norm before clipping; NaN or infinite if a gradient is.
    pub fn norm(self) -> f64 {
        self.norm
    }

    /// The factor on every gradient, at most 1.
    pub fn scale(self) -> f64 {
        self.scale
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
/// | `max_norm` | 1 | ≥ 0 |
/// | `p` | 2 | > 0, ∞ allowed |
/// | `eps` | 1e-6 | ≥ 0 |
///
/// Notes: `eps` 1e-6 is PyTorch's `clip_grad_norm_`, which shrinks a little even at the limit; 0 is
/// Optax's and Keras'. Some libraries clip each tensor by itself under this name: that is
/// [`clip_norm`].
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
    /// Reads the gradients once; nothing is written.
    ///
    /// # Errors
    /// Hyper-parameters out of range. A norm that is not finite is no error here: the step it is
    /// handed to refuses it, and names the parameter.
    pub fn measure<F: Float>(&self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Clip> {
        hyper::non_negative("ClipGlobalNorm", "max_norm", self.max_norm)?;
        hyper::non_negative("ClipGlobalNorm", "eps", self.eps)?;
        let positive = self.p > 0.0;
        hyper::require("ClipGlobalNorm", "p", self.p, positive, "above 0")?;
        let norm = norm(self.p, |power| {
            let mut total = 0.0;
            each_gradient(params, |grad| total = power.add(total, power.sum(grad)));
            total
        });
        // This way round, a norm of 0 without `eps` needs no clip, and a NaN norm gives a NaN factor.
        let divisor = norm + self.eps;
        let scale = if divisor <= self.max_norm { 1.0 } else { self.max_norm / divisor };
        Ok(Clip { norm, scale })
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
/// A `max_norm` that is negative or not finite.
pub fn clip_global_norm<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    max_norm: f64,
) -> Result<Clip> {
    ClipGlobalNorm { max_norm, ..ClipGlobalNorm::default() }.measure(params)
}

/// Clips each parameter's gradient by its own 2-norm, in place; gives the largest norm before.
///
/// ```text
/// g ← g · min(1, max_norm / ‖g‖)   for each parameter
/// ```
/// A gradient that is not finite is left as it is, for the step to refuse. Directions between
/// parameters change: prefer [`clip_global_norm`] unless you want just this.
/// Keras' `clipnorm`.
///
/// # Errors
/// A `max_norm` that is negative or not finite.
pub fn clip_norm<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    max_norm: f64,
) -> Result<f64> {
    hyper::non_negative("clip_norm", "max_norm", max_norm)?;
    let mut largest = 0.0f64;
    each_gradient(params, |grad| {
        let norm = norm(2.0, |power| power.sum(grad));
        if norm > max_norm && norm.is_finite() {
            scale(grad, max_norm / norm);
        }
        largest = max_or_nan(largest, norm);
    });
    Ok(largest)
}

/// Clips each element of each gradient to `[−limit, limit]`, in place; a NaN stays one.
///
/// # Errors
/// A `limit` that is negative or not finite.
pub fn clip_value<F: Float>(params: &mut (impl Parameters<F> + ?Sized), limit: f64) -> Result<()> {
    hyper::non_negative("clip_value", "limit", limit)?;
    let limit = F::of(limit);
    each_gradient(params, |grad| {
        kernel::vectorize(
            #[inline(always)]
            || {
                for g in grad.iter_mut() {
                    *g = if *g > limit { limit } else { *g };
                    *g = if *g < -limit { -limit } else { *g };
                }
            },
        );
    });
    Ok(())
}

/// What is summed for a p-norm: `Σ |unit·g|ᵖ`, or the largest `|g|` for p = ∞.
#[derive(Clone, Copy)]
struct Power {
    p: f64,
    unit: f64,
}

impl Power {
    fn sum<F: Float>(self, grad: &[F]) -> f64 {
        let Self { p, unit } = self;
        if p == f64::INFINITY {
            grad.iter().fold(0.0, |most, g| max_or_nan(most, g.widen().abs()))
        } else if p == 2.0 && unit == 1.0 {
            kernel::sum_squares(grad)
        } else {
            kernel::sum_blocks(grad, |g| math::pow((unit * g).abs(), p))
        }
    }

    fn add(self, a: f64, b: f64) -> f64 {
        if self.p == f64::INFINITY { max_or_nan(a, b) } else { a + b }
    }
}

/// `(Σ |g|ᵖ)^(1/p)`, of which `total` makes the sum.
///
/// A sum that leaves the range of numbers is made again in units of the largest element.
fn norm(p: f64, mut total: impl FnMut(Power) -> f64) -> f64 {
    let root = |sum: f64| match p {
        1.0 | f64::INFINITY => sum,
        2.0 => sum.sqrt(),
        _ => math::pow(sum, 1.0 / p),
    };
    let sum = total(Power { p, unit: 1.0 });
    if sum.is_normal() || sum.is_nan() {
        return root(sum);
    }
    let largest = total(Power { p: f64::INFINITY, unit: 1.0 });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    // A power of two: no digit is lost on the way there and back.
    let unit = f64::from_bits(largest.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE);
    unit * root(total(Power { p, unit: 1.0 / unit }))
}

/// The larger number; NaN, once met, stays.
fn max_or_nan(most: f64, x: f64) -> f64 {
    if x > most || x.is_nan() { x } else { most }
}

fn scale<F: Float>(grad: &mut [F], factor: f64) {
    let factor = F::of(factor);
    kernel::vectorize(
        #[inline(always)]
        || grad.iter_mut().for_each(|g| *g *= factor),
    );
}

fn each_gradient<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    mut f: impl FnMut(&mut [F]),
) {
    params.visit(&Path::ROOT, &mut |_, param| {
        if let Grad::Dense(grad) = param.grad {
            f(grad);
        }
    });
}
