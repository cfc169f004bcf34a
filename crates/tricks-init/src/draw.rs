//! Whole parameters from noise, in chunks, on threads.

use crate::box_muller::{BATCH, box_muller};
use tricks_tensor::kernel::{join, vectorize, worth_forking};
use tricks_tensor::{Float, Noise};

/// Numbers drawn at a time, into a buffer that stays in the first-level cache.
const CHUNK: usize = 512;
const _: () = assert!(CHUNK.is_multiple_of(BATCH), "a chunk holds whole pairs of normals");

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
        // Up to whole batches: a number at a ragged end goes the same way as any other.
        let numbers = &mut buffer[..out.len().next_multiple_of(BATCH)];
        noise.fill_uniform(first, numbers);
        vectorize(
            #[inline(always)]
            || {
                for batch in numbers.as_chunks_mut::<BATCH>().0 {
                    box_muller(batch);
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Wide vector instructions give the bits of the build's own.
    #[test]
    fn instructions_do_not_show() {
        let noise = Noise::new(8);
        let mut fast = vec![0.0; 10 * BATCH];
        normals(noise, &mut fast, 0.0, 1.0);
        let mut plain = vec![0.0; 10 * BATCH];
        noise.fill_uniform(0, &mut plain);
        plain.as_chunks_mut::<BATCH>().0.iter_mut().for_each(box_muller);
        assert_eq!(fast, plain);
    }
}
