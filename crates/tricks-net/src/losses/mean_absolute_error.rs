use super::Reduction;
use super::elementwise::{Elementwise, loss_by};

/// The absolute differences, their mean over all elements by default: outliers pull no harder than
/// others.
///
/// # Formula
/// ```text
/// lᵢ  = |yᵢ − tᵢ|
/// L   = 1/N Σ lᵢ
/// dyᵢ = sign(yᵢ − tᵢ) / N    0 where they are equal
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: PyTorch's `L1Loss`, Keras' loss of this name.
///
/// ```
/// use tricks_net::losses::{Loss, MeanAbsoluteError};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[1.0, 2.0]).into_dyn(), arr1(&[0.0, 4.0]));
/// let loss = MeanAbsoluteError::default().value(y.view(), &target)?;
/// assert_eq!(loss, 1.5);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanAbsoluteError {
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for MeanAbsoluteError {
    const NAME: &'static str = "MeanAbsoluteError";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    #[inline]
    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let off = y - t;
        (off.abs(), if off == 0.0 { 0.0 } else { off.signum() })
    }
}

loss_by!(elementwise, MeanAbsoluteError);
