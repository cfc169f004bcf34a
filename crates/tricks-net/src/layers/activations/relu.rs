use super::{Elementwise, elementwise};
use tricks_tensor::{Float, Result, hyper};

/// The rectifier: negative inputs become zero.
///
/// # Formula
/// ```text
/// y  = max(x, 0)
/// dx = dy where y > 0, else 0
/// ```
///
/// The slope at exactly 0 is 0, as in PyTorch, Keras and JAX. NaN stays NaN.
///
/// Source: Nair, Hinton: *Rectified linear units improve restricted Boltzmann machines*, ICML 2010.
///
/// ```
/// use tricks_net::layers::ReLU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 0.0, 3.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// ReLU.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[0.0, 0.0, 3.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ReLU;

impl Elementwise for ReLU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        // Not `x > 0`: a NaN must come through.
        if x <= F::zero() { F::zero() } else { x }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, _: F, y: F, dy: F) -> F {
        if y <= F::zero() { F::zero() } else { dy }
    }
}
elementwise!(ReLU);

/// The rectifier with a ceiling: for arithmetic of few bits.
///
/// # Formula
/// ```text
/// y  = min(max(x, 0), 6)
/// dx = dy where 0 < x < 6, else 0
/// ```
///
/// The slope at both corners is 0, as in PyTorch and Keras. NaN stays NaN.
///
/// Source: Howard, Zhu, Chen and others: *MobileNets*, 2017.
///
/// ```
/// use tricks_net::layers::ReLU6;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 5.0, 7.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// ReLU6.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[0.0, 5.0, 6.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ReLU6;

impl Elementwise for ReLU6 {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        let six = F::of(6.0);
        if x <= F::zero() {
            F::zero()
        } else if x >= six {
            six
        } else {
            x
        }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, _: F, y: F, dy: F) -> F {
        if y <= F::zero() || y >= F::of(6.0) { F::zero() } else { dy }
    }
}
elementwise!(ReLU6);

/// The rectifier that lets a little through below zero, so no unit dies.
///
/// # Formula
/// ```text
/// y  = x  where x > 0, else α x
/// dx = dy where x > 0, else α dy
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `negative_slope` | α | 0.01 | finite |
///
/// The default is PyTorch's; Keras' is 0.3. The slope at exactly 0 is α. With a learned α it is
/// [`PReLU`](super::PReLU).
///
/// Source: Maas, Hannun, Ng: *Rectifier nonlinearities improve neural network acoustic models*,
/// ICML 2013.
///
/// ```
/// use tricks_net::layers::LeakyReLU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 3.0]).into_dyn(), ArrayD::zeros(vec![2]));
/// LeakyReLU::new(0.25)?.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[-0.5, 3.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyReLU {
    negative_slope: f64,
}

impl LeakyReLU {
    /// With this slope below zero.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if it is not finite.
    pub fn new(negative_slope: f64) -> Result<Self> {
        hyper::finite("LeakyReLU", "negative_slope", negative_slope)?;
        Ok(Self { negative_slope })
    }
}

impl Default for LeakyReLU {
    fn default() -> Self {
        Self { negative_slope: 0.01 }
    }
}

impl Elementwise for LeakyReLU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        if x > F::zero() { x } else { x * F::of(self.negative_slope) }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x > F::zero() { dy } else { dy * F::of(self.negative_slope) }
    }
}
elementwise!(LeakyReLU);

/// What does not exceed a threshold is replaced by a value.
///
/// # Formula
/// ```text
/// y  = x  where x > θ, else v
/// dx = dy where x > θ, else 0
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `threshold` | θ | – | finite |
/// | `value` | v | – | finite |
///
/// NaN stays NaN.
///
/// ```
/// use tricks_net::layers::Threshold;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[0.5, 1.0, 3.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// Threshold::new(1.0, -7.0)?.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[-7.0, -7.0, 3.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    threshold: f64,
    value: f64,
}

impl Threshold {
    /// What is at most `threshold` becomes `value`.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if one is not finite.
    pub fn new(threshold: f64, value: f64) -> Result<Self> {
        hyper::finite("Threshold", "threshold", threshold)?;
        hyper::finite("Threshold", "value", value)?;
        Ok(Self { threshold, value })
    }
}

impl Elementwise for Threshold {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        if x <= F::of(self.threshold) { F::of(self.value) } else { x }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x <= F::of(self.threshold) { F::zero() } else { dy }
    }
}
elementwise!(Threshold);
