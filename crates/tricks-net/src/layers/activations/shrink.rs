use super::{Elementwise, elementwise};
use tricks_tensor::{Float, Result, hyper};

/// What is small becomes zero; the rest stays.
///
/// # Formula
/// ```text
/// y  = 0 where |x| ≤ λ, else x
/// dx = 0 where |x| ≤ λ, else dy
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 0.5 | finite and at least 0 |
///
/// NaN stays NaN. The proximal map of a count of non-zeros.
///
/// ```
/// use tricks_net::layers::Hardshrink;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 0.5, 0.75]).into_dyn(), ArrayD::zeros(vec![3]));
/// Hardshrink::default().infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[-2.0, 0.0, 0.75]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hardshrink {
    lambda: f64,
}

impl Hardshrink {
    /// What is at most `lambda` in size becomes zero.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if it is not finite and at least 0.
    pub fn new(lambda: f64) -> Result<Self> {
        hyper::non_negative("Hardshrink", "lambda", lambda)?;
        Ok(Self { lambda })
    }
}

impl Default for Hardshrink {
    fn default() -> Self {
        Self { lambda: 0.5 }
    }
}

impl Elementwise for Hardshrink {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        if x.abs() <= F::of(self.lambda) { F::zero() } else { x }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x.abs() <= F::of(self.lambda) { F::zero() } else { dy }
    }
}
elementwise!(Hardshrink);

/// Everything moves towards zero by λ, and stops there.
///
/// # Formula
/// ```text
/// y  = sign(x) max(|x| − λ, 0)
/// dx = 0 where |x| ≤ λ, else dy
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 0.5 | finite and at least 0 |
///
/// NaN stays NaN. The proximal map of an L1 penalty.
///
/// ```
/// use tricks_net::layers::Softshrink;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 0.5, 0.75]).into_dyn(), ArrayD::zeros(vec![3]));
/// Softshrink::default().infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[-1.5, 0.0, 0.25]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softshrink {
    lambda: f64,
}

impl Softshrink {
    /// Moves by `lambda`.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if it is not finite and at least 0.
    pub fn new(lambda: f64) -> Result<Self> {
        hyper::non_negative("Softshrink", "lambda", lambda)?;
        Ok(Self { lambda })
    }
}

impl Default for Softshrink {
    fn default() -> Self {
        Self { lambda: 0.5 }
    }
}

impl Elementwise for Softshrink {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        let lambda = F::of(self.lambda);
        if x.abs() <= lambda {
            F::zero()
        } else if x > F::zero() {
            x - lambda
        } else {
            x + lambda
        }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x.abs() <= F::of(self.lambda) { F::zero() } else { dy }
    }
}
elementwise!(Softshrink);

/// What the hyperbolic tangent takes away.
///
/// # Formula
/// ```text
/// y  = x − tanh x
/// dx = dy tanh² x
/// ```
///
/// ```
/// use tricks_net::layers::Tanhshrink;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![2]));
/// Tanhshrink.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] - 0.23840584404f64).abs() < 1e-11);
/// assert_eq!(y[[1]], -999.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Tanhshrink;

impl Elementwise for Tanhshrink {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        x - x.tanh_exact()
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let t = x.tanh_exact();
        dy * t * t
    }
}
elementwise!(Tanhshrink);
