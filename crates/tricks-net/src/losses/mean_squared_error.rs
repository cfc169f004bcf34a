use super::{Loss, Target, refuse_empty};
use ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, ndarray};

/// The mean of the squared differences, over all elements.
///
/// # Formula
/// ```text
/// L  = 1/N Σ (y − t)²        N: the number of elements, samples times outputs
/// dy = 2 (y − t) / N
/// ```
///
/// Notes: PyTorch's `MSELoss` and Keras' loss of this name; textbooks often divide by 2 as well, which
/// halves the gradient. Shapes must be equal: `[n]` against `[n, 1]` is refused, where others
/// broadcast to `[n, n]` and train on nonsense.
///
/// ```
/// use tricks_net::losses::{Loss, MeanSquaredError};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[1.0, 2.0]]).into_dyn();
/// assert_eq!(MeanSquaredError.value(y.view(), &arr2(&[[0.0, 4.0]]))?, 2.5);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MeanSquaredError;

const NAME: &str = "MeanSquaredError";

fn values<'t, 'a, F>(target: &'t Target<'a, F>) -> Result<&'t ArrayViewD<'a, F>> {
    match target {
        Target::Values(values) => Ok(values),
        Target::Labels(_) => Err(Error::invalid(NAME, "the targets are labels, it needs values")),
    }
}

impl<F: Float> Loss<F> for MeanSquaredError {
    fn check(&self, y: &[usize], target: &Target<'_, F>) -> Result<()> {
        let target = values(target)?;
        require_shape(NAME, ("target", target.shape()), ("output", y))?;
        refuse_empty(NAME, y)
    }

    fn evaluate(
        &self,
        y: ArrayViewD<'_, F>,
        target: Target<'_, F>,
        dy: Option<ArrayViewMutD<'_, F>>,
    ) -> Result<f64> {
        self.check(y.shape(), &target)?;
        let target = values(&target)?;
        let count = y.len() as f64;
        let pairs = || y.iter().zip(target).map(|(y, t)| y.widen() - t.widen());
        if let Some(dy) = dy {
            require_shape(NAME, ("gradient", dy.shape()), ("output", y.shape()))?;
            with_numbers(dy, |dy| {
                for (dy, off) in dy.iter_mut().zip(pairs()) {
                    *dy = F::of(2.0 * off / count);
                }
            });
        }
        Ok(pairs().map(|off| off * off).sum::<f64>() / count)
    }
}
