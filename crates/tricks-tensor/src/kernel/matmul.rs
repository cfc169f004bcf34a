use super::{join, threads};
use crate::Float;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

/// Below this many multiplications a product stays on one thread.
const MIN_FORK: usize = 1 << 20;

/// `C ← α·A·B + β·C`, for views of any layout, on all threads of the pool.
///
/// Each thread computes whole columns of `C` with the same kernel, so the split does not change
/// the bits. It chooses fused multiply-add at run time: bits can differ between CPU models.
///
/// # Panics
/// If the shapes do not match; layers check them first.
pub fn matmul<F: Float>(
    alpha: F,
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    beta: F,
    c: ArrayViewMut2<'_, F>,
) {
    split(threads(), alpha, a, b, beta, c);
}

fn split<F: Float>(
    parts: usize,
    alpha: F,
    a: ArrayView2<'_, F>,
    b: ArrayView2<'_, F>,
    beta: F,
    mut c: ArrayViewMut2<'_, F>,
) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    // The kernel works on whole tiles: a cut that is a multiple of 16 leaves none ragged.
    let left = parts / 2;
    let middle = (n * left / parts.max(1)).next_multiple_of(16);
    if parts < 2 || m * k * n < MIN_FORK || middle >= n {
        return general_mat_mul(alpha, &a, &b, beta, &mut c);
    }
    let (b0, b1) = b.split_at(Axis(1), middle);
    let (c0, c1) = c.split_at(Axis(1), middle);
    join(|| split(left, alpha, a, b0, beta, c0), || split(parts - left, alpha, a, b1, beta, c1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use proptest::prelude::*;

    fn draw(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
        let mut data = vec![0.0; rows * cols];
        crate::Noise::new(seed).fill_uniform(0, &mut data);
        Array2::from_shape_vec((rows, cols), data).unwrap()
    }

    proptest! {
        #[test]
        fn product_is_right_and_ignores_threads(m in 0usize..160, k in 0usize..120, n in 0usize..160) {
            let (a, b, c) = (draw(m, k, 1), draw(n, k, 2), draw(m, n, 3));
            let mut want = Array2::zeros((m, n));
            for ((i, j), w) in want.indexed_iter_mut() {
                *w = 0.5 * c[[i, j]] + (0..k).map(|l| 2.0 * a[[i, l]] * b[[j, l]]).sum::<f64>();
            }
            let run = || {
                let mut got = c.clone();
                matmul(2.0, a.view(), b.t(), 0.5, got.view_mut());
                got
            };
            let got = run();
            for (got, want) in got.iter().zip(&want) {
                prop_assert!((got - want).abs() < 1e-10, "{} {}", got, want);
            }
            #[cfg(feature = "rayon")]
            for threads in [1, 2, 3, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                prop_assert_eq!(&got, &pool.install(run));
            }
        }
    }
}
