use tricks_tensor::Float;

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

#[inline(always)]
fn value<F: Float>(x: F) -> F {
    // Not `x > 0`: a NaN must come through.
    if x <= F::zero() { F::zero() } else { x }
}

#[inline(always)]
fn gradient<F: Float>(y: F, dy: F) -> F {
    if y <= F::zero() { F::zero() } else { dy }
}

activation!(ReLU, value, gradient);
