use fearless_simd::{Level, dispatch};

/// Runs `f` compiled for the best vector instructions of this CPU.
///
/// The default build targets SSE2; AVX2 is twice as fast in cache. `f` must be a closure marked
/// `#[inline(always)]`, and what it calls must be inlined too, else it keeps the build's
/// instructions. Nothing is contracted to a fused multiply-add, so the bits do not change.
///
/// ```
/// use tricks_tensor::kernel::vectorize;
/// let mut x = [1.0f32; 100];
/// vectorize(#[inline(always)] || x.iter_mut().for_each(|x| *x = 2.0 * *x + 1.0));
/// assert_eq!(x, [3.0; 100]);
/// ```
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    dispatch!(Level::new(), _simd => f())
}
