use super::Reduction;
use super::elementwise::loss_by;
use super::rowwise::{Row, RowGrad, Rowwise, Want, largest};
use tricks_tensor::Float;

/// The loss of sparsemax, a softmax that gives most classes exactly 0.
///
/// # Formula
/// ```text
/// p_j  = max(0, x_j − τ)                       τ such that Σ_j p_j = 1; S: where p_j > 0
/// l    = −x_label + ½ Σ_{j ∈ S} (x_j² − τ²) + ½
/// dx_j = (p_j − [j = label]) / n
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Rows run along the second axis, as in [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
/// The largest logit is subtracted first, and τ found by dropping classes below it until none is
/// left to drop: exact at any size of the logits, without sorting.
///
/// Notes: one by one Optax's `sparsemax_loss`.
///
/// Source: Martins and Astudillo: *From softmax to sparsemax*, ICML 2016, section 3.
///
/// ```
/// use tricks_net::losses::{Loss, Sparsemax};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[0.0, 0.5, -3.0]]).into_dyn();
/// let loss = Sparsemax::default().value(y.view(), &[1])?;
/// assert!((loss - (-0.5 + 0.5 * (0.25 - 2.0 * 0.0625) + 0.5)).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sparsemax {
    /// How the rows' losses become one number.
    pub reduction: Reduction,
}

/// τ, and `Σ (z² − τ²)` over what is above it; the largest `z` is 0.
fn threshold(z: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let (mut tau, mut last) = (f64::NEG_INFINITY, usize::MAX);
    loop {
        let above = z.clone().filter(|z| *z > tau);
        let count = above.clone().count();
        if count >= last || count == 0 {
            return (tau, above.map(|z| z * z - tau * tau).sum());
        }
        (tau, last) = ((above.sum::<f64>() - 1.0) / count as f64, count);
    }
}

impl Rowwise for Sparsemax {
    const NAME: &'static str = "Sparsemax";
    const SCORES: &'static str = "logits";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let label = want.label();
        let (_, largest) = largest(x.iter());
        let z = x.iter().map(|x| x - largest);
        let (tau, squares) = threshold(z.clone());
        if let Some(mut dx) = dx {
            for (j, z) in z.enumerate() {
                let p = if z.is_nan() { z } else { (z - tau).max(0.0) };
                dx.set(j, p - want.of(j));
            }
        }
        largest - x.at(label) + 0.5 * squares + 0.5
    }
}

loss_by!(rowwise, Sparsemax);
