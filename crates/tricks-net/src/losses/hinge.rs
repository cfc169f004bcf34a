use super::Reduction;
use super::elementwise::{Domain, Elementwise, loss_by};
use super::scalar::positive_part;

/// What a score lacks to be right by a margin of 1.
///
/// # Formula
/// ```text
/// lᵢ  = max(0, 1 − tᵢ yᵢ)
/// L   = 1/N Σ lᵢ
/// dyᵢ = −tᵢ / N    where the loss is above 0
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Targets must be 1 or −1. Notes: one by one Optax's `hinge_loss`, Keras' `Hinge`.
///
/// Source: Cortes and Vapnik: *Support-vector networks*, 1995.
///
/// ```
/// use tricks_net::losses::{Loss, Hinge};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[0.25, 3.0]).into_dyn(), arr1(&[1.0, 1.0]));
/// let loss = Hinge::default().value(y.view(), &target)?;
/// assert_eq!(loss, 0.375);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hinge {
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for Hinge {
    const NAME: &'static str = "Hinge";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn targets(&self) -> Domain {
        Domain::Sign
    }

    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let (value, slope) = positive_part(1.0 - t * y);
        (value, -t * slope)
    }
}

loss_by!(elementwise, Hinge);
