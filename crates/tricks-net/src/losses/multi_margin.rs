use super::Reduction;
use super::elementwise::{check_weights, loss_by};
use super::rowwise::{Row, RowGrad, Rowwise, Want};
use super::scalar::positive_part;
use tricks_tensor::{Float, Result, hyper};

/// What the label's score lacks to be above each other by a margin.
///
/// # Formula
/// ```text
/// z_j  = max(0, margin − x_label + x_j)    j ≠ label
/// l    = w_label / K Σ_j z_j^p
/// dx_j = w_label p z_j^(p−1) / K, and minus their sum for j = label; all over the number of rows
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | 1 | 1 or 2 |
/// | `margin` | | 1 | finite |
/// | `weight` | w | 1 | one for each class, ≥ 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Rows run along the second axis, as in [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
/// Notes: PyTorch's `MultiMarginLoss`: the mean is over the number of rows, whatever the weights.
///
/// ```
/// use tricks_net::losses::{Loss, MultiMargin};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[0.5, 0.0, 1.0]]).into_dyn();
/// let loss = MultiMargin::default().value(y.view(), &[0])?;
/// assert!((loss - 2.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiMargin {
    /// p: 1, or 2 for squares.
    pub p: u32,
    /// By how much the label's score should be above.
    pub margin: f64,
    /// w: one for each class; 1 if absent.
    pub weight: Option<Vec<f64>>,
    /// How the rows' losses become one number.
    pub reduction: Reduction,
}

impl Default for MultiMargin {
    fn default() -> Self {
        Self { p: 1, margin: 1.0, weight: None, reduction: Reduction::Mean }
    }
}

impl Rowwise for MultiMargin {
    const NAME: &'static str = "MultiMargin";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self, classes: usize) -> Result<()> {
        let ok = matches!(self.p, 1 | 2);
        hyper::require(Self::NAME, "p", f64::from(self.p), ok, "1 or 2")?;
        hyper::finite(Self::NAME, "margin", self.margin)?;
        check_weights(Self::NAME, "weight", self.weight.as_deref(), (classes, "classes"))
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let label = want.label();
        let weight = self.weight.as_ref().map_or(1.0, |weight| weight[label]);
        let scale = weight / x.len() as f64;
        let lack = |j: usize| match j == label {
            true => (0.0, 0.0),
            false => positive_part(self.margin - x.at(label) + x.at(j)),
        };
        let power = |z: f64| if self.p == 1 { z } else { z * z };
        let slope = |(z, step): (f64, f64)| if self.p == 1 { step } else { 2.0 * z };
        if let Some(mut dx) = dx {
            let mut sum = 0.0;
            for j in 0..x.len() {
                sum += slope(lack(j));
                dx.set(j, scale * slope(lack(j)));
            }
            dx.set(label, -scale * sum);
        }
        scale * (0..x.len()).map(|j| power(lack(j).0)).sum::<f64>()
    }
}

loss_by!(rowwise, MultiMargin);
