use crate::penalty::{add_slope, map, sign};
use crate::proximal::soft_threshold;
use crate::{Penalty, Proximal};
use tricks_tensor::kernel::sum_blocks;
use tricks_tensor::{Float, Result, hyper};

/// Elastic net: L1 for few weights, and L2 so that those which belong together stay together.
///
/// # Formula
/// ```text
/// value = λ₁ Σ |w| + λ₂/2 Σ w²        gradient: λ₁ sign(w) + λ₂ w
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `l1` | λ₁ | 1e-4 | at least 0 |
/// | `l2` | λ₂ | 1e-4 | at least 0 |
///
/// # Notes
/// * The same as [`L1`](crate::L1) and [`L2`](crate::L2) together, with one read of the weights
///   less. Keras' `l1_l2` has no ½: its `l2` is half of this one.
///
/// # Source
/// Zou, Hastie: *Regularization and variable selection via the elastic net*, J. R. Statist. Soc. B
/// 67, 2005.
///
/// ```
/// use tricks_regularize::{ElasticNet, Penalty};
/// let (w, mut grad) = ([2.0f32, 0.0, -4.0], [0.0f32; 3]);
/// let net = ElasticNet { l1: 0.25, l2: 0.5 };
/// net.add_grad(&w, &[3], &mut grad);
/// assert_eq!((net.value(&w, &[3]), grad), (6.5, [1.25, 0.0, -2.25]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ElasticNet {
    /// Strength of `Σ |w|`.
    pub l1: f64,
    /// Strength of `Σ w²/2`.
    pub l2: f64,
}

impl Default for ElasticNet {
    fn default() -> Self {
        Self { l1: 1e-4, l2: 1e-4 }
    }
}

impl<F: Float> Penalty<F> for ElasticNet {
    fn value(&self, w: &[F], _: &[usize]) -> f64 {
        let (l1, half_l2) = (self.l1, self.l2 / 2.0);
        sum_blocks(
            w,
            #[inline(always)]
            |w| l1 * w.abs() + half_l2 * w * w,
        )
    }

    fn add_grad(&self, w: &[F], _: &[usize], grad: &mut [F]) {
        let (l1, l2) = (F::of(self.l1), F::of(self.l2));
        add_slope(
            w,
            grad,
            #[inline(always)]
            |w| l1 * sign(w) + l2 * w,
        );
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative("ElasticNet", "l1", self.l1)?;
        hyper::non_negative("ElasticNet", "l2", self.l2)
    }
}

impl<F: Float> Proximal<F> for ElasticNet {
    fn shrink(&self, step: f64, w: &mut [F], _: &[usize]) {
        let (threshold, shrunk) = (F::of(step * self.l1), F::of(1.0 + step * self.l2));
        map(
            w,
            #[inline(always)]
            |w| soft_threshold(w, threshold) / shrunk,
        );
    }
}
