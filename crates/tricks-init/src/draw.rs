//! Whole parameters from noise, in chunks, on threads.

use tricks_tensor::kernel::{join, vectorize, worth_forking};
use tricks_tensor::{Float, Noise};

/// Numbers drawn at a time, into a buffer that stays in the first-level cache.
const CHUNK: usize = 512;

/// `out[i] = f(uᵢ)`, with `uᵢ` uniform on [0, 1).
///
/// `f` should be a closure marked `#[inline(always)]`.
pub(crate) fn uniforms<F: Float>(noise: Noise, out: &mut [F], f: impl Fn(f64) -> f64 + Sync) {
    chunks(0, out, &|first, out| {
        let mut buffer = [0.0; CHUNK];
        let uniforms = &mut buffer[..out.len()];
        noise.fill_uniform(first, uniforms);
        vectorize(
            #[inline(always)]
            || {
                for (out, u) in out.iter_mut().zip(uniforms) {
                    *out = F::of(f(*u));
                }
            },
        );
    });
}

/// `out[i] = mean + std·zᵢ`, with `zᵢ` standard normal.
pub(crate) fn normals<F: Float>(noise: Noise, out: &mut [F], mean: f64, std: f64) {
    chunks(0, out, &|first, out| {
        let mut buffer = [0.0; CHUNK];
        let numbers = &mut buffer[..out.len()];
        noise.fill_normal(first, numbers);
        vectorize(
            #[inline(always)]
            || {
                for (out, z) in out.iter_mut().zip(numbers) {
                    *out = F::of(mean + std * *z);
                }
            },
        );
    });
}

/// Calls `f(index of the first, numbers)` for every chunk. What a number becomes must depend on its
/// index alone; then the split into threads cannot show.
fn chunks<F: Float>(first: usize, out: &mut [F], f: &(impl Fn(u64, &mut [F]) + Sync)) {
    if worth_forking(out.len()) {
        let middle = (out.len() / 2).next_multiple_of(CHUNK);
        let (a, b) = out.split_at_mut(middle);
        join(|| chunks(first, a, f), || chunks(first + middle, b, f));
        return;
    }
    for (i, chunk) in out.chunks_mut(CHUNK).enumerate() {
        f((first + i * CHUNK) as u64, chunk);
    }
}
