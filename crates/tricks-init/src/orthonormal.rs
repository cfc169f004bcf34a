//! Orthonormal rows, uniformly distributed over all such sets.

use crate::draw;
use tricks_tensor::Noise;
use tricks_tensor::kernel::vectorize;

/// `rows` of `columns` numbers each, `rows ≤ columns`: normal draws, made orthonormal one after the
/// other. Each keeps its direction beside those before it, so the matrix of the change has a
/// positive diagonal, and the result is uniform (Haar).
///
/// Gram–Schmidt, each row twice: what rounding leaves of the others in a row that was nearly in
/// their span is taken out the second time.
pub(crate) fn orthonormal_rows(noise: Noise, rows: usize, columns: usize) -> Vec<f64> {
    let mut matrix = vec![0.0; rows * columns];
    draw::normals(noise, &mut matrix, 0.0, 1.0);
    for i in 0..rows {
        let (before, row) = matrix.split_at_mut(i * columns);
        let row = &mut row[..columns];
        vectorize(
            #[inline(always)]
            || {
                for _ in 0..2 {
                    for other in before.chunks_exact(columns) {
                        let along = dot(other, row);
                        for (x, y) in row.iter_mut().zip(other) {
                            *x -= along * y;
                        }
                    }
                    let norm = dot(row, row).sqrt();
                    for x in row.iter_mut() {
                        *x /= norm;
                    }
                }
            },
        );
    }
    matrix
}

/// `Σ aᵢbᵢ`, in an order of its own that no CPU changes.
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 32;
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += a * b;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_orthonormal_and_keep_their_side() {
        for (rows, columns) in [(1, 1), (1, 40), (7, 7), (40, 70), (64, 64)] {
            let q = orthonormal_rows(Noise::new(3), rows, columns);
            let mut drawn = vec![0.0; rows * columns];
            Noise::new(3).fill_normal(0, &mut drawn);
            for (i, a) in q.chunks_exact(columns).enumerate() {
                for (j, b) in q.chunks_exact(columns).enumerate() {
                    let want = f64::from(u8::from(i == j));
                    let got: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    assert!((got - want).abs() < 1e-14, "{rows} × {columns}: {i}, {j}: {got}");
                }
                // The diagonal of the change: positive.
                assert!(dot(a, &drawn[i * columns..(i + 1) * columns]) > 0.0);
            }
        }
    }
}
