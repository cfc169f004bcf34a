//! What is done to all gradients together, between the backward pass and the step.

mod clip_global_norm;
mod clip_norm;
mod clip_value;
mod norm;
mod pending;

pub use clip_global_norm::{Clip, ClipGlobalNorm, clip_global_norm};
pub use clip_norm::{ClipNorm, clip_norm};
pub use clip_value::{ClipValue, clip_value};
pub use pending::{Pending, Transform, transform};

use tricks_tensor::{Float, Parameters, Path, kernel};

/// Multiplies a gradient in place.
fn scale<F: Float>(grad: &mut [F], factor: f64) {
    let factor = F::of(factor);
    kernel::vectorize(
        #[inline(always)]
        || grad.iter_mut().for_each(|g| *g *= factor),
    );
}

/// Every gradient there is: all of its numbers, or those of its rows.
fn each_gradient<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    mut f: impl FnMut(&mut [F]),
) {
    params.visit(&Path::ROOT, &mut |_, mut param| {
        if let Some(grad) = param.grad.values() {
            f(grad);
        }
    });
}
