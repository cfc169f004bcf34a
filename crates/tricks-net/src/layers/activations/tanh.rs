use super::{Elementwise, elementwise};
use tricks_tensor::Float;

/// The hyperbolic tangent: squeezes any number into (−1, 1), zero to zero.
///
/// # Formula
/// ```text
/// y  = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)
/// dx = dy · (1 − y²)
/// ```
///
/// The same bits on every machine.
///
/// ```
/// use tricks_net::layers::Tanh;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[0.0, 1000.0, 0.5]).into_dyn(), ArrayD::zeros(vec![3]));
/// Tanh.infer(x.view(), y.view_mut())?;
/// assert_eq!((y[[0]], y[[1]]), (0.0, 1.0));
/// assert!((y[[2]] - 0.46211715726f64).abs() < 1e-11);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Tanh;

impl Elementwise for Tanh {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        x.tanh_exact()
    }

    #[inline(always)]
    fn gradient<F: Float>(self, _: F, y: F, dy: F) -> F {
        dy * (F::one() - y * y)
    }
}
elementwise!(Tanh);

/// A slower tanh: squeezes any number into (−1, 1), with tails that fall like 1/x.
///
/// # Formula
/// ```text
/// y  = x / (1 + |x|)
/// dx = dy / (1 + |x|)²
/// ```
///
/// Infinities become ±1.
///
/// Source: Bergstra, Desjardins, Lamblin, Bengio: *Quadratic polynomials learn better image
/// features*, 2009.
///
/// ```
/// use tricks_net::layers::Softsign;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[-1.0, 3.0, f64::INFINITY]).into_dyn(), ArrayD::zeros(vec![3]));
/// Softsign.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[-0.5, 0.75, 1.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Softsign;

impl Elementwise for Softsign {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        if x.is_infinite() { x.signum() } else { x / (F::one() + x.abs()) }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let below = F::one() + x.abs();
        dy / below / below
    }
}
elementwise!(Softsign);
