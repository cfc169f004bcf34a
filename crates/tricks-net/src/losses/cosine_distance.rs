use super::Reduction;
use super::elementwise::{Domain, loss_by};
use super::rowwise::{Row, RowGrad, Rowwise, Want};
use tricks_tensor::{Float, Result, hyper};

/// One minus the cosine between an output's row and a target's.
///
/// # Formula
/// ```text
/// a    = max(‖x‖, ε),  b = max(‖t‖, ε)
/// c    = x·t / (a b)
/// l    = 1 − c
/// dx_j = −(t_j / b − c x_j / a) / a / n     the second term only where ‖x‖ > ε
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-8 | > 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Rows run along the second axis, as in [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy).
/// Targets are values of the outputs' shape, and get no gradient;
/// [`CosineEmbedding`](super::CosineEmbedding) has one for both.
///
/// Notes: one by one Optax's `cosine_distance`, whose default ε is 0.
///
/// ```
/// use tricks_net::losses::{Loss, CosineDistance};
/// use tricks_tensor::ndarray::arr2;
/// let y = arr2(&[[3.0, 4.0]]).into_dyn();
/// let loss = CosineDistance::default().value(y.view(), &arr2(&[[1.0, 0.0]]))?;
/// assert!((loss - 0.4).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineDistance {
    /// ε: the least length; a row of zeros has cosine 0.
    pub eps: f64,
    /// How the rows' losses become one number.
    pub reduction: Reduction,
}

impl Default for CosineDistance {
    fn default() -> Self {
        Self { eps: 1e-8, reduction: Reduction::Mean }
    }
}

impl Rowwise for CosineDistance {
    const NAME: &'static str = "CosineDistance";
    const LABELS: bool = false;
    const VALUES: Option<Domain> = Some(Domain::Any);

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self, _: usize) -> Result<()> {
        hyper::positive(Self::NAME, "eps", self.eps)
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let length = |squares: f64| squares.sqrt().max(self.eps);
        let squares: f64 = x.iter().map(|x| x * x).sum();
        let a = length(squares);
        let b = length((0..x.len()).map(|j| want.of(j) * want.of(j)).sum());
        let cosine = x.iter().enumerate().map(|(j, x)| x * want.of(j)).sum::<f64>() / (a * b);
        if let Some(mut dx) = dx {
            // A length held at ε does not move.
            let moves = if squares.sqrt() > self.eps { cosine } else { 0.0 };
            for (j, x) in x.iter().enumerate() {
                dx.set(j, -(want.of(j) / b - moves * x / a) / a);
            }
        }
        1.0 - cosine
    }
}

loss_by!(rowwise, CosineDistance);
