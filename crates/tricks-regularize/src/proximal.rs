use crate::Penalty;
use crate::penalty::each_selected;
use tricks_tensor::{Float, ParamKind, Parameters, Place, Result, hyper};

/// A penalty whose proximal map is known: the step that lands on its kinks instead of crossing
/// them.
///
/// # Formula
/// ```text
/// w ← argmin over x of ‖x − w‖²/2 + step · R(x)
///
/// L1            sign(w) max(|w| − step λ, 0)
/// L2            w/(1 + step λ)
/// ElasticNet    sign(w) max(|w| − step λ₁, 0)/(1 + step λ₂)
/// GroupLasso    w_g max(1 − step λ √n_g/‖w_g‖, 0)
/// ```
///
/// # Source
/// Parikh, Boyd: *Proximal algorithms*, Foundations and Trends in Optimization 1, 2014, section 6.
///
/// ```
/// use tricks_regularize::{L1, Proximal};
/// let mut w = [1.0, -0.25, 0.125, -2.0];
/// L1 { lambda: 0.5 }.shrink(0.5, &mut w, &[4]);
/// assert_eq!(w, [0.75, 0.0, 0.0, -1.75]);
/// ```
pub trait Proximal<F: Float>: Penalty<F> {
    /// Moves a parameter to where the penalty and the distance moved are in balance.
    fn shrink(&self, step: f64, w: &mut [F], shape: &[usize]);
}

/// Shrinks every weight by a penalty's proximal map, after an optimizer's step with the learning
/// rate `lr`: weights that the penalty holds at zero are exactly zero.
///
/// It takes the place of [`penalize`](crate::penalize): the gradient of the penalty must not be in
/// the step too. With plain gradient descent the two steps are proximal gradient descent (ISTA);
/// after a rule that scales its steps per weight, such as Adam, it still gives zeros, but not the
/// minimum of the sum of loss and penalty.
///
/// Weights are what is visited as [`ParamKind::Weight`], biases, embeddings and normalization are
/// left out; [`proximal_step_where`] chooses otherwise. A parameter without a gradient this step is
/// left as it is; where the gradient holds some rows only, these are shrunk.
///
/// ```
/// use tricks_regularize::{L1, proximal_step};
/// let (mut w, mut grad) = ([2.0, 0.03, -1.0], [0.0; 3]);
/// proximal_step(&L1 { lambda: 0.5 }, 0.1, &mut [("w", &mut w[..], &mut grad[..])])?;
/// assert_eq!(w, [1.95, 0.0, -0.95]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`proximal_step_where`].
pub fn proximal_step<F: Float>(
    penalty: &(impl Proximal<F> + ?Sized),
    lr: f64,
    params: &mut (impl Parameters<F> + ?Sized),
) -> Result<()> {
    proximal_step_where(penalty, lr, params, |place| place.kind == ParamKind::Weight)
}

/// [`proximal_step`] for the parameters that `select` chooses, by kind, name or shape.
///
/// # Errors
/// A learning rate that is not finite and at least 0; what
/// [`penalize_where`](crate::penalize_where) refuses. Nothing is changed then.
pub fn proximal_step_where<F: Float>(
    penalty: &(impl Proximal<F> + ?Sized),
    lr: f64,
    params: &mut (impl Parameters<F> + ?Sized),
    mut select: impl FnMut(&Place<'_>) -> bool,
) -> Result<()> {
    hyper::non_negative("proximal_step", "lr", lr)?;
    each_selected(penalty, params, &mut select, |w, shape, _| penalty.shrink(lr, w, shape))
}

/// `sign(w) max(|w| − threshold, 0)`; NaN stays NaN.
#[inline(always)]
pub(crate) fn soft_threshold<F: Float>(w: F, threshold: F) -> F {
    if w.abs() <= threshold {
        F::zero()
    } else if w > F::zero() {
        w - threshold
    } else {
        w + threshold
    }
}
