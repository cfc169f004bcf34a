use ndarray::{ArrayViewD, ArrayViewMutD, Axis, Dimension, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// The mean over all places of a sequence.
///
/// # Formula
/// ```text
/// y[n, :]     = 1/T Σ_t x[n, t, :]       x: [samples, time, features]   y: [samples, features]
/// dx[n, t, :] = dy[n, :] / T             T: time, at least 1
/// ```
///
/// # Notes
/// Keras' `GlobalAveragePooling1D`. Places are summed in order, in the number type of the layer.
///
/// ```
/// use tricks_net::layers::SequenceMean;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2, arr3}};
/// let x = arr3(&[[[1.0, 2.0], [3.0, 6.0]]]).into_dyn();
/// let mut y = ArrayD::zeros(vec![1, 2]);
/// SequenceMean.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[2.0, 4.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceMean;

const NAME: &str = "SequenceMean";

fn sizes(x: &[usize]) -> Result<[usize; 3]> {
    match *x {
        [samples, time, features] if time > 0 => Ok([samples, time, features]),
        _ => {
            let message = format!(
                "input has shape {x:?}, must be [samples, time, features], time at least 1"
            );
            Err(Error::invalid(NAME, message))
        }
    }
}

impl<F: Float> Parameters<F> for SequenceMean {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for SequenceMean {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        let [samples, _, features] = sizes(x)?;
        Ok(IxDyn(&[samples, features]))
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
        let [samples, time, features] = sizes(x.shape())?;
        require_backward(NAME, &[samples, features], &x, &y, &dy, dx.as_ref())?;
        if let Some(mut dx) = dx {
            let count = F::of(time as f64);
            for mut place in dx.axis_iter_mut(Axis(1)) {
                place.zip_mut_with(&dy, |dx, dy| *dx = *dy / count);
            }
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let [samples, time, features] = sizes(x.shape())?;
        let expected = IxDyn(&[samples, features]);
        require_shape(NAME, ("output", y.shape()), ("expected", expected.slice()))?;
        let (of_x, count, width) = (x.as_standard_layout(), F::of(time as f64), features.max(1));
        let sample = (time * features).max(1);
        with_numbers(y, |y| {
            for (y, x) in y.chunks_exact_mut(width).zip(numbers(&of_x).chunks_exact(sample)) {
                y.fill(F::zero());
                for x in x.chunks_exact(width) {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y += *x);
                }
                y.iter_mut().for_each(|y| *y /= count);
            }
        });
        Ok(())
    }
}
