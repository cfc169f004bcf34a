//! Whole parameters from noise, on threads.

use tricks_tensor::kernel::{join, worth_forking};
use tricks_tensor::{Float, Noise};

/// Where threads cut: a multiple of all vectors.
const CHUNK: usize = 512;

#[inline(always)]
pub(crate) fn uniforms<F: Float>(
    noise: Noise,
    out: &mut [F],
    f: impl Fn(f64) -> f64 + Copy + Sync,
) {
    parts(0, out, &|first, out| {
        noise.map_uniform(
            first,
            out,
            #[inline(always)]
            |u| F::of(f(u)),
        );
    });
}

pub(crate) fn normals<F: Float>(noise: Noise, out: &mut [F], mean: f64, std: f64) {
    parts(0, out, &|first, out| {
        noise.map_normal(
            first,
            out,
            #[inline(always)]
            |z| F::of(mean + std * z),
        );
    });
}

/// `f` is given the index of the first number of each part.
fn parts<F: Float>(first: usize, out: &mut [F], f: &(impl Fn(u64, &mut [F]) + Sync)) {
    if worth_forking(out.len()) {
        let middle = (out.len() / 2).next_multiple_of(CHUNK);
        let (a, b) = out.split_at_mut(middle);
        join(|| parts(first, a, f), || parts(first + middle, b, f));
        return;
    }
    f(first as u64, out);
}
