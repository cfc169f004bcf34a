use ndarray::{Array, ArrayView, Dimension};
use tricks_tensor::{Error, Float, Result, hyper, ndarray};

/// Spreads a part of every row of wanted probabilities evenly over its classes.
///
/// # Formula
/// ```text
/// q_j = (1 − α) t_j + α/K     K: the length of the last axis
/// ```
///
/// For losses that do not smooth by themselves, as
/// [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy) does.
///
/// Notes: Optax's `smooth_labels`; PyTorch's and Keras' `label_smoothing` is the same.
///
/// Source: Szegedy et al.: *Rethinking the Inception architecture*, CVPR 2016, section 7.
///
/// # Errors
/// α outside [0, 1]; labels without an axis, or one of no classes.
///
/// ```
/// use tricks_net::losses::smooth_labels;
/// use tricks_tensor::ndarray::arr2;
/// let smooth = smooth_labels(arr2(&[[1.0, 0.0]]).view(), 0.5)?;
/// assert_eq!(smooth, arr2(&[[0.75, 0.25]]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn smooth_labels<F: Float, D: Dimension>(
    labels: ArrayView<'_, F, D>,
    alpha: f64,
) -> Result<Array<F, D>> {
    hyper::probability("smooth_labels", "alpha", alpha)?;
    let classes = match labels.shape().last() {
        None | Some(0) => {
            let message = format!("labels have shape {:?}, expected [.., classes]", labels.shape());
            return Err(Error::invalid("smooth_labels", message));
        }
        Some(classes) => *classes as f64,
    };
    Ok(labels.mapv(|t| F::of((1.0 - alpha) * t.widen() + alpha / classes)))
}
