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

#[inline(always)]
fn value<F: Float>(x: F) -> F {
    x.tanh_exact()
}

#[inline(always)]
fn gradient<F: Float>(y: F, dy: F) -> F {
    dy * (F::one() - y * y)
}

activation!(Tanh, value, gradient);
