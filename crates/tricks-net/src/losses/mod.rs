//! Losses: one number for how wrong an output is, and its gradient.

mod mean_squared_error;
mod softmax_cross_entropy;

pub use mean_squared_error::MeanSquaredError;
pub use softmax_cross_entropy::SoftmaxCrossEntropy;

use ndarray::{Array, ArrayView, ArrayViewD, ArrayViewMutD, Dimension};
use tricks_tensor::{Error, Float, Result, ndarray};

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

/// The mean loss of a batch.
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
