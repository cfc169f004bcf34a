//! Losses: one number for how wrong an output is, and its gradient.
//!
//! An output against a target is a [`Loss`]; its losses one by one, what others call reduction
//! "none", are an [`EachLoss`]. Embeddings to compare and variances are a [`JointLoss`]. [`Ctc`]
//! and [`smooth_labels`] have calls of their own.

mod elementwise;
mod joint;
mod rowwise;
mod scalar;

mod binary_cross_entropy;
mod binary_cross_entropy_with_logits;
mod cosine_distance;
mod cosine_embedding;
mod ctc;
mod gaussian_nll;
mod half_squared_error;
mod hinge;
mod hinge_embedding;
mod huber;
mod kl_divergence;
mod log_cosh;
mod margin_ranking;
mod mean_absolute_error;
mod mean_squared_error;
mod multi_margin;
mod multiclass_hinge;
mod multiclass_perceptron;
mod nll;
mod perceptron;
mod poisson_nll;
mod poly_cross_entropy;
mod sigmoid_focal;
mod smooth_l1;
mod smooth_labels;
mod soft_margin;
mod softmax_cross_entropy;
mod sparsemax;
mod triplet_margin;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use binary_cross_entropy_with_logits::BinaryCrossEntropyWithLogits;
pub use cosine_distance::CosineDistance;
pub use cosine_embedding::CosineEmbedding;
pub use ctc::Ctc;
pub use gaussian_nll::GaussianNll;
pub use half_squared_error::HalfSquaredError;
pub use hinge::Hinge;
pub use hinge_embedding::HingeEmbedding;
pub use huber::Huber;
pub use kl_divergence::KlDivergence;
pub use log_cosh::LogCosh;
pub use margin_ranking::MarginRanking;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use multi_margin::MultiMargin;
pub use multiclass_hinge::MulticlassHinge;
pub use multiclass_perceptron::MulticlassPerceptron;
pub use nll::Nll;
pub use perceptron::Perceptron;
pub use poisson_nll::PoissonNll;
pub use poly_cross_entropy::PolyCrossEntropy;
pub use sigmoid_focal::SigmoidFocal;
pub use smooth_l1::SmoothL1;
pub use smooth_labels::smooth_labels;
pub use soft_margin::SoftMargin;
pub use softmax_cross_entropy::SoftmaxCrossEntropy;
pub use sparsemax::Sparsemax;
pub use triplet_margin::{DistanceEps, TripletMargin};

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use tricks_tensor::views::require_shape;
use tricks_tensor::{Error, Float, Result, ndarray};

/// How the losses of the parts of a batch (elements, rows, sequences) become one number.
///
/// The losses themselves, reduction "none" elsewhere, are what [`EachLoss::each`] and
/// [`JointLoss::each`] give.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean over the parts; where parts have weights, as classes do, the weighted mean.
    #[default]
    Mean,
    /// The sum over the parts.
    Sum,
    /// The sum, divided by the number of samples: the length of the first axis.
    BatchMean,
}

impl Reduction {
    /// What a sum over parts is divided by. `shares` is the sum of the weights of the parts.
    fn divisor(self, shares: f64, samples: usize) -> f64 {
        match self {
            Reduction::Mean => shares,
            Reduction::Sum => 1.0,
            Reduction::BatchMean => samples as f64,
        }
    }
}

/// What an output is held against, one for each sample.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Target<'a, F> {
    /// The number of the right class.
    Labels(&'a [usize]),
    /// The right values; for a classifier, a probability for each class.
    Values(ArrayViewD<'a, F>),
}

impl<'a, F> From<&'a [usize]> for Target<'a, F> {
    fn from(labels: &'a [usize]) -> Self {
        Self::Labels(labels)
    }
}

impl<'a, F, const N: usize> From<&'a [usize; N]> for Target<'a, F> {
    fn from(labels: &'a [usize; N]) -> Self {
        Self::Labels(labels)
    }
}

impl<'a, F> From<&'a Vec<usize>> for Target<'a, F> {
    fn from(labels: &'a Vec<usize>) -> Self {
        Self::Labels(labels)
    }
}

impl<'a, F, D: Dimension> From<ArrayView<'a, F, D>> for Target<'a, F> {
    fn from(values: ArrayView<'a, F, D>) -> Self {
        Self::Values(values.into_dyn())
    }
}

impl<'a, F, D: Dimension> From<&'a Array<F, D>> for Target<'a, F> {
    fn from(values: &'a Array<F, D>) -> Self {
        Self::Values(values.view().into_dyn())
    }
}

/// The loss of a batch, one number.
pub trait Loss<F: Float>: Send + Sync {
    /// Refuses a target that does not fit an output of this shape, before there is an output:
    /// then a forward pass has not moved any running statistics.
    ///
    /// # Errors
    /// An empty batch, shapes that do not fit, a target out of range.
    fn check(&self, y: &[usize], target: &Target<'_, F>) -> Result<()> {
        let _ = (y, target);
        Ok(())
    }

