use super::Reduction;
use super::elementwise::Domain;
use super::joint::{Joint, joint_loss};
use super::scalar::positive_part;
use tricks_tensor::{Float, Result, hyper};

/// Two scores: which should be higher, and by how much.
///
/// # Formula
/// ```text
/// l  = max(0, −t (a − b) + margin)     t = 1: a should be higher; −1: b
/// L  = 1/N Σ l
/// da = −t / N, db = t / N              where the loss is above 0
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `margin` | | 0 | finite |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: PyTorch's `MarginRankingLoss`.
///
/// ```
/// use tricks_net::losses::{JointLoss, MarginRanking};
/// use tricks_tensor::ndarray::arr1;
/// let (a, b) = (arr1(&[1.0, 1.0]).into_dyn(), arr1(&[0.0, 3.0]).into_dyn());
/// let target = arr1(&[1.0, 1.0]).into_dyn();
/// let loss = MarginRanking::default()
///     .evaluate([a.view(), b.view()], Some(target.view()), [None, None])?;
/// assert_eq!(loss, 1.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MarginRanking {
    /// By how much the right score should be higher.
    pub margin: f64,
    /// How the pairs' losses become one number.
    pub reduction: Reduction,
}

impl Joint<2> for MarginRanking {
    const NAME: &'static str = "MarginRanking";
    const VECTORS: bool = false;
    const TARGET: Option<Domain> = Some(Domain::Sign);

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self) -> Result<()> {
        hyper::finite(Self::NAME, "margin", self.margin)
    }

    fn part<F: Float>(&self, [a, b]: [&[F]; 2], t: f64, [da, db]: &mut [Vec<f64>; 2]) -> f64 {
        let (value, slope) = positive_part(self.margin - t * (a[0].widen() - b[0].widen()));
        (da[0], db[0]) = (-t * slope, t * slope);
        value
    }
}

joint_loss!(MarginRanking, 2);
