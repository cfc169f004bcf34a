//! What attention and recurrent layers share: sequences as matrices, and linear maps of which
//! several stand in one matrix.

use crate::buffer::Buffer;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use std::ops::Range;
use tricks_tensor::kernel::matmul;
use tricks_tensor::{Error, Float, ParamKind, ParamMut, Path, Place, Result, ndarray};

/// `y = x Wᵀ + b` for a range of the rows of `W`.
#[derive(Clone, Debug)]
pub(super) struct Projection<F> {
    // All in C order.
    weight: Array2<F>,
    weight_grad: Array2<F>,
    bias: Option<(Array1<F>, Array1<F>)>,
}

impl<F: Float> Projection<F> {
    /// `W` is `[outputs, inputs]`; all zero.
    pub(super) fn new(inputs: usize, outputs: usize, bias: bool) -> Self {
        let (weight, zeros) = (Array2::zeros((outputs, inputs)), Array1::zeros(outputs));
        let bias = bias.then(|| (zeros.clone(), zeros));
        Self { weight_grad: weight.clone(), weight, bias }
    }

    /// Shows `W` and `b` under these paths.
    pub(super) fn visit<'p>(
        &'p mut self,
        [weight, bias]: [Path<'_>; 2],
        f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
    ) {
        const ORDER: &str = "built in C order";
        let shape = [self.weight.nrows(), self.weight.ncols()];
        let place = Place { path: &weight, kind: ParamKind::Weight, shape: &shape };
        let grad = self.weight_grad.as_slice_mut().expect(ORDER);
        f(place, ParamMut::dense(self.weight.as_slice_mut().expect(ORDER), grad));
        if let Some((value, grad)) = &mut self.bias {
            let place = Place { path: &bias, kind: ParamKind::Bias, shape: &shape[..1] };
            let grad = grad.as_slice_mut().expect(ORDER);
            f(place, ParamMut::dense(value.as_slice_mut().expect(ORDER), grad));
        }
    }

    fn rows(&self, rows: Range<usize>) -> ArrayView2<'_, F> {
        self.weight.slice_axis(Axis(0), Slice::from(rows))
    }

    /// `y ← x Wᵀ + b`.
    pub(super) fn forward(
        &self,
        rows: Range<usize>,
        x: ArrayView2<'_, F>,
        mut y: ArrayViewMut2<'_, F>,
    ) {
        let keep = match &self.bias {
            Some((bias, _)) => {
                y.assign(&bias.slice_axis(Axis(0), Slice::from(rows.clone())));
                F::one()
            }
            None => F::zero(),
        };
        matmul(F::one(), x, self.rows(rows).t(), keep, y);
    }

    /// `dW ← dyᵀ x`, `db ← Σ dy`.
    pub(super) fn gradients(
        &mut self,
        rows: Range<usize>,
        x: ArrayView2<'_, F>,
        dy: ArrayView2<'_, F>,
    ) {
        if let Some((_, grad)) = &mut self.bias {
            let mut grad = grad.slice_axis_mut(Axis(0), Slice::from(rows.clone()));
            grad.fill(F::zero());
            dy.rows().into_iter().for_each(|dy| grad += &dy);
        }
        let grad = self.weight_grad.slice_axis_mut(Axis(0), Slice::from(rows));
        matmul(F::one(), dy.t(), x, F::zero(), grad);
    }

    /// `dx ← dy W`, added to what is there if `add` says so.
    pub(super) fn input_gradient(
        &self,
        rows: Range<usize>,
        dy: ArrayView2<'_, F>,
        add: bool,
        dx: ArrayViewMut2<'_, F>,
    ) {
        let keep = if add { F::one() } else { F::zero() };
        matmul(F::one(), dy, self.rows(rows), keep, dx);
    }
}

/// The samples and steps of an input `[samples, time, width]`.
pub(super) fn sequences(
    owner: &'static str,
    what: &str,
    shape: &[usize],
    width: usize,
) -> Result<[usize; 2]> {
    match *shape {
        [samples, time, found] if found == width => Ok([samples, time]),
        _ => {
            let message = format!("{what} has shape {shape:?}, must be [samples, time, {width}]");
            Err(Error::invalid(owner, message))
        }
    }
}

/// Numbers in C order as rows of `width`, which is not 0.
pub(super) fn matrix<F>(x: &[F], width: usize) -> ArrayView2<'_, F> {
    ArrayView2::from_shape((x.len() / width, width), x).expect("a whole number of rows")
}

/// The same, to be written.
pub(super) fn matrix_mut<F>(x: &mut [F], width: usize) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape((x.len() / width, width), x).expect("a whole number of rows")
}

/// The numbers of a buffer.
pub(super) fn flat<F: Float>(buffer: &Buffer<F>) -> &[F] {
    buffer.view().to_slice().expect("a buffer is in C order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    /// Rows 1 and 2 of a matrix of three.
    #[test]
    fn a_range_of_rows() {
        let mut map = Projection::new(2, 3, true);
        map.visit([Path::ROOT.name("w"), Path::ROOT.name("b")], &mut |place, param| {
            let start = if place.path.is("w") { 1.0 } else { 10.0 };
            (0..place.len()).for_each(|i| param.value[i] = start + i as f64);
        });
        // W = [[1, 2], [3, 4], [5, 6]], b = [10, 11, 12].
        let (x, dy) = (arr2(&[[1.0, 1.0], [2.0, -1.0]]), arr2(&[[1.0, 0.0], [1.0, 2.0]]));
        let (mut y, mut dx) = (arr2(&[[0.0; 2]; 2]), arr2(&[[100.0; 2]; 2]));
        map.forward(1..3, x.view(), y.view_mut());
        assert_eq!(y, arr2(&[[18.0, 23.0], [13.0, 16.0]]));
        map.gradients(1..3, x.view(), dy.view());
        assert_eq!(map.weight_grad, arr2(&[[0.0, 0.0], [3.0, 0.0], [4.0, -2.0]]));
        assert_eq!(map.bias.as_ref().unwrap().1.as_slice().unwrap(), [0.0, 2.0, 2.0]);
        map.input_gradient(1..3, dy.view(), true, dx.view_mut());
        assert_eq!(dx, arr2(&[[103.0, 104.0], [113.0, 116.0]]));
        map.input_gradient(1..3, dy.view(), false, dx.view_mut());
        assert_eq!(dx, arr2(&[[3.0, 4.0], [13.0, 16.0]]));
    }
}
