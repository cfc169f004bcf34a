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

#[inline(always)]
fn value<F: Float>(x: F) -> F {
    let e = (-x.abs()).exp_exact();
    let upper = F::one() / (F::one() + e);
    if x >= F::zero() { upper } else { e * upper }
}

#[inline(always)]
fn gradient<F: Float>(y: F, dy: F) -> F {
    dy * y * (F::one() - y)
}

activation!(Sigmoid, value, gradient);
