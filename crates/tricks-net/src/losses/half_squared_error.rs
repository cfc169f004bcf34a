use super::Reduction;
use super::elementwise::{Elementwise, loss_by};

/// Half the squared differences: its derivative is the difference.
///
/// # Formula
/// ```text
/// lᵢ  = ½ (yᵢ − tᵢ)²
/// L   = 1/N Σ lᵢ
/// dyᵢ = (yᵢ − tᵢ) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: one by one Optax's `l2_loss`; what textbooks call the squared error.
///
/// ```
/// use tricks_net::losses::{Loss, HalfSquaredError};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[1.0, 2.0]).into_dyn(), arr1(&[0.0, 4.0]));
/// let loss = HalfSquaredError::default().value(y.view(), &target)?;
/// assert_eq!(loss, 1.25);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HalfSquaredError {
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for HalfSquaredError {
    const NAME: &'static str = "HalfSquaredError";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    #[inline]
    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let off = y - t;
        (0.5 * off * off, off)
    }
}

loss_by!(elementwise, HalfSquaredError);
