//! The layers without parameters whose output has the input's shape, and whose two passes are the
//! same kind of loop.

/// Which of the two passes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// From x to y.
    Forward,
    /// From dy to dx.
    Backward,
}

/// Makes a type a layer whose `check(x)` refuses shapes and whose `pass(which, x, y, mode)` does
/// the rest.
macro_rules! masked_layer {
    (impl Layer<F> for $layer:ident) => {
        impl<F: tricks_tensor::Float> tricks_tensor::Parameters<F> for $layer {
            fn visit<'p>(
                &'p mut self,
                _: &tricks_tensor::Path<'_>,
                _: &mut dyn FnMut(tricks_tensor::Place<'_>, tricks_tensor::ParamMut<'p, F>),
            ) {
            }
        }

        impl<F: tricks_tensor::Float> tricks_tensor::Layer<F> for $layer {
            fn name(&self) -> &'static str {
                NAME
            }

            fn output_shape(
                &self,
                x: &[usize],
            ) -> tricks_tensor::Result<tricks_tensor::ndarray::IxDyn> {
                self.check(x)?;
                Ok(tricks_tensor::ndarray::IxDyn(x))
            }

            fn forward(
                &mut self,
                x: ArrayViewD<'_, F>,
                y: ArrayViewMutD<'_, F>,
                mode: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.check(x.shape())?;
                let shapes = (("output", y.shape()), ("input", x.shape()));
                tricks_tensor::views::require_shape(NAME, shapes.0, shapes.1)?;
                self.pass(crate::masked::Pass::Forward, x, y, mode);
                Ok(())
            }

            fn backward(
                &mut self,
                x: ArrayViewD<'_, F>,
                y: ArrayViewD<'_, F>,
                dy: ArrayViewD<'_, F>,
                dx: Option<ArrayViewMutD<'_, F>>,
                mode: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.check(x.shape())?;
                let dx_view = dx.as_ref();
                tricks_tensor::views::require_backward(NAME, x.shape(), &x, &y, &dy, dx_view)?;
                if let Some(dx) = dx {
                    self.pass(crate::masked::Pass::Backward, dy, dx, mode);
                }
                Ok(())
            }

            fn infer(
                &self,
                x: ArrayViewD<'_, F>,
                y: ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                self.check(x.shape())?;
                let shapes = (("output", y.shape()), ("input", x.shape()));
                tricks_tensor::views::require_shape(NAME, shapes.0, shapes.1)?;
                self.pass(crate::masked::Pass::Forward, x, y, tricks_tensor::Mode::Eval);
                Ok(())
            }
        }
    };
}
pub(crate) use masked_layer;
