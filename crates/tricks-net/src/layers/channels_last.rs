use crate::buffer::count;
use ndarray::{ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// An image as a sequence: what stands between convolutions and attention.
///
/// # Formula
/// ```text
/// y[n, p, c] = x[n, c, p]      p: the place of […] in C order
/// dx[n, c, p] = dy[n, p, c]    x: [n, channels, …]   y: [n, places, channels]
/// ```
///
/// ```
/// use tricks_net::layers::ChannelsLast;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr3}};
/// let x = arr3(&[[[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]]).into_dyn();
/// let mut y = ArrayD::zeros(vec![1, 3, 2]);
/// ChannelsLast.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr3(&[[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ChannelsLast;

const NAME: &str = "ChannelsLast";

fn turned(x: &[usize]) -> Result<[usize; 3]> {
    match x {
        [samples, channels, places @ ..] => Ok([*samples, count(places)?, *channels]),
        _ => {
            let message = format!("input has shape {x:?}, must be [samples, channels, …]");
            Err(Error::invalid(NAME, message))
        }
    }
}

/// Exchanges rows and columns of every matrix `[rows, columns]`.
fn transpose<F: Float>(
    from: ArrayViewD<'_, F>,
    to: ArrayViewMutD<'_, F>,
    [rows, columns]: [usize; 2],
) {
    let from = from.as_standard_layout();
    let size = (rows * columns).max(1);
    with_numbers(to, |to| {
        for (from, to) in numbers(&from).chunks_exact(size).zip(to.chunks_exact_mut(size)) {
            for (i, to) in to.iter_mut().enumerate() {
                *to = from[i % rows * columns + i / rows];
            }
        }
    });
}

impl<F: Float> Parameters<F> for ChannelsLast {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for ChannelsLast {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(&turned(x)?))
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
        let [samples, places, channels] = turned(x.shape())?;
        require_backward(NAME, &[samples, places, channels], &x, &y, &dy, dx.as_ref())?;
        if let Some(dx) = dx {
            transpose(dy, dx, [places, channels]);
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let [samples, places, channels] = turned(x.shape())?;
        let expected = IxDyn(&[samples, places, channels]);
        require_shape(NAME, ("output", y.shape()), ("expected", expected.slice()))?;
        transpose(x, y, [channels, places]);
        Ok(())
    }
}
