//! Dropout whose masks are given, as a layer.

use std::sync::{Arc, Mutex, PoisonError};
use tricks_regularize::Dropout;
use tricks_tensor::ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result};

/// [`Dropout::apply`] with the mask in `keep`, which the owner changes before every pass.
#[derive(Clone)]
pub(super) struct Masked {
    pub(super) dropout: Dropout,
    pub(super) keep: Arc<Mutex<ArrayD<bool>>>,
}

impl Masked {
    fn run<F: Float>(
        &self,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        if mode.is_train() {
            let keep = self.keep.lock().unwrap_or_else(PoisonError::into_inner);
            self.dropout.apply(x, keep.view(), y)
        } else {
            y.assign(&x);
            Ok(())
        }
    }
}

impl<F: Float> Parameters<F> for Masked {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for Masked {
    fn name(&self) -> &'static str {
        "Dropout(mask)"
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.run(x, y, mode)
    }

    fn backward(
        &mut self,
        _: ArrayViewD<'_, F>,
        _: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        dx.map_or(Ok(()), |dx| self.run(dy, dx, mode))
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.run(x, y, Mode::Eval)
    }
}
