use crate::{Penalty, Proximal};
use tricks_tensor::kernel::sum_squares;
use tricks_tensor::{Error, Float, Place, Result, hyper};

/// Group lasso: whole rows, columns or filters of a weight are pulled towards zero together.
///
/// # Formula
/// ```text
/// value = λ Σ_g √n_g ‖w_g‖        gradient: λ √n_g w_g/‖w_g‖, 0 for a group of zeros
/// ```
///
/// A group is what has one index on axis `dim`, n_g numbers: of a weight `[outputs, inputs, …]`,
/// `dim` 0 takes rows, which are whole filters of a convolution: an output falls away. `dim` 1
/// takes columns, all that is read from one input: an input falls away.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `lambda` | λ | 1e-4 | at least 0 |
/// | `dim` | | 0 | an axis of every weight it is used on |
///
/// # Memory
/// A number for each group, while it is computed.
///
/// # Notes
/// * √n_g makes groups of different sizes weigh the same for each number in them.
/// * As with [`L1`](crate::L1), a gradient step crosses zero;
///   [`proximal_step`](crate::proximal_step) makes groups exactly zero.
///
/// # Source
/// Yuan, Lin: *Model selection and estimation in regression with grouped variables*, J. R. Statist.
/// Soc. B 68, 2006, equation 2.1. For networks: Scardapane, Comminiello, Hussain, Uncini: *Group
/// sparse regularization for deep neural networks*, Neurocomputing 241, 2017.
///
/// ```
/// use tricks_regularize::{GroupLasso, Penalty};
/// let w = [3.0, 4.0, 0.0, 0.0];
/// let lasso = GroupLasso { lambda: 0.5, dim: 0 };
/// // One row of length 5 with two numbers, and one of zeros.
/// assert!((lasso.value(&w, &[2, 2]) - 0.5 * 2f64.sqrt() * 5.0).abs() < 1e-15);
/// // By columns, of lengths 3 and 4.
/// let lasso = GroupLasso { dim: 1, ..lasso };
/// assert!((lasso.value(&w, &[2, 2]) - 0.5 * 2f64.sqrt() * 7.0).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupLasso {
    /// Strength.
    pub lambda: f64,
    /// The axis whose indices are the groups.
    pub dim: usize,
}

impl Default for GroupLasso {
    fn default() -> Self {
        Self { lambda: 1e-4, dim: 0 }
    }
}

const NAME: &str = "GroupLasso";

impl GroupLasso {
    /// How many groups there are, and how many neighbours of one lie side by side.
    fn layout(self, shape: &[usize]) -> [usize; 2] {
        let count = shape.get(self.dim).copied().unwrap_or(1);
        let inner = shape.iter().skip(self.dim + 1).product::<usize>();
        [count.max(1), inner.max(1)]
    }

    /// ‖w_g‖ for all groups, and √n_g.
    fn norms<F: Float>(self, w: &[F], shape: &[usize]) -> (Vec<f64>, f64) {
        let [count, inner] = self.layout(shape);
        let mut norms = vec![0.0; count];
        for block in w.chunks(count * inner) {
            for (norm, part) in norms.iter_mut().zip(block.chunks(inner)) {
                *norm += match part {
                    [w] => w.widen() * w.widen(),
                    _ => sum_squares(part),
                };
            }
        }
        norms.iter_mut().for_each(|norm| *norm = norm.sqrt());
        (norms, ((w.len() / count) as f64).sqrt())
    }

    /// Calls `f` with the index of a group and where its next numbers are.
    fn each_part(
        self,
        len: usize,
        shape: &[usize],
        mut f: impl FnMut(usize, std::ops::Range<usize>),
    ) {
        let [count, inner] = self.layout(shape);
        for (i, first) in (0..len).step_by(inner).enumerate() {
            f(i % count, first..first + inner);
        }
    }
}

impl<F: Float> Penalty<F> for GroupLasso {
    fn value(&self, w: &[F], shape: &[usize]) -> f64 {
        let (norms, root) = self.norms(w, shape);
        self.lambda * root * norms.iter().sum::<f64>()
    }

    fn add_grad(&self, w: &[F], shape: &[usize], grad: &mut [F]) {
        assert_eq!(w.len(), grad.len(), "a gradient has as many numbers as its parameter");
        let (mut slopes, root) = self.norms(w, shape);
        let slope = |norm: f64| if norm == 0.0 { 0.0 } else { self.lambda * root / norm };
        slopes.iter_mut().for_each(|norm| *norm = slope(*norm));
        self.each_part(w.len(), shape, |group, range| {
            for (grad, w) in grad[range.clone()].iter_mut().zip(&w[range]) {
                *grad += F::of(slopes[group] * w.widen());
            }
        });
    }

    fn validate(&self) -> Result<()> {
        hyper::non_negative(NAME, "lambda", self.lambda)
    }

    fn check(&self, place: &Place<'_>) -> Result<()> {
        if self.dim >= place.shape.len() {
            let (path, shape, dim) = (place.path, place.shape, self.dim);
            let message = format!("{path} has shape {shape:?}, which has no axis {dim}");
            return Err(Error::invalid(NAME, message));
        }
        Ok(())
    }
}

impl<F: Float> Proximal<F> for GroupLasso {
    fn shrink(&self, step: f64, w: &mut [F], shape: &[usize]) {
        let (mut factors, root) = self.norms(w, shape);
        let threshold = step * self.lambda * root;
        let factor = |norm: f64| if norm <= threshold { 0.0 } else { 1.0 - threshold / norm };
        factors.iter_mut().for_each(|norm| *norm = factor(*norm));
        self.each_part(w.len(), shape, |group, range| {
            let factor = factors[group];
            for w in &mut w[range] {
                *w = if factor == 0.0 { F::zero() } else { F::of(w.widen() * factor) };
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [2, 2, 2]: axis 1 has the groups (1, 2, 2, 4) of length 5 and (0, 0, 0, 0).
    #[test]
    fn an_inner_axis_by_hand() {
        let w = [1.0, 2.0, 0.0, 0.0, 2.0, 4.0, 0.0, 0.0];
        let lasso = GroupLasso { lambda: 0.5, dim: 1 };
        assert_eq!(lasso.value(&w, &[2, 2, 2]), 0.5 * 2.0 * 5.0);
        let mut grad = [1.0; 8];
        lasso.add_grad(&w, &[2, 2, 2], &mut grad);
        // λ √4/5 = 0.2.
        assert_eq!(grad, [1.2, 1.4, 1.0, 1.0, 1.4, 1.8, 1.0, 1.0]);
        // step λ √4 = 2.5 halves what has length 5.
        let mut shrunk = w;
        lasso.shrink(2.5, &mut shrunk, &[2, 2, 2]);
        assert_eq!(shrunk, w.map(|w| w / 2.0));
        lasso.shrink(2.5, &mut shrunk, &[2, 2, 2]);
        assert_eq!(shrunk, [0.0; 8]);
    }

    #[test]
    fn empty_weights_have_no_penalty() {
        for dim in [0, 1] {
            for shape in [[0, 3], [3, 0]] {
                let lasso = GroupLasso { lambda: 0.5, dim };
                assert_eq!(lasso.value(&[] as &[f64], &shape), 0.0);
                lasso.add_grad(&[] as &[f64], &shape, &mut []);
                lasso.shrink(1.0, &mut [] as &mut [f64], &shape);
            }
        }
    }
}
