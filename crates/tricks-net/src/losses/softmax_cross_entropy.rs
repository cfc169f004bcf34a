use super::{Loss, Target, refuse_empty};
use ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, hyper, math, ndarray};

/// Softmax and cross-entropy in one: logits in, the mean negative log-probability out.
///
/// # Formula
/// ```text
/// p_j  = e^(x_j) / Σ_k e^(x_k)
/// q_j  = (1 − ε) t_j + ε/K           t: 1 for the label's class, or the target's row
/// L    = −1/n Σ_rows Σ_j q_j ln p_j
/// dx_j = (p_j Σ_k q_k − q_j) / n
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `label_smoothing` | ε | 0 | [0, 1] |
///
/// The largest logit of a row is subtracted first, and the logarithm is taken of the sum: exact at
/// any size of the logits, where the logarithm of a softmax would be −∞. Computed in `f64` with
/// the same bits on every machine.
///
/// Targets are labels, or values of the logits' shape for soft targets (each ≥ 0; rows need not
/// sum to 1).
///
/// Notes: smoothing gives the target class `1 − ε + ε/K`, as PyTorch, Keras and Optax do, not
/// `1 − ε`.
///
/// Source: Szegedy et al.: *Rethinking the Inception architecture*, CVPR 2016, section 7
/// (smoothing).
///
/// ```
/// use tricks_net::losses::{Loss, SoftmaxCrossEntropy};
/// use tricks_tensor::ndarray::{Array, arr2};
/// let loss = SoftmaxCrossEntropy::default();
/// let logits = arr2(&[[0.0, 0.0], [1000.0, -1000.0]]).into_dyn();
/// let mut dx = Array::zeros(vec![2, 2]);
/// let mean = loss.gradient(logits.view(), &[1, 1], dx.view_mut())?;
/// assert!((mean - (0.5f64.recip().ln() + 2000.0) / 2.0).abs() < 1e-12);
/// assert_eq!(dx, arr2(&[[0.25, -0.25], [0.5, -0.5]]).into_dyn());
///
/// let refused = loss.value(logits.view(), &[0, 2]).unwrap_err();
/// assert_eq!(refused.to_string(), "labels: row 1 has 2, must be below 2");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// ε: how much of the target is spread evenly over all classes.
    pub label_smoothing: f64,
}

const NAME: &str = "SoftmaxCrossEntropy";

impl<F: Float> Loss<F> for SoftmaxCrossEntropy {
    fn check(&self, y: &[usize], target: &Target<'_, F>) -> Result<()> {
        hyper::probability(NAME, "label_smoothing", self.label_smoothing)?;
        let &[rows, classes] = y else {
            let message = format!("logits have shape {y:?}, expected [rows, classes]");
            return Err(Error::invalid(NAME, message));
        };
        refuse_empty(NAME, y)?;
        match target {
            Target::Labels(labels) => {
                require_shape(NAME, ("labels", &[labels.len()]), ("rows of logits", &[rows]))?;
                let Some(row) = labels.iter().position(|&label| label >= classes) else {
                    return Ok(());
                };
                let (value, limit) = (labels[row] as u64, classes as u64);
                Err(Error::Data { name: "labels".into(), row, value, limit })
            }
            Target::Values(targets) => {
                require_shape(NAME, ("targets", targets.shape()), ("logits", y))?;
                let wrong = |t: &F| !(*t >= F::zero() && t.is_finite());
                let Some((at, t)) = targets.iter().enumerate().find(|(_, t)| wrong(t)) else {
                    return Ok(());
                };
                let (row, class) = (at / classes, at % classes);
                let message = format!(
                    "target of row {row}, class {class} is {t}, must be finite and at least 0"
                );
                Err(Error::invalid(NAME, message))
            }
        }
    }

    fn evaluate(
        &self,
        y: ArrayViewD<'_, F>,
        target: Target<'_, F>,
        dy: Option<ArrayViewMutD<'_, F>>,
    ) -> Result<f64> {
        self.check(y.shape(), &target)?;
        if let Some(dy) = &dy {
            require_shape(NAME, ("gradient", dy.shape()), ("output", y.shape()))?;
        }
        let classes = y.shape()[1];
        let (keep, even) = (1.0 - self.label_smoothing, self.label_smoothing / classes as f64);
        let logits = y.as_standard_layout();
        let logits = numbers(&logits);
        Ok(match target {
            Target::Labels(labels) => {
                let q = |i: usize, j| if labels[i] == j { keep + even } else { even };
                mean(logits, classes, q, dy)
            }
            Target::Values(targets) => {
                let targets = targets.as_standard_layout();
                let targets = numbers(&targets);
                let q = |i: usize, j: usize| keep * targets[i * classes + j].widen() + even;
                mean(logits, classes, q, dy)
            }
        })
    }
}

/// The mean loss over the rows of `logits` for the wanted probabilities `q(row, class)`.
fn mean<F: Float>(
    logits: &[F],
    classes: usize,
    q: impl Fn(usize, usize) -> f64,
    dy: Option<ArrayViewMutD<'_, F>>,
) -> f64 {
    match dy {
        Some(dy) => with_numbers(dy, |dy| sum(logits, classes, &q, dy)),
        None => sum(logits, classes, &q, &mut []),
    }
}

/// As [`mean`]; an empty `dy` is not filled.
fn sum<F: Float>(
    logits: &[F],
    classes: usize,
    q: &impl Fn(usize, usize) -> f64,
    dy: &mut [F],
) -> f64 {
    let n = (logits.len() / classes) as f64;
    let mut dy = dy.chunks_exact_mut(classes);
    let mut loss = 0.0;
    for (i, x) in logits.chunks_exact(classes).enumerate() {
        let largest = x.iter().fold(f64::NEG_INFINITY, |max, x| x.widen().max(max));
        let sum: f64 = x.iter().map(|x| math::exp(x.widen() - largest)).sum();
        let log_sum = math::ln(sum);
        let mut total = 0.0;
        for (j, x) in x.iter().enumerate() {
            let q = q(i, j);
            total += q;
            // A class that is impossible and not wanted costs 0, not 0·∞.
            if q != 0.0 || x.is_nan() {
                loss += q * (log_sum - (x.widen() - largest));
            }
        }
        if let Some(dy) = dy.next() {
            for ((j, x), dy) in x.iter().enumerate().zip(dy) {
                let p = math::exp(x.widen() - largest) / sum;
                *dy = F::of((p * total - q(i, j)) / n);
            }
        }
    }
    loss / n
}
