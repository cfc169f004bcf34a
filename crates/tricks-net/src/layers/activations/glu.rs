use super::{axis_of, sigmoid_slope};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn, Zip};
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// The gated linear unit: one half of the input decides how much of the other passes.
///
/// # Formula
/// ```text
/// x  = [a, b]                      halves along the axis
/// y  = a σ(b)
/// da = dy σ(b)    db = dy a σ(b) σ(−b)
/// ```
/// Along the last axis, or along the one of [`GLU::along`]; the axis of `y` is half as long.
///
/// Source: Dauphin, Fan, Auli, Grangier: *Language modeling with gated convolutional networks*,
/// ICML 2017, equation 1.
///
/// ```
/// use tricks_net::layers::GLU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[3.0, 4.0, 0.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![2]));
/// GLU::default().infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr1(&[1.5, 0.0]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GLU {
    axis: Option<usize>,
}

const NAME: &str = "GLU";

impl GLU {
    /// Along this axis; the default is the last.
    pub fn along(axis: usize) -> Self {
        Self { axis: Some(axis) }
    }
}

impl<F: Float> Parameters<F> for GLU {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for GLU {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        let axis = axis_of(NAME, self.axis, x)?.0;
        let mut shape = IxDyn(x);
        if !x[axis].is_multiple_of(2) {
            let message = format!("axis {axis} of {x:?} has {} numbers, which is odd", x[axis]);
            return Err(Error::invalid(NAME, message));
        }
        shape[axis] /= 2;
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
        let expected = Layer::<F>::output_shape(self, x.shape())?;
        require_backward(NAME, ndarray::Dimension::slice(&expected), &x, &y, &dy, dx.as_ref())?;
        let axis = axis_of(NAME, self.axis, x.shape())?;
        let Some(dx) = dx else { return Ok(()) };
        let half = x.len_of(axis) / 2;
        let ((a, b), (da, db)) = (x.split_at(axis, half), dx.split_at(axis, half));
        Zip::from(da).and(&dy).and(&b).for_each(|da, &dy, &b| *da = dy * b.sigmoid_exact());
        Zip::from(db)
            .and(&dy)
            .and(&a)
            .and(&b)
            .for_each(|db, &dy, &a, &b| *db = dy * super::damped(a, sigmoid_slope(b)));
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let expected = Layer::<F>::output_shape(self, x.shape())?;
        let expected = ndarray::Dimension::slice(&expected);
        require_shape(NAME, ("output", y.shape()), ("expected", expected))?;
        let axis = axis_of(NAME, self.axis, x.shape())?;
        let half = x.len_of(axis) / 2;
        let (a, b) = x.split_at(axis, half);
        Zip::from(y).and(&a).and(&b).for_each(|y, &a, &b| *y = super::damped(a, b.sigmoid_exact()));
        Ok(())
    }
}
