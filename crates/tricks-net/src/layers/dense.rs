use ndarray::{
    Array1, Array2, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD, CowArray, Dimension,
    IxDyn,
};
use tricks_tensor::kernel::{matmul, vectorize};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// A linear map with an offset: every output sees every input.
///
/// # Formula
/// ```text
/// y  = x Wᵀ + b              x: […, in]   W: [out, in]   b: [out]   y: […, out]
/// dW = dyᵀ x    db = Σ dy    dx = dy W
/// ```
/// The sum runs over all axes of `x` but the last.
///
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | `W` | `weight` | `[out, in]` | `Weight` |
/// | `b` | `bias` | `[out]` | `Bias` |
///
/// The layout of `W` is PyTorch's `Linear`; Keras keeps the transpose. Parameters start at zero:
/// give them values with `tricks_init`, or with [`Dense::with_parameters`].
///
/// ```
/// use tricks_net::layers::Dense;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1, arr2}};
/// let dense = Dense::with_parameters(arr2(&[[1.0, 2.0], [0.0, -1.0]]), Some(arr1(&[0.5, 0.0])))?;
/// let (x, mut y) = (arr2(&[[3.0, 4.0]]).into_dyn(), ArrayD::zeros(vec![1, 2]));
/// dense.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[11.5, -4.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dense<F> {
    // All in C order.
    weight: Array2<F>,
    weight_grad: Array2<F>,
    bias: Option<Bias<F>>,
}

#[derive(Clone, Debug)]
struct Bias<F> {
    value: Array1<F>,
    grad: Array1<F>,
}

const NAME: &str = "Dense";

impl<F: Float> Dense<F> {
    /// From `inputs` to `outputs` features, with a bias; all zero.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let bias = Bias { value: Array1::zeros(outputs), grad: Array1::zeros(outputs) };
        Self { bias: Some(bias), ..Self::without_bias(inputs, outputs) }
    }

    /// Without a bias: for a layer in front of a normalization, which would subtract it again.
    pub fn without_bias(inputs: usize, outputs: usize) -> Self {
        let shape = (outputs, inputs);
        Self { weight: Array2::zeros(shape), weight_grad: Array2::zeros(shape), bias: None }
    }

    /// With these values: `weight` is `[out, in]`, `bias` is `[out]`.
    ///
    /// # Errors
    /// A bias of another length than `out`.
    pub fn with_parameters(weight: Array2<F>, bias: Option<Array1<F>>) -> Result<Self> {
        let weight = weight.as_standard_layout().into_owned();
        let (outputs, inputs) = weight.dim();
        let mut dense = Self { weight, ..Self::without_bias(inputs, outputs) };
        if let Some(bias) = bias {
            require_shape(NAME, ("bias", bias.shape()), ("expected", &[outputs]))?;
            let value = bias.as_standard_layout().into_owned();
            dense.bias = Some(Bias { value, grad: Array1::zeros(outputs) });
        }
        Ok(dense)
    }

    /// The number of input features.
    pub fn inputs(&self) -> usize {
        self.weight.ncols()
    }

    /// The number of output features.
    pub fn outputs(&self) -> usize {
        self.weight.nrows()
    }

    /// `W`, `[out, in]`.
    pub fn weight(&self) -> ArrayView2<'_, F> {
        self.weight.view()
    }

    /// `dW` of the last backward pass.
    pub fn weight_grad(&self) -> ArrayView2<'_, F> {
        self.weight_grad.view()
    }
}

/// All axes but the last taken together; `x` is in C order.
fn rows<'a, F: Float>(x: &'a CowArray<'_, F, IxDyn>) -> ArrayView2<'a, F> {
    let shape = (row_count(x.shape()), x.shape()[x.ndim() - 1]);
    ArrayView2::from_shape(shape, numbers(x)).expect("same size")
}

fn row_count(shape: &[usize]) -> usize {
    shape[..shape.len() - 1].iter().product()
}

impl<F: Float> Parameters<F> for Dense<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        const ORDER: &str = "built in C order";
        let (path, shape) = (at.name("weight"), self.weight.raw_dim());
        let place = Place { path: &path, kind: ParamKind::Weight, shape: shape.slice() };
        let value = self.weight.as_slice_mut().expect(ORDER);
        f(place, ParamMut::dense(value, self.weight_grad.as_slice_mut().expect(ORDER)));
        if let Some(bias) = &mut self.bias {
            let (path, shape) = (at.name("bias"), bias.value.raw_dim());
            let place = Place { path: &path, kind: ParamKind::Bias, shape: shape.slice() };
            let value = bias.value.as_slice_mut().expect(ORDER);
            f(place, ParamMut::dense(value, bias.grad.as_slice_mut().expect(ORDER)));
        }
    }
}

impl<F: Float> Layer<F> for Dense<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        if x.last() != Some(&self.inputs()) {
            return Err(Error::shape(NAME, ("input", x), ("weight", self.weight.shape())));
        }
        let mut shape = IxDyn(x);
        shape[x.len() - 1] = self.outputs();
        Ok(shape)
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
        let expected = self.output_shape(x.shape())?;
        require_backward(NAME, expected.slice(), &x, &y, &dy, dx.as_ref())?;
        let (one, zero) = (F::one(), F::zero());
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (rows(&x), rows(&dy));

        matmul(one, dy.t(), x, zero, self.weight_grad.view_mut());
        if let Some(bias) = &mut self.bias {
            let (grad, dy) = (&mut bias.grad, dy.as_slice().expect("standard layout"));
            sum_rows(dy, grad.as_slice_mut().expect("one dimension"));
        }
        if let Some(dx) = dx {
            with_numbers(dx, |dx| {
                let dx = ArrayViewMut2::from_shape(x.dim(), dx).expect("checked above");
                matmul(one, dy, self.weight.view(), zero, dx);
            });
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let expected = self.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("expected", expected.slice()))?;
        let x = x.as_standard_layout();
        let x = rows(&x);
        with_numbers(y, |y| {
            let mut y =
                ArrayViewMut2::from_shape((x.nrows(), self.outputs()), y).expect("checked above");
            let keep = match &self.bias {
                Some(bias) => {
                    y.assign(&bias.value);
                    F::one()
                }
                None => F::zero(),
            };
            matmul(F::one(), x, self.weight.t(), keep, y);
        });
        Ok(())
    }
}

/// `sum[j] ← Σᵢ x[i, j]`, row after row.
fn sum_rows<F: Float>(x: &[F], sum: &mut [F]) {
    sum.fill(F::zero());
    if sum.is_empty() {
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            for row in x.chunks_exact(sum.len()) {
                for (sum, &x) in sum.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        },
    );
}