    /// The loss, and if `dy` is lent, its gradient with respect to `y`.
    ///
    /// # Errors
    /// An empty batch, shapes that do not fit, a target out of range. Then `dy` is untouched.
    fn evaluate(
        &self,
        y: ArrayViewD<'_, F>,
        target: Target<'_, F>,
        dy: Option<ArrayViewMutD<'_, F>>,
    ) -> Result<f64>;

    /// The loss alone.
    ///
    /// # Errors
    /// As [`Loss::evaluate`].
    fn value<'a>(&self, y: ArrayViewD<'_, F>, target: impl Into<Target<'a, F>>) -> Result<f64>
    where
        Self: Sized,
        F: 'a,
    {
        self.evaluate(y, target.into(), None)
    }

    /// The loss; fills `dy`. Made for [`Pass::backward`](crate::Pass::backward).
    ///
    /// # Errors
    /// As [`Loss::evaluate`].
    fn gradient<'a>(
        &self,
        y: ArrayViewD<'_, F>,
        target: impl Into<Target<'a, F>>,
        dy: ArrayViewMutD<'_, F>,
    ) -> Result<f64>
    where
        Self: Sized,
        F: 'a,
    {
        self.evaluate(y, target.into(), Some(dy))
    }
}

/// A loss whose parts can be had one by one: what other libraries call reduction "none".
///
/// ```
/// use tricks_net::losses::{EachLoss, MeanSquaredError};
/// use tricks_tensor::ndarray::{Array, arr1};
/// let (y, target) = (arr1(&[1.0, 2.0]).into_dyn(), arr1(&[0.0, 4.0]).into_dyn());
/// let (upstream, mut dy) = (arr1(&[1.0, 0.5]).into_dyn(), Array::zeros(vec![2]));
/// let mut losses = Array::zeros(vec![2]);
/// let back = Some((upstream.view(), dy.view_mut()));
/// MeanSquaredError::default().each(y.view(), (&target).into(), losses.view_mut(), back)?;
/// assert_eq!(losses, arr1(&[1.0, 4.0]).into_dyn());
/// assert_eq!(dy, arr1(&[2.0, -2.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub trait EachLoss<F: Float>: Loss<F> {
    /// The shape of the losses for an output of this shape: its own, or without the axis of
    /// classes.
    fn each_shape(&self, y: &[usize]) -> IxDyn;

    /// The losses one by one, whatever the reduction; and from `back`, the gradient of the loss
    /// with respect to them and an array to fill, the gradient with respect to `y`.
    ///
    /// # Errors
    /// As [`Loss::evaluate`]; `losses` or the upstream gradient of another shape than
    /// [`EachLoss::each_shape`] says. Then nothing is written.
    fn each(
        &self,
        y: ArrayViewD<'_, F>,
        target: Target<'_, F>,
        losses: ArrayViewMutD<'_, F>,
        back: Option<(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>)>,
    ) -> Result<()>;
}

/// A loss of `N` arrays that all want a gradient: embeddings to compare, means and variances.
pub trait JointLoss<F: Float, const N: usize>: Send + Sync {
    /// The loss; sets the gradients that are asked for. `target` is `None` where the loss has
    /// none.
    ///
    /// # Errors
    /// An empty batch, shapes that do not fit, a target that is missing, not wanted or out of
    /// range. Then no gradient is touched.
    fn evaluate(
        &self,
        inputs: [ArrayViewD<'_, F>; N],
        target: Option<ArrayViewD<'_, F>>,
        grads: [Option<ArrayViewMutD<'_, F>>; N],
    ) -> Result<f64>;

    /// The losses one by one, whatever the reduction; with `upstream`, the gradient of the loss
    /// with respect to them, sets the gradients that are asked for.
    ///
    /// # Errors
    /// As [`JointLoss::evaluate`]; `losses` or `upstream` of another shape than the losses.
    fn each(
        &self,
        inputs: [ArrayViewD<'_, F>; N],
        target: Option<ArrayViewD<'_, F>>,
        losses: ArrayViewMutD<'_, F>,
        upstream: ArrayViewD<'_, F>,
        grads: [Option<ArrayViewMutD<'_, F>>; N],
    ) -> Result<()>;
}

/// Refuses arrays for losses one by one, and their gradient, of another shape than theirs.
fn require_each<F: Float>(
    name: &'static str,
    shape: &[usize],
    losses: &ArrayViewMutD<'_, F>,
    upstream: Option<&ArrayViewD<'_, F>>,
) -> Result<()> {
    require_shape(name, ("losses", losses.shape()), ("expected", shape))?;
    let Some(upstream) = upstream else { return Ok(()) };
    require_shape(name, ("upstream gradient", upstream.shape()), ("losses", shape))
}

/// A mean needs something to be the mean of.
fn refuse_empty(name: &'static str, y: &[usize]) -> Result<()> {
    if y.contains(&0) {
        let message = format!("output has shape {y:?}: the mean loss of nothing is undefined");
        return Err(Error::invalid(name, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
