//! Activations: what stands between two linear maps. Those of this folder that act number by
//! number are an [`Elementwise`] function and a line of [`elementwise!`].

mod elu;
mod gelu;
mod glu;
mod hard;
mod prelu;
mod relu;
mod shrink;
mod sigmoid;
mod silu;
mod softmax;
mod softplus;
mod tanh;

pub use elu::{CELU, ELU, SELU};
pub use gelu::GELU;
pub use glu::GLU;
pub use hard::{Hardsigmoid, Hardswish, Hardtanh};
pub use prelu::PReLU;
pub use relu::{LeakyReLU, ReLU, ReLU6, Threshold};
pub use shrink::{Hardshrink, Softshrink, Tanhshrink};
pub use sigmoid::{LogSigmoid, Sigmoid};
pub use silu::{Mish, SiLU};
pub use softmax::{LogSoftmax, Softmax};
pub use softplus::Softplus;
pub use tanh::{Softsign, Tanh};

use tricks_tensor::kernel::{join, vectorize, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, Axis};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result};

/// `y = f(x)`, number by number. Both functions must be marked `#[inline(always)]`.
trait Elementwise: Copy + Send + Sync {
    /// `f(x)`.
    fn value<F: Float>(self, x: F) -> F;
    /// `dy · f′(x)`; `y` is `f(x)`.
    fn gradient<F: Float>(self, x: F, y: F, dy: F) -> F;
}

fn infer<F: Float>(
    name: &'static str,
    layer: impl Elementwise,
    x: ArrayViewD<'_, F>,
    y: ArrayViewMutD<'_, F>,
) -> Result<()> {
    require_shape(name, ("output", y.shape()), ("input", x.shape()))?;
    let x = x.as_standard_layout();
    with_numbers(y, |y| {
        map(
            numbers(&x),
            y,
            #[inline(always)]
            |x| layer.value(x),
        );
    });
    Ok(())
}

fn backward<F: Float>(
    name: &'static str,
    layer: impl Elementwise,
    x: ArrayViewD<'_, F>,
    y: ArrayViewD<'_, F>,
    dy: ArrayViewD<'_, F>,
    dx: Option<ArrayViewMutD<'_, F>>,
) -> Result<()> {
    require_backward(name, x.shape(), &x, &y, &dy, dx.as_ref())?;
    let Some(dx) = dx else { return Ok(()) };
    let (x, y, dy) = (x.as_standard_layout(), y.as_standard_layout(), dy.as_standard_layout());
    with_numbers(dx, |dx| {
        combine(
            [numbers(&x), numbers(&y), numbers(&dy)],
            dx,
            #[inline(always)]
            |x, y, dy| layer.gradient(x, y, dy),
        );
    });
    Ok(())
}

/// `out[i] ← f(x[i])`, on many threads for long slices.
fn map<F: Float>(x: &[F], out: &mut [F], f: impl Fn(F) -> F + Copy + Send + Sync) {
    if worth_forking(out.len()) {
        let middle = out.len() / 2;
        let (x0, x1) = x.split_at(middle);
        let (out0, out1) = out.split_at_mut(middle);
        join(|| map(x0, out0, f), || map(x1, out1, f));
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            for (&x, out) in x.iter().zip(out) {
                *out = f(x);
            }
        },
    );
}

/// `out[i] ← f(a[i], b[i], c[i])`, likewise.
fn combine<F: Float>(
    [a, b, c]: [&[F]; 3],
    out: &mut [F],
    f: impl Fn(F, F, F) -> F + Copy + Send + Sync,
) {
    if worth_forking(out.len()) {
        let middle = out.len() / 2;
        let (out0, out1) = out.split_at_mut(middle);
        let (low, high) = ([a, b, c].map(|x| &x[..middle]), [a, b, c].map(|x| &x[middle..]));
        join(|| combine(low, out0, f), || combine(high, out1, f));
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            for (((&a, &b), &c), out) in a.iter().zip(b).zip(c).zip(out) {
                *out = f(a, b, c);
            }
        },
    );
}

/// `x · p`, where a `p` of 0 wins over an infinite `x`: the limit of what falls faster than any
/// power.
#[inline(always)]
fn damped<F: Float>(x: F, p: F) -> F {
    if p == F::zero() { p } else { x * p }
}

/// `σ′(x) = σ(x) σ(−x)`, without cancellation.
#[inline(always)]
fn sigmoid_slope<F: Float>(x: F) -> F {
    let e = (-x.abs()).exp_exact();
    let upper = F::one() / (F::one() + e);
    e * upper * upper
}

/// `ln(1 + eˣ)`, right for any `x`.
#[inline(always)]
fn softplus<F: Float>(x: F) -> F {
    let positive = if x <= F::zero() { F::zero() } else { x };
    positive + (-x.abs()).exp_exact().ln_1p_exact()
}

/// The axis an activation runs along: the one asked for, or the last.
fn axis_of(name: &'static str, axis: Option<usize>, shape: &[usize]) -> Result<Axis> {
    let count = shape.len();
    match axis.unwrap_or(count.wrapping_sub(1)) {
        axis if axis < count => Ok(Axis(axis)),
        _ if axis.is_none() => Err(Error::invalid(name, "an input without axes")),
        axis => Err(Error::invalid(name, format!("axis {axis} of an input with {count} axes"))),
    }
}

/// Makes a [`Layer`](tricks_tensor::Layer) of an [`Elementwise`] function: any shape, no
/// parameters, no memory.
macro_rules! elementwise {
    ($layer:ident) => {
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
                super::infer(stringify!($layer), *self, x, y)
            }

            fn backward(
                &mut self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dy: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                dx: Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>,
                _: tricks_tensor::Mode,
            ) -> tricks_tensor::Result<()> {
                super::backward(stringify!($layer), *self, x, y, dy, dx)
            }

            fn infer(
                &self,
                x: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                y: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                super::infer(stringify!($layer), *self, x, y)
            }
        }
    };
}
use elementwise;

#[cfg(test)]
mod tests;
