use super::Reduction;
use super::elementwise::Domain;
use super::joint::{Joint, joint_loss};
use super::scalar::positive_part;
use tricks_tensor::{Float, Result, hyper};

/// Two embeddings: one direction for pairs that belong together, a wide angle for others.
///
/// # Formula
/// ```text
/// c = a·b / √((‖a‖² + 1e−12) (‖b‖² + 1e−12))
/// l = 1 − c                     if t = 1
///     max(0, c − margin)        if t = −1
/// L = 1/n Σ l
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `margin` | | 0 | [−1, 1] |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// The vectors run along the last axis; there is a target, 1 or −1, for each pair.
///
/// Notes: PyTorch's `CosineEmbeddingLoss`, the constant under its root included.
///
/// ```
/// use tricks_net::losses::{CosineEmbedding, JointLoss};
/// use tricks_tensor::ndarray::{Array, arr1, arr2};
/// let (a, b) = (arr2(&[[1.0, 0.0]]).into_dyn(), arr2(&[[3.0, 4.0]]).into_dyn());
/// let (target, mut da) = (arr1(&[1.0]).into_dyn(), Array::zeros(vec![1, 2]));
/// let grads = [Some(da.view_mut()), None];
/// let loss = CosineEmbedding::default()
///     .evaluate([a.view(), b.view()], Some(target.view()), grads)?;
/// assert!((loss - 0.4).abs() < 1e-9 && (da[[0, 1]] + 0.8f64).abs() < 1e-9);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CosineEmbedding {
    /// The cosine that is small enough for pairs that do not belong together.
    pub margin: f64,
    /// How the pairs' losses become one number.
    pub reduction: Reduction,
}

/// Under the root, with each squared length.
const EPS: f64 = 1e-12;

impl Joint<2> for CosineEmbedding {
    const NAME: &'static str = "CosineEmbedding";
    const VECTORS: bool = true;
    const TARGET: Option<Domain> = Some(Domain::Sign);

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self) -> Result<()> {
        let ok = (-1.0..=1.0).contains(&self.margin);
        hyper::require(Self::NAME, "margin", self.margin, ok, "in [-1, 1]")
    }

    fn part<F: Float>(&self, [a, b]: [&[F]; 2], t: f64, [da, db]: &mut [Vec<f64>; 2]) -> f64 {
        let dot =
            |a: &[F], b: &[F]| a.iter().zip(b).map(|(a, b)| a.widen() * b.widen()).sum::<f64>();
        let (aa, bb) = (dot(a, a) + EPS, dot(b, b) + EPS);
        let lengths = (aa * bb).sqrt();
        let cosine = dot(a, b) / lengths;
        let (value, slope) =
            if t > 0.0 { (1.0 - cosine, -1.0) } else { positive_part(cosine - self.margin) };
        for (j, (a, b)) in a.iter().zip(b).enumerate() {
            let (a, b) = (a.widen(), b.widen());
            da[j] = slope * (b / lengths - cosine * a / aa);
            db[j] = slope * (a / lengths - cosine * b / bb);
        }
        value
    }
}

joint_loss!(CosineEmbedding, 2);
