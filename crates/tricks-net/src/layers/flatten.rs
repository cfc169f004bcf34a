use crate::buffer::count;
use ndarray::{ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// All axes but the first taken together: what stands between images and a
/// [`Dense`](super::Dense) layer.
///
/// # Formula
/// ```text
/// y[n, i] = x[n, …]       in C order       x: [n, a, b, …]   y: [n, a·b·…]
/// ```
///
/// ```
/// use tricks_net::layers::Flatten;
/// use tricks_tensor::{Layer, ndarray::IxDyn};
/// assert_eq!(Layer::<f32>::output_shape(&Flatten, &[8, 3, 4, 5])?, IxDyn(&[8, 60]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Flatten;

const NAME: &str = "Flatten";

fn flat(x: &[usize]) -> Result<[usize; 2]> {
    match x {
        [samples, rest @ ..] => Ok([*samples, count(rest)?]),
        [] => Err(Error::invalid(NAME, "an input without axes")),
    }
}

fn copy<F: Float>(from: ArrayViewD<'_, F>, to: ArrayViewMutD<'_, F>) {
    let from = from.as_standard_layout();
    with_numbers(to, |to| to.copy_from_slice(numbers(&from)));
}

impl<F: Float> Parameters<F> for Flatten {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for Flatten {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(&flat(x)?))
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
        require_backward(NAME, &flat(x.shape())?, &x, &y, &dy, dx.as_ref())?;
        if let Some(dx) = dx {
            copy(dy, dx);
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let expected = IxDyn(&flat(x.shape())?);
        require_shape(NAME, ("output", y.shape()), ("expected", expected.slice()))?;
        copy(x, y);
        Ok(())
    }
}
