use super::Reduction;
use super::elementwise::{Domain, loss_by};
use super::rowwise::{Row, RowGrad, Rowwise, Want};
use super::scalar::weighed;
use tricks_tensor::{Float, Result, hyper};

/// Softmax cross-entropy with more on the first term of its expansion.
///
/// # Formula
/// ```text
/// p    = softmax(x)
/// l    = −Σ_j t_j ln p_j + ε Σ_j t_j (1 − p_j)
/// dx_j = (p_j Σ_k t_k − t_j − ε p_j (t_j − Σ_k t_k p_k)) / n
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `epsilon` | ε | 2 | finite |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Rows run along the second axis, as in [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
/// Targets are labels, or values of the logits' shape, each ≥ 0. Exact at any size of the logits.
///
/// Notes: one by one Optax's `poly_loss_cross_entropy`, its default included.
///
/// Source: Leng et al.: *PolyLoss*, ICLR 2022, equation 5.
///
/// ```
/// use tricks_net::losses::{Loss, PolyCrossEntropy};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[0.0, 0.0]]).into_dyn();
/// let loss = PolyCrossEntropy::default().value(y.view(), &[0])?;
/// assert!((loss - (2f64.ln() + 1.0)).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolyCrossEntropy {
    /// ε: what is added to the first coefficient, 1.
    pub epsilon: f64,
    /// How the rows' losses become one number.
    pub reduction: Reduction,
}

impl Default for PolyCrossEntropy {
    fn default() -> Self {
        Self { epsilon: 2.0, reduction: Reduction::Mean }
    }
}

impl Rowwise for PolyCrossEntropy {
    const NAME: &'static str = "PolyCrossEntropy";
    const SCORES: &'static str = "logits";
    const VALUES: Option<Domain> = Some(Domain::NonNegative);

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::finite(Self::NAME, "epsilon", self.epsilon)
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let softmax = x.softmax();
        let (mut loss, mut total, mut right) = (0.0, 0.0, 0.0);
        softmax.each(x, |j, x, p| {
            let t = want.of(j);
            loss += weighed(t, softmax.surprise(x)) + self.epsilon * t * (1.0 - p);
            total += t;
            right += t * p;
        });
        if let Some(mut dx) = dx {
            softmax.each(x, |j, _, p| {
                let t = want.of(j);
                dx.set(j, p * total - t - self.epsilon * p * (t - right));
            });
        }
        loss
    }
}

loss_by!(rowwise, PolyCrossEntropy);
