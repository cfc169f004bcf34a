use super::Reduction;
use super::elementwise::{Elementwise, loss_by};

/// The squared differences, their mean over all elements by default.
///
/// # Formula
/// ```text
/// lᵢ  = (yᵢ − tᵢ)²
/// L   = 1/N Σ lᵢ             N: the number of elements, samples times outputs
/// dyᵢ = 2 (yᵢ − tᵢ) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: PyTorch's `MSELoss`, Keras' loss of this name, and one by one Optax's `squared_error`;
/// [`HalfSquaredError`](super::HalfSquaredError) divides by 2. Shapes must be equal: `[n]` against
/// `[n, 1]` is refused, where others broadcast to `[n, n]` and train on nonsense.
///
/// ```
/// use tricks_net::losses::{Loss, MeanSquaredError};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[1.0, 2.0]).into_dyn(), arr1(&[0.0, 4.0]));
/// let loss = MeanSquaredError::default().value(y.view(), &target)?;
/// assert_eq!(loss, 2.5);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanSquaredError {
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for MeanSquaredError {
    const NAME: &'static str = "MeanSquaredError";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    #[inline]
    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let off = y - t;
        (off * off, 2.0 * off)
    }
}

loss_by!(elementwise, MeanSquaredError);
