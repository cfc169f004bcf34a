use super::Reduction;
use super::elementwise::loss_by;
use super::rowwise::{Row, RowGrad, Rowwise, Want, largest};
use tricks_tensor::Float;

/// What the label's score lacks to be above all others by 1.
///
/// # Formula
/// ```text
/// l    = max_j (x_j + [j ≠ label]) − x_label
/// dx_j = ([j is the largest] − [j = label]) / n     the first of equals
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Rows run along the second axis, as in [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
/// Notes: one by one Optax's `multiclass_hinge_loss`; [`MultiMargin`](super::MultiMargin) adds up
/// over all classes.
///
/// Source: Crammer and Singer: *On the algorithmic implementation of multiclass kernel-based vector
/// machines*, JMLR 2001.
///
/// ```
/// use tricks_net::losses::{Loss, MulticlassHinge};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[0.5, 0.0, 1.0]]).into_dyn();
/// let loss = MulticlassHinge::default().value(y.view(), &[0])?;
/// assert!((loss - 1.5).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MulticlassHinge {
    /// How the rows' losses become one number.
    pub reduction: Reduction,
}

impl Rowwise for MulticlassHinge {
    const NAME: &'static str = "MulticlassHinge";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let label = want.label();
        let (winner, score) =
            largest(x.iter().enumerate().map(|(j, x)| x + f64::from(u8::from(j != label))));
        if let Some(mut dx) = dx {
            let is = |j, k| f64::from(u8::from(j == k));
            (0..x.len()).for_each(|j| dx.set(j, is(j, winner) - is(j, label)));
        }
        score - x.at(label)
    }
}

loss_by!(rowwise, MulticlassHinge);
