//! Products of small matrices, for rules that need them inside a step: no allocation, the same
//! bits on every CPU and for every thread count, which the product of
//! [`kernel::matmul`](tricks_tensor::kernel::matmul) does not promise.

use tricks_tensor::{Float, kernel};

/// Numbers of a row that are in registers together.
const LANES: usize = 16;
/// Rows that are multiplied together.
const ROWS: usize = 4;
/// Columns whose rows stay in the nearest cache.
const TILE: usize = 256;

/// `C ← A Aᵀ` for `A: [rows, width]`.
pub(crate) fn gram<F: Float>(a: &[F], width: usize, c: &mut [F]) {
    let rows = a.len() / width.max(1);
    gram_rows(a, width, 0, c);
    for i in 0..rows {
        for j in 0..i {
            c[i * rows + j] = c[j * rows + i];
        }
    }
}

/// The upper half of the rows of `C` from `first` on.
fn gram_rows<F: Float>(a: &[F], width: usize, first: usize, c: &mut [F]) {
    let rows = a.len() / width.max(1);
    let mine = c.len() / rows.max(1);
    if mine > 1 && kernel::worth_forking(mine * a.len() / (2 * LANES)) {
        let (top, bottom) = c.split_at_mut(mine / 2 * rows);
        kernel::join(
            || gram_rows(a, width, first, top),
            || gram_rows(a, width, first + mine / 2, bottom),
        );
        return;
    }
    kernel::vectorize(
        #[inline(always)]
        || {
            for (i, c) in c.chunks_exact_mut(rows.max(1)).enumerate() {
                let i = first + i;
                let row = &a[i * width..][..width];
                for j in (i..rows).step_by(ROWS) {
                    let others: [&[F]; ROWS] =
                        std::array::from_fn(|k| &a[(j + k).min(rows - 1) * width..][..width]);
                    let products = dots(row, others);
                    let end = rows.min(j + ROWS);
                    c[j..end].copy_from_slice(&products[..end - j]);
                }
            }
        },
    );
}

/// The products of one row with some others.
#[inline(always)]
fn dots<F: Float>(row: &[F], others: [&[F]; ROWS]) -> [F; ROWS] {
    let mut sums = [[F::zero(); LANES]; ROWS];
    let whole = row.len() / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        for k in 0..ROWS {
            let (x, y) = (&row[at..at + LANES], &others[k][at..at + LANES]);
            for lane in 0..LANES {
                sums[k][lane] += x[lane] * y[lane];
            }
        }
    }
    std::array::from_fn(|k| {
        let rest = row[whole..].iter().zip(&others[k][whole..]);
        let rest: F = rest.map(|(x, y)| *x * *y).sum();
        sums[k].iter().copied().sum::<F>() + rest
    })
}

/// `Y ← α X + P X` for `P: [rows, rows]` and `X: [rows, width]`.
pub(crate) fn combine<F: Float>(alpha: F, p: &[F], x: &[F], width: usize, y: &mut [F]) {
    combine_rows(alpha, p, x, width, 0, y);
}

/// The rows of `Y` from `first` on.
fn combine_rows<F: Float>(alpha: F, p: &[F], x: &[F], width: usize, first: usize, y: &mut [F]) {
    let rows = x.len() / width.max(1);
    let mine = y.len() / width.max(1);
    if mine > 1 && kernel::worth_forking(mine * x.len() / LANES) {
        let (top, bottom) = y.split_at_mut(mine / 2 * width);
        kernel::join(
            || combine_rows(alpha, p, x, width, first, top),
            || combine_rows(alpha, p, x, width, first + mine / 2, bottom),
        );
        return;
    }
    kernel::vectorize(
        #[inline(always)]
        || {
            for at in (0..width).step_by(TILE) {
                let tile = |row: usize| &x[row * width + at..][..TILE.min(width - at)];
                for (i, y) in y.chunks_exact_mut(width).enumerate() {
                    let (i, y) = (first + i, &mut y[at..width.min(at + TILE)]);
                    y.iter_mut().zip(tile(i)).for_each(|(y, x)| *y = alpha * *x);
                    for l in (0..rows).step_by(ROWS) {
                        let of: [(F, &[F]); ROWS] = std::array::from_fn(|k| match l + k < rows {
                            true => (p[i * rows + l + k], tile(l + k)),
                            false => (F::zero(), tile(l)),
                        });
                        let [(p0, x0), (p1, x1), (p2, x2), (p3, x3)] = of;
                        let n = y.len();
                        let (x0, x1, x2, x3) = (&x0[..n], &x1[..n], &x2[..n], &x3[..n]);
                        for j in 0..n {
                            y[j] += p0 * x0[j] + p1 * x1[j] + (p2 * x2[j] + p3 * x3[j]);
                        }
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tricks_tensor::Noise;

    fn draw(len: usize, seed: u64) -> Vec<f64> {
        let mut numbers = vec![0.0; len];
        Noise::new(seed).fill_uniform(0, &mut numbers);
        numbers
    }

    proptest! {
        #[test]
        fn products_are_right(rows in 1usize..40, width in 1usize..600) {
            let (x, p) = (draw(rows * width, 1), draw(rows * rows, 2));
            let mut c = vec![0.0; rows * rows];
            gram(&x, width, &mut c);
            let mut y = vec![0.0; rows * width];
            combine(0.5, &p, &x, width, &mut y);
            for i in 0..rows {
                for j in 0..rows {
                    let want: f64 = (0..width).map(|k| x[i * width + k] * x[j * width + k]).sum();
                    prop_assert!((c[i * rows + j] - want).abs() < 1e-9);
                }
                for k in 0..width {
                    let sum: f64 = (0..rows).map(|l| p[i * rows + l] * x[l * width + k]).sum();
                    let want = 0.5 * x[i * width + k] + sum;
                    prop_assert!((y[i * width + k] - want).abs() < 1e-9);
                }
            }
        }
    }
}
