use tricks_tensor::Float;
use tricks_tensor::kernel::{join, vectorize, worth_forking};

/// `out[i] ← f(a[i], b[i])`, on many threads for long slices.
///
/// `f` must be marked `#[inline(always)]`.
pub(super) fn zip<F: Float>(
    a: &[F],
    b: &[F],
    out: &mut [F],
    f: impl Fn(F, F) -> F + Copy + Send + Sync,
) {
    if worth_forking(out.len()) {
        let middle = out.len() / 2;
        let (a0, a1) = a.split_at(middle);
        let (b0, b1) = b.split_at(middle);
        let (out0, out1) = out.split_at_mut(middle);
        join(|| zip(a0, b0, out0, f), || zip(a1, b1, out1, f));
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            for ((&a, &b), out) in a.iter().zip(b).zip(out) {
                *out = f(a, b);
            }
        },
    );
}

/// Makes a [`Layer`](tricks_tensor::Layer) of two functions: the value at `x`, and `dx` from `y`
/// and `dy`. Any shape, no parameters, no memory.
macro_rules! activation {
    ($layer:ident, $value:ident, $gradient:ident) => {
        use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};

        impl<F: Float> tricks_tensor::Parameters<F> for $layer {
            fn visit<'p>(
                &'p mut self,
                _: &tricks_tensor::Path<'_>,
                _: &mut dyn FnMut(tricks_tensor::Place<'_>, tricks_tensor::ParamMut<'p, F>),
            ) {
            }
        }

        impl<F: Float> tricks_tensor::Layer<F> for $layer {
            fn name(&self) -> &'static str {
                stringify!($layer)
            }

            fn output_shape(
                &self,
                x: &[usize],
            ) -> tricks_tensor::Result<tricks_tensor::ndarray::IxDyn> {
                Ok(tricks_tensor::ndarray::IxDyn(x))
            }

            fn forward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
                _: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                self.infer(x, y)
            }

            fn backward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dy: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dx: Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>,
                _: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                require_backward(stringify!($layer), x.shape(), &x, &y, &dy, dx.as_ref())?;
                let Some(dx) = dx else { return Ok(()) };
                let (y, dy) = (y.as_standard_layout(), dy.as_standard_layout());
                let (y, dy) = (numbers(&y), numbers(&dy));
                with_numbers(dx, |dx| {
                    super::activation::zip(
                        y,
                        dy,
                        dx,
                        #[inline(always)]
                        |y, dy| $gradient(y, dy),
                    );
                });
                Ok(())
            }

            fn infer(
                &self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                require_shape(stringify!($layer), ("output", y.shape()), ("input", x.shape()))?;
                let x = x.as_standard_layout();
                let x = numbers(&x);
                with_numbers(y, |y| {
                    super::activation::zip(
                        x,
                        x,
                        y,
                        #[inline(always)]
                        |x, _| $value(x),
                    );
                });
                Ok(())
            }
        }
    };
}
