use crate::identity::require_matrix;
use crate::initializer::{check, check_finite};
use crate::{Fan, Initializer, Normal};
use tricks_tensor::{Float, Noise, Result, hyper};

/// Normal draws, of which a fixed part of every column is zero.
///
/// # Formula
/// ```text
/// W[i, j] = 0 for ⌈sparsity · rows⌉ rows i of each column j, chosen at random; else N(0, std²)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `sparsity` | | 0.9 | 0 to 1 |
/// | `std` | σ | 0.01 | ≥ 0 |
///
/// Notes: PyTorch's `sparse_`, which has no default for the sparsity. A column of `[out, in]` holds
/// what one input is multiplied by; of `[in, out]`, what one output sums.
///
/// Source: Martens: *Deep Learning via Hessian-free Optimization*, ICML 2010, section 5.
///
/// ```
/// use tricks_init::{Fan, Initializer, Sparse};
/// use tricks_tensor::Noise;
/// let mut w = [0.0f32; 40];
/// let fan = Fan { fan_in: 4, fan_out: 10 };
/// Sparse { sparsity: 0.3, std: 0.01 }.fill(fan, &[10, 4], Noise::new(1), &mut w)?;
/// for column in 0..4 {
///     assert_eq!(w.iter().skip(column).step_by(4).filter(|w| **w == 0.0).count(), 3);
/// }
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sparse {
    /// The part of each column that is zero.
    pub sparsity: f64,
    /// Standard deviation of what is not.
    pub std: f64,
}

impl Default for Sparse {
    fn default() -> Self {
        Self { sparsity: 0.9, std: 0.01 }
    }
}

impl<F: Float> Initializer<F> for Sparse {
    /// # Errors
    /// A hyper-parameter out of range; not two dimensions.
    fn validate(&self, _: Fan, shape: &[usize]) -> Result<()> {
        hyper::probability("Sparse", "sparsity", self.sparsity)?;
        hyper::non_negative("Sparse", "std", self.std)?;
        check_finite::<F>("Sparse", "std", self.std)?;
        require_matrix("Sparse", shape)
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("Sparse", self, (fan, shape), out)?;
        Normal { mean: 0.0, std: self.std }.draw(noise, out);
        let (rows, columns) = (shape[0], shape[1]);
        let zeros = (self.sparsity * rows as f64).ceil() as usize;
        let (mut left, mut chances) = (vec![zeros; columns], vec![0.0; columns]);
        for (i, row) in out.chunks_exact_mut(columns.max(1)).enumerate() {
            noise.child(0).fill_uniform((i * columns) as u64, &mut chances);
            // Row i takes one of the zeros left with the chance it has among the rows left.
            for ((x, left), chance) in row.iter_mut().zip(&mut left).zip(&chances) {
                if chance * ((rows - i) as f64) < *left as f64 {
                    *x = F::zero();
                    *left -= 1;
                }
            }
        }
        Ok(())
    }

    fn uses_fan(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_chosen_as_often() {
        let (rows, columns) = (5, 10_000);
        let mut w = vec![0.0f64; rows * columns];
        let fan = Fan { fan_in: columns, fan_out: rows };
        let init = Sparse { sparsity: 0.4, std: 1.0 };
        init.fill(fan, &[rows, columns], Noise::new(6), &mut w).unwrap();
        for row in w.chunks_exact(columns) {
            let zeros = row.iter().filter(|w| **w == 0.0).count() as f64;
            // Four standard deviations of a binomial count.
            assert!((zeros - 4000.0).abs() < 4.0 * f64::sqrt(0.24 * 10_000.0), "{zeros}");
        }
    }

    #[test]
    fn nothing_and_all() {
        for (sparsity, zeros) in [(0.0, 0), (1.0, 6), (0.34, 4)] {
            let mut w = [0.0f64; 6];
            let fan = Fan { fan_in: 2, fan_out: 3 };
            Sparse { sparsity, std: 1.0 }.fill(fan, &[3, 2], Noise::new(0), &mut w).unwrap();
            assert_eq!(w.iter().filter(|w| **w == 0.0).count(), zeros);
        }
        let fan = Fan { fan_in: 1, fan_out: 1 };
        let refused = |init: Sparse, shape: &[usize]| {
            Initializer::<f64>::validate(&init, fan, shape).unwrap_err().to_string()
        };
        assert_eq!(refused(Sparse::default(), &[4]), "Sparse: needs 2 dimensions, shape [4] has 1",);
        assert_eq!(
            refused(Sparse { sparsity: 1.5, std: 1.0 }, &[2, 2]),
            "Sparse: sparsity is 1.5, must be in [0, 1]",
        );
    }
}
