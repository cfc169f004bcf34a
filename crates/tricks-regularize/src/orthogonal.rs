use crate::Penalty;
use tricks_tensor::kernel::{matmul, sum_squares};
use tricks_tensor::ndarray::{Array2, ArrayView2, ArrayViewMut2};
use tricks_tensor::{Error, Float, Place, Result, hyper};

/// Soft orthogonality: the rows of a weight, or its columns, are drawn towards length 1 and right
/// angles.
///
/// # Formula
/// ```text
/// rows:     value = λ ‖W Wᵀ − I‖²_F        gradient: 4 λ (W Wᵀ − I) W
/// columns:  value = λ ‖Wᵀ W − I‖²_F        gradient: 4 λ W (Wᵀ W − I)
/// ```
///
/// W is a weight `[outputs, …]` with all other axes in one: a row is a whole filter.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 1e-4 | at least 0 |
/// | `of` | | `Rows` | |
///
/// # Memory
/// The products: the square of the number of rows, or of columns, while it is computed.
///
/// # Notes
/// * Of the two choose the one with fewer vectors: more rows than columns cannot all be at right
///   angles, and the value stays above 0.
/// * In the paper a column belongs to an output; its `WᵀW − I` is `Rows` here.
/// * Keras' `OrthogonalRegularizer` is another: it normalizes the vectors first, so that only
///   angles count.
/// * Matrix products are summed in `F`, and their bits may differ between CPU models.
///
/// # Source
/// Bansal, Chen, Wang: *Can we gain more from orthogonality regularizations in training deep
/// CNNs?*, NeurIPS 2018, section 3.1.
///
/// ```
/// use tricks_regularize::{Gram, Orthogonal, Penalty};
/// let w = [1.0, 1.0, 0.0, 2.0];
/// // W Wᵀ − I = (1 2; 2 3).
/// assert_eq!(Orthogonal { lambda: 0.5, of: Gram::Rows }.value(&w, &[2, 2]), 0.5 * 18.0);
/// // Wᵀ W − I = (0 1; 1 4).
/// assert_eq!(Orthogonal { lambda: 0.5, of: Gram::Columns }.value(&w, &[2, 2]), 0.5 * 18.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Orthogonal {
    /// Strength.
    pub lambda: f64,
    /// Which vectors.
    pub of: Gram,
}

/// Which products of vectors [`Orthogonal`] looks at.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gram {
    /// W Wᵀ: those of rows, which belong to outputs.
    Rows,
    /// Wᵀ W: those of columns, which belong to inputs.
    Columns,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self { lambda: 1e-4, of: Gram::Rows }
    }
}

const NAME: &str = "Orthogonal";

impl Orthogonal {
    /// `W Wᵀ − I` or `Wᵀ W − I`.
    fn excess<F: Float>(self, w: ArrayView2<'_, F>) -> Array2<F> {
        let turned = w.reversed_axes();
        let (left, right) = match self.of {
            Gram::Rows => (w, turned),
            Gram::Columns => (turned, w),
        };
        let mut gram = Array2::zeros([left.nrows(); 2]);
        matmul(F::one(), left, right, F::zero(), gram.view_mut());
        gram.diag_mut().mapv_inplace(|x| x - F::one());
        gram
    }
}

/// Rows and columns of a weight.
fn matrix(len: usize, shape: &[usize]) -> [usize; 2] {
    let rows = shape.first().copied().unwrap_or(1).max(1);
    [rows, len / rows]
}

fn view<'a, F: Float>(w: &'a [F], shape: &[usize]) -> ArrayView2<'a, F> {
    ArrayView2::from_shape(matrix(w.len(), shape), w).expect("a parameter fills its shape")
}

impl<F: Float> Penalty<F> for Orthogonal {
    fn value(&self, w: &[F], shape: &[usize]) -> f64 {
        if w.is_empty() {
            return 0.0;
        }
        let excess = self.excess(view(w, shape));
        self.lambda * sum_squares(excess.as_slice().unwrap_or_default())
    }

    fn add_grad(&self, w: &[F], shape: &[usize], grad: &mut [F]) {
        assert_eq!(w.len(), grad.len(), "a gradient has as many numbers as its parameter");
        if w.is_empty() {
            return;
        }
        let w = view(w, shape);
        let into = ArrayViewMut2::from_shape(w.dim(), grad).expect("as many numbers as w");
        let (excess, scale) = (self.excess(w), F::of(4.0 * self.lambda));
        match self.of {
            Gram::Rows => matmul(scale, excess.view(), w, F::one(), into),
            Gram::Columns => matmul(scale, w, excess.view(), F::one(), into),
        }
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative(NAME, "lambda", self.lambda)
    }

    fn check(&self, place: &Place<'_>) -> Result<()> {
        if place.shape.len() < 2 {
            let (path, shape) = (place.path, place.shape);
            let message = format!("{path} has shape {shape:?}, needs rows and columns");
            return Err(Error::invalid(NAME, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_by_hand() {
        let w = [1.0, 1.0, 0.0, 2.0];
        let mut grad = [1.0; 4];
        Orthogonal { lambda: 0.25, of: Gram::Rows }.add_grad(&w, &[2, 2], &mut grad);
        // (1 2; 2 3) · (1 1; 0 2) = (1 5; 2 8).
        assert_eq!(grad, [2.0, 6.0, 3.0, 9.0]);
        let mut grad = [0.0; 4];
        Orthogonal { lambda: 0.25, of: Gram::Columns }.add_grad(&w, &[2, 2], &mut grad);
        // (1 1; 0 2) · (0 1; 1 4) = (1 5; 2 8) too, since both are W Wᵀ W − W.
        assert_eq!(grad, [1.0, 5.0, 2.0, 8.0]);
    }

    /// Orthonormal rows are the minimum, whatever the axes behind the first.
    #[test]
    fn orthonormal_rows_cost_nothing() {
        let w = [0.6, 0.8, 0.0, 0.0, 0.0, 0.0, 0.8, -0.6];
        let of = Orthogonal { lambda: 1.0, of: Gram::Rows };
        assert!(of.value(&w, &[2, 2, 2]) < 1e-30);
        let mut grad = [0.0; 8];
        of.add_grad(&w, &[2, 2, 2], &mut grad);
        assert!(grad.iter().all(|grad: &f64| grad.abs() < 1e-14));
        // Four columns of length 1, 1, 1 and 1 cannot be at right angles in two dimensions.
        assert!(Orthogonal { of: Gram::Columns, ..of }.value(&w, &[2, 4]) > 1.0);
    }

    #[test]
    fn empty_weights_have_no_penalty() {
        for shape in [[0, 3], [3, 0]] {
            assert_eq!(Orthogonal::default().value(&[] as &[f64], &shape), 0.0);
            Orthogonal::default().add_grad(&[] as &[f64], &shape, &mut []);
        }
    }
}
