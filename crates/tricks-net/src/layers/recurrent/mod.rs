//! Layers that carry a state from step to step.

mod gru;
mod lstm;
mod rnn;

pub use gru::Gru;
pub use lstm::Lstm;
pub use rnn::{Rnn, RnnActivation};

/// Makes a layer of a cell.
macro_rules! recurrent {
    ($(#[$doc:meta])* $layer:ident, $cell:ident, $gates:literal gates, $states:literal states) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<F> {
            core: crate::layers::recurrence::Recurrent<F, $cell, $gates, $states>,
        }

        impl<F: tricks_tensor::Float> $layer<F> {
            /// From `inputs` to `hidden` features; all zero.
            ///
            /// # Errors
            /// One of them 0.
            pub fn new(inputs: usize, hidden: usize) -> tricks_tensor::Result<Self> {
                Ok(Self { core: crate::layers::recurrence::Recurrent::new(stringify!($layer), inputs, hidden)? })
            }

            /// `forward` from this state, in place of zeros: each array is `[samples, hidden]`.
            /// `backward` is that of the layer.
            ///
            /// # Errors
            /// Wrong shapes.
            pub fn forward_from(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                start: [tricks_tensor::ndarray::ArrayView2<'_, F>; $states],
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                self.core.forward(x, Some(start), y)
            }

            /// The state after the last step of the last forward pass, each array
            /// `[samples, hidden]`: what the next part of a long sequence starts from.
            pub fn state(&self) -> [tricks_tensor::ndarray::ArrayView2<'_, F>; $states] {
                self.core.end()
            }

            /// `backward` of `[x, y, dy]` with a gradient of the state after the last step too,
            /// each array `[samples, hidden]`: what the next part of a long sequence gave as its
            /// `start_gradient`, or a loss of the state.
            ///
            /// # Errors
            /// Wrong shapes; no forward pass before.
            pub fn backward_from(
                &mut self,
                inputs: [tricks_tensor::ndarray::ArrayViewD<'_, F>; 3],
                dend: [tricks_tensor::ndarray::ArrayView2<'_, F>; $states],
                dx: Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>,
            ) -> tricks_tensor::Result<()> {
                self.core.backward(inputs, Some(dend), dx)
            }

            /// The gradient of the state the last pass started from, after `backward`.
            pub fn start_gradient(&self) -> [tricks_tensor::ndarray::ArrayView2<'_, F>; $states] {
                self.core.start_gradient()
            }
        }

        impl<F: tricks_tensor::Float> tricks_tensor::Parameters<F> for $layer<F> {
            fn visit<'p>(
                &'p mut self,
                at: &tricks_tensor::Path<'_>,
                f: &mut dyn FnMut(tricks_tensor::Place<'_>, tricks_tensor::ParamMut<'p, F>),
            ) {
                self.core.visit(at, f);
            }
        }

        impl<F: tricks_tensor::Float> tricks_tensor::Layer<F> for $layer<F> {
            fn name(&self) -> &'static str {
                stringify!($layer)
            }

            fn output_shape(
                &self,
                x: &[usize],
            ) -> tricks_tensor::Result<tricks_tensor::ndarray::IxDyn> {
                Ok(tricks_tensor::ndarray::IxDyn(&self.core.output_shape(x)?))
            }

            fn forward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
                _: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.core.forward(x, None, y)
            }

            fn backward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dy: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dx: Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>,
                _: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.core.backward([x.view(), y.view(), dy.view()], None, dx)
            }

            fn infer(
                &self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                self.core.run(&mut crate::layers::recurrence::Kept::new(), x, None, y)
            }
        }
    };
}
use recurrent;

#[cfg(test)]
mod tests;
