//! Layers of images among the laws, whose inputs are `[samples, features]`.

use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, Axis, IxDyn};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result};

/// Gives a layer `[samples, 1, 1, features]`: one channel, of one row.
#[derive(Clone, Debug)]
pub(super) struct OneChannel<L>(pub(super) L);

fn lift<F>(x: ArrayViewD<'_, F>) -> ArrayViewD<'_, F> {
    x.insert_axis(Axis(1)).insert_axis(Axis(1))
}

fn lift_mut<F>(x: ArrayViewMutD<'_, F>) -> ArrayViewMutD<'_, F> {
    x.insert_axis(Axis(1)).insert_axis(Axis(1))
}

impl<F: Float, L: Parameters<F>> Parameters<F> for OneChannel<L> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.0.visit(at, f);
    }
}

impl<F: Float, L: Layer<F>> Layer<F> for OneChannel<L> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        self.0.output_shape(&[x[0], 1, 1, x[1]])?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.0.forward(lift(x), lift_mut(y), mode)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        self.0.backward(lift(x), lift(y), lift(dy), dx.map(lift_mut), mode)
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.0.infer(lift(x), lift_mut(y))
    }
}
