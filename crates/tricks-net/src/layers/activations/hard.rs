use super::{Elementwise, elementwise};
use tricks_tensor::{Error, Float, Result, hyper};

/// Cuts at two bounds.
///
/// # Formula
/// ```text
/// y  = min(max(x, a), b)
/// dx = dy where a < x < b, else 0
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `min` | a | −1 | finite |
/// | `max` | b | 1 | finite, above a |
///
/// The slope at both corners is 0. NaN stays NaN.
///
/// ```
/// use tricks_net::layers::Hardtanh;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-2.0, 0.5, 3.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// Hardtanh::default().infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[-1.0, 0.5, 1.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hardtanh {
    min: f64,
    max: f64,
}

impl Hardtanh {
    /// Between these bounds.
    ///
    /// # Errors
    /// A bound that is not finite; a `max` that is not above `min`.
    pub fn new(min: f64, max: f64) -> Result<Self> {
        hyper::finite("Hardtanh", "min", min)?;
        hyper::finite("Hardtanh", "max", max)?;
        if max <= min {
            return Err(Error::invalid(
                "Hardtanh",
                format!("max is {max}, must be above min, {min}"),
            ));
        }
        Ok(Self { min, max })
    }
}

impl Default for Hardtanh {
    fn default() -> Self {
        Self { min: -1.0, max: 1.0 }
    }
}

impl Elementwise for Hardtanh {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        clamp(x, F::of(self.min), F::of(self.max))
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        if x <= F::of(self.min) || x >= F::of(self.max) { F::zero() } else { dy }
    }
}
elementwise!(Hardtanh);

/// Between `min` and `max`; NaN stays NaN.
#[inline(always)]
fn clamp<F: Float>(x: F, min: F, max: F) -> F {
    if x <= min {
        min
    } else if x >= max {
        max
    } else {
        x
    }
}

/// `min(max(x + 3, 0), 6) / 6`.
#[inline(always)]
fn gate<F: Float>(x: F) -> F {
    clamp(x + F::of(3.0), F::zero(), F::of(6.0)) / F::of(6.0)
}

/// The logistic function in three straight pieces.
///
/// # Formula
/// ```text
/// y  = min(max(x + 3, 0), 6) / 6
/// dx = dy / 6 where −3 < x < 3, else 0
/// ```
///
/// These slopes are PyTorch's and Keras 3's; Keras 2 had ⅕ between −2.5 and 2.5.
///
/// Source: Howard, Sandler, Chu and others: *Searching for MobileNetV3*, ICCV 2019.
///
/// ```
/// use tricks_net::layers::Hardsigmoid;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-4.0, 0.0, 1.5, 4.0]).into_dyn(), ArrayD::zeros(vec![4]));
/// Hardsigmoid.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[0.0, 0.5, 0.75, 1.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Hardsigmoid;

impl Elementwise for Hardsigmoid {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        gate(x)
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let three = F::of(3.0);
        if x <= -three || x >= three { F::zero() } else { dy / F::of(6.0) }
    }
}
elementwise!(Hardsigmoid);

/// [`SiLU`](super::SiLU) with a gate of straight pieces.
///
/// # Formula
/// ```text
/// y  = x min(max(x + 3, 0), 6) / 6
/// dx = 0 where x ≤ −3, dy where x ≥ 3, else dy (x/3 + ½)
/// ```
///
/// −∞ gives 0.
///
/// Source: Howard, Sandler, Chu and others: *Searching for MobileNetV3*, ICCV 2019, section 5.2.
///
/// ```
/// use tricks_net::layers::Hardswish;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-4.0, -1.5, 4.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// Hardswish.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[0.0, -0.375, 4.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Hardswish;

impl Elementwise for Hardswish {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        super::damped(x, gate(x))
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let three = F::of(3.0);
        if x <= -three {
            F::zero()
        } else if x >= three {
            dy
        } else {
            dy * (x / three + F::of(0.5))
        }
    }
}
elementwise!(Hardswish);
