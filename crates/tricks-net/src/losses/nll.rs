use super::Reduction;
use super::elementwise::{check_weights, loss_by};
use super::rowwise::{Row, RowGrad, Rowwise, Want};
use super::scalar::weighed;
use tricks_tensor::{Float, Result};

/// The negative log-likelihood of labels under log-probabilities.
///
/// # Formula
/// ```text
/// l    = −w_label x_label
/// L    = Σ_rows l / D                D: Σ_rows w_label
/// dx_j = −w_j / D for j = label, 0 for the others
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `weight` | w | 1 | one for each class, ≥ 0 |
/// | `ignore_index` | | none | any label |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Rows run along the second axis, as in [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
/// Notes: PyTorch's `NLLLoss`; behind a log-softmax it is that loss, which is exact where this one
/// has lost what the logarithm could not hold.
///
/// ```
/// use tricks_net::losses::{Loss, Nll};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[0.25f64.ln(), 0.75f64.ln()]]).into_dyn();
/// let loss = Nll::default().value(y.view(), &[0])?;
/// assert!((loss - 4f64.ln()).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nll {
    /// w: one for each class; 1 if absent.
    pub weight: Option<Vec<f64>>,
    /// The label of rows that count for nothing.
    pub ignore_index: Option<usize>,
    /// How the rows' losses become one number.
    pub reduction: Reduction,
}

impl Rowwise for Nll {
    const NAME: &'static str = "Nll";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self, classes: usize) -> Result<()> {
        check_weights(Self::NAME, "weight", self.weight.as_deref(), (classes, "classes"))
    }

    fn ignores(&self, label: usize) -> bool {
        self.ignore_index == Some(label)
    }

    fn share(&self, label: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weight| weight[label])
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let label = want.label();
        let weight = self.share(label);
        if let Some(mut dx) = dx {
            (0..x.len()).for_each(|j| dx.set(j, if j == label { -weight } else { 0.0 }));
        }
        -weighed(weight, x.at(label))
    }
}

loss_by!(rowwise, Nll);
