use super::last_axes;
use ndarray::{Array2, ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// A learned vector for every place of a sequence, added to what stands there.
///
/// # Formula
/// ```text
/// y[…, t, :] = x[…, t, :] + W[t, :]       x: […, time, features]   W: [max_len, features]
/// dW[t, :]   = Σ dy[…, t, :], and 0 from the end of the sequence on        dx = dy
/// ```
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | `W` | `weight` | `[max_len, features]` | `Embedding` |
///
/// Parameters start at zero: give them values with `tricks_init`.
///
/// # Memory
/// The parameter and its gradient.
///
/// # Notes
/// * A sequence longer than `max_len` is refused: nothing was learned there.
///
/// # Source
/// Gehring, Auli, Grangier, Yarats, Dauphin: *Convolutional sequence to sequence learning*, 2017,
/// section 3.1.
///
/// ```
/// use tricks_net::layers::LearnedPositionalEncoding;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
/// let places = LearnedPositionalEncoding::with_parameters(arr2(&[[1.0], [2.0], [3.0]]))?;
/// let (x, mut y) = (ArrayD::from_elem(vec![1, 2, 1], 10.0), ArrayD::zeros(vec![1, 2, 1]));
/// places.infer(x.view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [11.0, 12.0]);
/// let refused = places.output_shape(&[1, 4, 1]).unwrap_err().to_string();
/// assert_eq!(refused, "LearnedPositionalEncoding: input has 4 places, weight has shape [3, 1]");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LearnedPositionalEncoding<F> {
    // Both in C order.
    weight: Array2<F>,
    grad: Array2<F>,
}

const NAME: &str = "LearnedPositionalEncoding";

impl<F: Float> LearnedPositionalEncoding<F> {
    /// For sequences of up to `max_len` places; all zero.
    ///
    /// # Errors
    /// A `max_len` or a number of features of 0.
    pub fn new(max_len: usize, features: usize) -> Result<Self> {
        Self::with_parameters(Array2::zeros((max_len, features)))
    }

    /// With these values, `[max_len, features]`.
    ///
    /// # Errors
    /// As [`LearnedPositionalEncoding::new`].
    pub fn with_parameters(weight: Array2<F>) -> Result<Self> {
        for (field, count) in [("max_len", weight.nrows()), ("features", weight.ncols())] {
            hyper::require(NAME, field, count as f64, count > 0, "at least 1")?;
        }
        let weight = weight.as_standard_layout().into_owned();
        Ok(Self { grad: Array2::zeros(weight.raw_dim()), weight })
    }

    /// How many of the parameter's numbers a sequence of this input meets.
    fn met(&self, x: &[usize]) -> Result<usize> {
        let [time, features] = last_axes(NAME, x)?;
        let (max_len, width) = self.weight.dim();
        if features != width {
            return Err(Error::shape(NAME, ("input", x), ("weight", self.weight.shape())));
        }
        if time > max_len {
            let shape = self.weight.shape();
            let message = format!("input has {time} places, weight has shape {shape:?}");
            return Err(Error::invalid(NAME, message));
        }
        Ok(time * features)
    }
}

const ORDER: &str = "built in C order";

impl<F: Float> Parameters<F> for LearnedPositionalEncoding<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let (path, shape) = (at.name("weight"), [self.weight.nrows(), self.weight.ncols()]);
        let place = Place { path: &path, kind: ParamKind::Embedding, shape: &shape };
        let grad = self.grad.as_slice_mut().expect(ORDER);
        f(place, ParamMut::dense(self.weight.as_slice_mut().expect(ORDER), grad));
    }
}

impl<F: Float> Layer<F> for LearnedPositionalEncoding<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        self.met(x)?;
        Ok(IxDyn(x))
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
        let len = self.met(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let grad = self.grad.as_slice_mut().expect(ORDER);
        grad.fill(F::zero());
        let of_dy = dy.as_standard_layout();
        for dy in numbers(&of_dy).chunks_exact(len.max(1)) {
            grad.iter_mut().zip(dy).for_each(|(grad, dy)| *grad += *dy);
        }
        if let Some(mut dx) = dx {
            dx.assign(&dy);
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let len = self.met(x.shape())?.max(1);
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let (x, weight) = (x.as_standard_layout(), self.weight.as_slice().expect(ORDER));
        with_numbers(y, |y| {
            for (y, x) in y.chunks_exact_mut(len).zip(numbers(&x).chunks_exact(len)) {
                y.iter_mut().zip(x.iter().zip(weight)).for_each(|(y, (&x, &w))| *y = x + w);
            }
        });
        Ok(())
    }
}
