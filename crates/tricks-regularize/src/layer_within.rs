//! A layer that is another one under a name of its own.

/// Makes a type a layer whose field has every method of one.
macro_rules! layer_within {
    (impl Layer<F> for $layer:ident<F>, in $field:ident) => {
        impl<F: tricks_tensor::Float> tricks_tensor::Parameters<F> for $layer<F> {
            fn visit<'p>(
                &'p mut self,
                at: &tricks_tensor::Path<'_>,
                f: &mut dyn FnMut(tricks_tensor::Place<'_>, tricks_tensor::ParamMut<'p, F>),
            ) {
                self.$field.visit(at, f);
            }
        }

        impl<F: tricks_tensor::Float> tricks_tensor::Layer<F> for $layer<F> {
            fn name(&self) -> &'static str {
                NAME
            }

            fn output_shape(
                &self,
                x: &[usize],
            ) -> tricks_tensor::Result<tricks_tensor::ndarray::IxDyn> {
                self.$field.output_shape(x)
            }

            fn forward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
                mode: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.$field.forward(x, y, mode)
            }

            fn backward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dy: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dx: Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>,
                mode: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.$field.backward(x, y, dy, dx, mode)
            }

            fn infer(
                &self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                self.$field.infer(x, y)
            }
        }
    };
}
pub(crate) use layer_within;
