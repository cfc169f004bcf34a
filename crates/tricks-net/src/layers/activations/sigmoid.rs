use super::{Elementwise, elementwise, softplus};
use tricks_tensor::Float;

/// The logistic function: squeezes any number into (0, 1).
///
/// # Formula
/// ```text
/// y  = 1 / (1 + e⁻ˣ)
/// dx = dy · y · (1 − y)
/// ```
///
/// Computed from `e^(−|x|)`, which cannot overflow: right for any `x`, down to the smallest
/// number for very negative ones. The same bits on every machine.
///
/// The slope is at most ¼: a gradient shrinks at least fourfold with every such layer.
///
/// ```
/// use tricks_net::layers::Sigmoid;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[0.0, 1000.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// Sigmoid.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[0.5, 1.0, 0.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sigmoid;

impl Elementwise for Sigmoid {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        x.sigmoid_exact()
    }

    #[inline(always)]
    fn gradient<F: Float>(self, _: F, y: F, dy: F) -> F {
        dy * y * (F::one() - y)
    }
}
elementwise!(Sigmoid);

/// The logarithm of the logistic function, of any number without overflow.
///
/// # Formula
/// ```text
/// y  = ln σ(x) = −ln(1 + e⁻ˣ)
/// dx = dy · σ(−x)
/// ```
///
/// ```
/// use tricks_net::layers::LogSigmoid;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1000.0, -1000.0, 0.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// LogSigmoid.infer(x.view(), y.view_mut())?;
/// assert_eq!((y[[0]], y[[1]]), (0.0, -1000.0));
/// assert!((y[[2]] + 0.69314718056f64).abs() < 1e-11);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSigmoid;

impl Elementwise for LogSigmoid {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        -softplus(-x)
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        dy * (-x).sigmoid_exact()
    }
}
elementwise!(LogSigmoid);
