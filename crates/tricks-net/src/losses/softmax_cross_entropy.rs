use super::Reduction;
use super::elementwise::{Domain, check_weights, loss_by};
use super::rowwise::{Row, RowGrad, Rowwise, Want};
use super::scalar::weighed;
use tricks_tensor::{Float, Result, hyper};

/// Softmax and cross-entropy in one: logits in, the mean negative log-probability out.
///
/// # Formula
/// ```text
/// p_j  = e^(x_j) / Σ_k e^(x_k)
/// q_j  = (1 − ε) t_j + ε/K           t: 1 for the label's class, or the target's row
/// l    = −Σ_j w_j q_j ln p_j         one for each row
/// L    = Σ_rows l / D                D: Σ_rows w_label; the number of rows if targets are values
/// dx_j = (p_j Σ_k w_k q_k − w_j q_j) / D
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `label_smoothing` | ε | 0 | [0, 1] |
/// | `weight` | w | 1 | one for each class, ≥ 0 |
/// | `ignore_index` | | none | any label |
/// | `reduction` | | mean | mean (`D` above), sum (`D = 1`), batch mean (`D = n`) |
/// | `classes_last` | | false | |
///
/// Outputs are `[n, classes]`, `[n, classes, d₁, …]` or with `classes_last` `[n, d₁, …, classes]`,
/// with a row and a label for each place of `[n, d₁, …]` in C order. The largest logit of a row is
/// subtracted first, and the logarithm is taken of the sum: exact at any size of the logits, where
/// the logarithm of a softmax would be −∞. Computed in `f64` with the same bits on every machine.
///
/// Targets are labels, or values of the logits' shape for soft targets (each ≥ 0; rows need not
/// sum to 1).
///
/// Rows with the ignored label count for nothing, in the sum and in `D`; the label need be no
/// class. If nothing is left the mean is refused.
///
/// Notes: PyTorch's `CrossEntropyLoss`, which ignores −100 by default (`usize::MAX` will do here)
/// and gives NaN for a mean of nothing. Smoothing gives the target class `1 − ε + ε/K`, as PyTorch,
/// Keras and Optax do, not `1 − ε`. One by one Optax's `softmax_cross_entropy` and
/// `softmax_cross_entropy_with_integer_labels`; its mean over rows, and Keras', is the batch mean.
/// The classes are the second axis in PyTorch, and the last in Keras, in Optax, and in a
/// Transformer's output.
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
///
/// let ignoring = SoftmaxCrossEntropy { ignore_index: Some(usize::MAX), ..loss };
/// assert_eq!(ignoring.value(logits.view(), &[usize::MAX, 1])?, 2000.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// ε: how much of the target is spread evenly over all classes.
    pub label_smoothing: f64,
    /// w: one for each class; 1 if absent.
    pub weight: Option<Vec<f64>>,
    /// The label of rows that count for nothing.
    pub ignore_index: Option<usize>,
    /// How the rows' losses become one number.
    pub reduction: Reduction,
    /// Whether the classes are the last axis and not the second.
    pub classes_last: bool,
}

impl SoftmaxCrossEntropy {
    /// For a language model: logits `[samples, time, vocabulary]`, and for every place the token
    /// that comes next as its label.
    ///
    /// ```
    /// use tricks_net::losses::{Loss, SoftmaxCrossEntropy};
    /// use tricks_tensor::ndarray::arr3;
    /// let logits = arr3(&[[[0.0, 0.0, 50.0], [0.0, 50.0, 0.0]]]).into_dyn();
    /// assert!(SoftmaxCrossEntropy::next_token().value(logits.view(), &[2, 1])? < 1e-12);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    pub fn next_token() -> Self {
        Self { classes_last: true, ..Self::default() }
    }

    fn weight(&self, class: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weight| weight[class])
    }
}

impl Rowwise for SoftmaxCrossEntropy {
    const NAME: &'static str = "SoftmaxCrossEntropy";
    const SCORES: &'static str = "logits";
    const VALUES: Option<Domain> = Some(Domain::NonNegative);

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn classes_last(&self) -> bool {
        self.classes_last
    }

    fn validate(&self, classes: usize) -> Result<()> {
        hyper::probability(Self::NAME, "label_smoothing", self.label_smoothing)?;
        check_weights(Self::NAME, "weight", self.weight.as_deref(), (classes, "classes"))
    }

    fn ignores(&self, label: usize) -> bool {
        self.ignore_index == Some(label)
    }

    fn share(&self, label: usize) -> f64 {
        self.weight(label)
    }

    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64 {
        let (keep, even) = (1.0 - self.label_smoothing, self.label_smoothing / x.len() as f64);
        let wanted = |j| self.weight(j) * (keep * want.of(j) + even);
        let softmax = x.softmax();
        let (mut loss, mut total) = (0.0, 0.0);
        for (j, x) in x.iter().enumerate() {
            // A class that is impossible and not wanted costs 0, not 0·∞.
            loss += weighed(wanted(j), softmax.surprise(x));
            total += wanted(j);
        }
        if let Some(mut dx) = dx {
            softmax.each(x, |j, _, p| dx.set(j, p * total - wanted(j)));
        }
        loss
    }
}

loss_by!(rowwise, SoftmaxCrossEntropy);
