use crate::penalty::{add_slope, map, sign};
use crate::proximal::soft_threshold;
use crate::{Penalty, Proximal};
use tricks_tensor::kernel::sum_blocks;
use tricks_tensor::{Float, Result, hyper};

/// L1: every weight is pulled towards zero with the same force, and small ones reach it.
///
/// # Formula
/// ```text
/// value = λ Σ |w|        gradient: λ sign(w), 0 at 0
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 1e-4 | at least 0 |
///
/// # Notes
/// * There is no ½, here as in Keras.
/// * A gradient step crosses zero instead of stopping there: weights end up near zero, within
///   `lr · λ` of it, not at it. [`proximal_step`](crate::proximal_step) stops them there:
///   `w ← sign(w) max(|w| − lr λ, 0)`.
///
/// # Source
/// Tibshirani: *Regression shrinkage and selection via the lasso*, J. R. Statist. Soc. B 58, 1996.
///
/// ```
/// use tricks_regularize::{L1, Penalty};
/// let (w, mut grad) = ([1.5f32, 0.0, -0.5], [0.0f32; 3]);
/// let l1 = L1 { lambda: 0.25 };
/// l1.add_grad(&w, &[3], &mut grad);
/// assert_eq!((l1.value(&w, &[3]), grad), (0.5, [0.25, 0.0, -0.25]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L1 {
    /// Strength.
    pub lambda: f64,
}

impl Default for L1 {
    fn default() -> Self {
        Self { lambda: 1e-4 }
    }
}

impl<F: Float> Penalty<F> for L1 {
    fn value(&self, w: &[F], _: &[usize]) -> f64 {
        self.lambda
            * sum_blocks(
                w,
                #[inline(always)]
                |w| w.abs(),
            )
    }

    fn add_grad(&self, w: &[F], _: &[usize], grad: &mut [F]) {
        let lambda = F::of(self.lambda);
        add_slope(
            w,
            grad,
            #[inline(always)]
            |w| lambda * sign(w),
        );
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("L1", "lambda", self.lambda)
    }
}

impl<F: Float> Proximal<F> for L1 {
    fn shrink(&self, step: f64, w: &mut [F], _: &[usize]) {
        let threshold = F::of(step * self.lambda);
        map(
            w,
            #[inline(always)]
            |w| soft_threshold(w, threshold),
        );
    }
}
