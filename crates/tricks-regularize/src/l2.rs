use crate::penalty::{add_slope, map};
use crate::{Penalty, Proximal};
use tricks_tensor::kernel::sum_squares;
use tricks_tensor::{Float, Result, hyper};

/// L2, also called ridge: weights shrink in proportion to their size.
///
/// # Formula
/// ```text
/// value = λ/2 Σ w²        gradient: λ w
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 1e-4 | at least 0 |
///
/// # Notes
/// * With the ½ the gradient is λw, as PyTorch's `weight_decay` adds it. Keras has no ½: its
///   `l2(0.01)` is `lambda: 0.02` here.
/// * With plain gradient descent a step multiplies weights by `1 − lr·λ`: weight decay. With
///   momentum or Adam it does not: decoupled decay, an option of the optimizer, does.
///
/// # Source
/// Hoerl, Kennard: *Ridge regression*, Technometrics 12, 1970. Krogh, Hertz: *A simple weight
/// decay can improve generalization*, NIPS 1991.
///
/// ```
/// use tricks_regularize::{L2, Penalty};
/// let (w, mut grad) = ([2.0f32, 0.0, -4.0], [0.0f32; 3]);
/// let l2 = L2 { lambda: 0.5 };
/// l2.add_grad(&w, &[3], &mut grad);
/// assert_eq!((l2.value(&w, &[3]), grad), (5.0, [1.0, 0.0, -2.0]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L2 {
    /// Strength.
    pub lambda: f64,
}

impl Default for L2 {
    fn default() -> Self {
        Self { lambda: 1e-4 }
    }
}

impl<F: Float> Penalty<F> for L2 {
    fn value(&self, w: &[F], _: &[usize]) -> f64 {
        self.lambda / 2.0 * sum_squares(w)
    }

    fn add_grad(&self, w: &[F], _: &[usize], grad: &mut [F]) {
        let lambda = F::of(self.lambda);
        add_slope(
            w,
            grad,
            #[inline(always)]
            |w| lambda * w,
        );
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("L2", "lambda", self.lambda)
    }
}

impl<F: Float> Proximal<F> for L2 {
    fn shrink(&self, step: f64, w: &mut [F], _: &[usize]) {
        let shrunk = F::of(1.0 + step * self.lambda);
        map(
            w,
            #[inline(always)]
            |w| w / shrunk,
        );
    }
}
