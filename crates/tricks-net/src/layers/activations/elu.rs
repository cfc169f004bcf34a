use super::{Elementwise, elementwise};
use tricks_tensor::{Float, Result, hyper};

/// The exponential linear unit: a rectifier that bends to −α below zero.
///
/// # Formula
/// ```text
/// y  = x  where x > 0, else α (eˣ − 1)
/// dx = dy where x > 0, else α eˣ dy
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `alpha` | α | 1 | finite and at least 0 |
///
/// Source: Clevert, Unterthiner, Hochreiter: *Fast and accurate deep network learning by
/// exponential linear units*, ICLR 2016, equation 16.
///
/// ```
/// use tricks_net::layers::ELU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-1.0, 2.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// ELU::default().infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] + 0.63212055883f64).abs() < 1e-11);
/// assert_eq!((y[[1]], y[[2]]), (2.0, -1.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ELU {
    alpha: f64,
}

impl ELU {
    /// With −`alpha` as the limit below.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if it is not finite and at least 0.
    pub fn new(alpha: f64) -> Result<Self> {
        hyper::non_negative("ELU", "alpha", alpha)?;
        Ok(Self { alpha })
    }
}

impl Default for ELU {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Elementwise for ELU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        if x > F::zero() { x } else { F::of(self.alpha) * x.exp_m1_exact() }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x > F::zero() { dy } else { dy * F::of(self.alpha) * x.exp_exact() }
    }
}
elementwise!(ELU);

/// The continuously differentiable ELU: its slope has no jump at zero, whatever α.
///
/// # Formula
/// ```text
/// y  = x  where x > 0, else α (e^(x/α) − 1)
/// dx = dy where x > 0, else e^(x/α) dy
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `alpha` | α | 1 | finite and above 0 |
///
/// Source: Barron: *Continuously differentiable exponential linear units*, 2017, equation 2.
///
/// ```
/// use tricks_net::layers::CELU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 2.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// CELU::new(2.0)?.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] + 1.26424111766f64).abs() < 1e-11);
/// assert_eq!((y[[1]], y[[2]]), (2.0, -2.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CELU {
    alpha: f64,
}

impl CELU {
    /// With −`alpha` as the limit below.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if it is not finite and above 0.
    pub fn new(alpha: f64) -> Result<Self> {
        hyper::positive("CELU", "alpha", alpha)?;
        Ok(Self { alpha })
    }
}

impl Default for CELU {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Elementwise for CELU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        let alpha = F::of(self.alpha);
        if x > F::zero() { x } else { alpha * (x / alpha).exp_m1_exact() }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x > F::zero() { dy } else { dy * (x / F::of(self.alpha)).exp_exact() }
    }
}
elementwise!(CELU);

/// The self-normalizing ELU: keeps activations near mean 0 and variance 1 from layer to layer.
///
/// # Formula
/// ```text
/// y  = λ x  where x > 0, else λ α (eˣ − 1)
/// dx = λ dy where x > 0, else λ α eˣ dy
/// λ = 1.0507009873554805    α = 1.6732632423543772
/// ```
///
/// It needs weights of variance 1/fan_in: `tricks_init`'s `lecun_normal`, not He.
///
/// Source: Klambauer, Unterthiner, Mayr, Hochreiter: *Self-normalizing neural networks*, NIPS 2017,
/// equation 2.
///
/// ```
/// use tricks_net::layers::SELU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![2]));
/// SELU.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] - 1.05070098736f64).abs() < 1e-11);
/// assert!((y[[1]] + 1.75809934085f64).abs() < 1e-11);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SELU;

const LAMBDA: f64 = 1.050_700_987_355_480_5;
const LAMBDA_ALPHA: f64 = 1.758_099_340_847_376_6;

impl Elementwise for SELU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        if x > F::zero() { F::of(LAMBDA) * x } else { F::of(LAMBDA_ALPHA) * x.exp_m1_exact() }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let slope = if x > F::zero() { F::of(LAMBDA) } else { F::of(LAMBDA_ALPHA) * x.exp_exact() };
        dy * slope
    }
}
elementwise!(SELU);
