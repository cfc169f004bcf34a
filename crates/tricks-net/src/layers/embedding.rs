use ndarray::{Array2, ArrayView2, ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, RowGrad,
    ndarray,
};

/// A table of vectors, looked up by number: words, categories.
///
/// # Formula
/// ```text
/// y[…, :]   = W[x[…], :]                x: […]   W: [count, width]   y: […, width]
/// dW[r, :]  = Σ dy[…, :] where x[…] = r, except for the row of the padding
/// dx        = 0
/// ```
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | `W` | `weight` | `[count, width]` | `Embedding` |
///
/// `x` holds whole numbers from 0 to `count` − 1 as numbers of the layer's type (in `f32` all up to
/// 2²⁴ are exact). The gradient is row-sparse ([`Grad::Rows`](tricks_tensor::Grad::Rows)): an
/// optimizer reads and writes only the rows of the batch. The row of [`Embedding::padding`] never
/// has a gradient, so it keeps its value: zeros, if that is what it should mean.
///
/// ```
/// use tricks_net::layers::Embedding;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1, arr2}};
/// let table = Embedding::with_parameters(arr2(&[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]));
/// let (x, mut y) = (arr1(&[2.0, 0.0]).into_dyn(), ArrayD::zeros(vec![2, 2]));
/// table.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[4.0, 5.0], [0.0, 1.0]]).into_dyn());
/// let refused = table.infer(arr1(&[0.0, 3.0]).into_dyn().view(), y.view_mut()).unwrap_err();
/// let message = "Embedding: index 3 at flat index 1, must be a whole number below 3";
/// assert_eq!(refused.to_string(), message);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Embedding<F> {
    // In C order.
    weight: Array2<F>,
    grad: RowGrad<F>,
    padding: Option<usize>,
}

const NAME: &str = "Embedding";

impl<F: Float> Embedding<F> {
    /// `count` vectors of `width` numbers; all zero.
    pub fn new(count: usize, width: usize) -> Self {
        Self::with_parameters(Array2::zeros((count, width)))
    }

    /// With these vectors, one a row.
    pub fn with_parameters(weight: Array2<F>) -> Self {
        let weight = weight.as_standard_layout().into_owned();
        let grad = RowGrad::new(weight.ncols());
        Self { weight, grad, padding: None }
    }

    /// The same, with a row that is never trained.
    ///
    /// # Errors
    /// A row the table does not have.
    pub fn padding(self, row: usize) -> Result<Self> {
        let count = self.weight.nrows();
        if row >= count {
            return Err(Error::invalid(NAME, format!("padding is row {row} of {count}")));
        }
        Ok(Self { padding: Some(row), ..self })
    }

    /// `W`, `[count, width]`.
    pub fn weight(&self) -> ArrayView2<'_, F> {
        self.weight.view()
    }

    fn shape(&self, x: &[usize]) -> IxDyn {
        let mut shape = x.to_vec();
        shape.push(self.weight.ncols());
        IxDyn(&shape)
    }

    /// Refuses everything but the numbers of rows.
    fn check(&self, x: &[F]) -> Result<()> {
        let count = self.weight.nrows();
        let is_row = |x: f64| x >= 0.0 && x < count as f64 && x.fract() == 0.0;
        match x.iter().position(|x| !is_row(x.widen())) {
            Some(at) => {
                let index = x[at];
                let message = format!(
                    "index {index} at flat index {at}, must be a whole number below {count}"
                );
                Err(Error::invalid(NAME, message))
            }
            None => Ok(()),
        }
    }
}

/// The row a checked index means.
fn row<F: Float>(x: F) -> usize {
    x.widen() as usize
}

impl<F: Float> Parameters<F> for Embedding<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let (path, shape) = (at.name("weight"), self.weight.raw_dim());
        let place = Place { path: &path, kind: ParamKind::Embedding, shape: shape.slice() };
        let value = self.weight.as_slice_mut().expect("built in C order");
        f(place, ParamMut { value, grad: self.grad.lend() });
    }
}

impl<F: Float> Layer<F> for Embedding<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(self.shape(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, _: Mode) -> Result<()> {
        self.infer(x, y)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        require_backward(NAME, self.shape(x.shape()).slice(), &x, &y, &dy, dx.as_ref())?;
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy, width) = (numbers(&x), numbers(&dy), self.weight.ncols());
        self.check(x)?;
        self.grad.clear();
        for (i, &x) in x.iter().enumerate() {
            if self.padding != Some(row(x)) {
                self.grad.add(row(x), &dy[i * width..][..width]);
            }
        }
        if let Some(mut dx) = dx {
            dx.fill(F::zero());
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_shape(NAME, ("output", y.shape()), ("expected", self.shape(x.shape()).slice()))?;
        let x = x.as_standard_layout();
        let (x, width) = (numbers(&x), self.weight.ncols());
        self.check(x)?;
        let weight = self.weight.as_slice().expect("built in C order");
        with_numbers(y, |y| {
            for (i, &x) in x.iter().enumerate() {
                y[i * width..][..width].copy_from_slice(&weight[row(x) * width..][..width]);
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, ArrayD, arr1};

    #[test]
    fn gradients_are_sums_over_rows() {
        let mut table = Embedding::<f64>::new(4, 2).padding(3).unwrap();
        let x = arr1(&[2.0, 0.0, 3.0, 2.0]).into_dyn();
        let dy = Array1::range(1.0, 9.0, 1.0).into_shape_with_order((4, 2)).unwrap().into_dyn();
        let (y, mut dx) = (ArrayD::zeros(vec![4, 2]), ArrayD::ones(vec![4]));
        for _ in 0..2 {
            // Set, not added to.
            table.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
            table.visit(&Path::ROOT, &mut |_, param| {
                let tricks_tensor::Grad::Rows { rows, values } = param.grad else { panic!("rows") };
                assert_eq!((rows, &*values), (&[0, 2][..], &[3.0, 4.0, 8.0, 10.0][..]));
            });
        }
        assert_eq!(dx, ArrayD::<f64>::zeros(vec![4]));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let table = Embedding::<f64>::new(4, 2);
        let mut y = ArrayD::zeros(vec![1, 2]);
        for bad in [-1.0, 0.5, 4.0, f64::NAN, f64::INFINITY, 1e300] {
            let refused = table.infer(arr1(&[bad]).into_dyn().view(), y.view_mut()).unwrap_err();
            let message =
                format!("Embedding: index {bad} at flat index 0, must be a whole number below 4");
            assert_eq!(refused.to_string(), message);
        }
        let refused = table.padding(4).unwrap_err().to_string();
        assert_eq!(refused, "Embedding: padding is row 4 of 4");
    }
}
