#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use fearless_simd::{Level, Simd as _};

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
    // Two levels above the build's, of which the upper is left out where speed is no matter: each
    // is another copy of every loop to compile. SSE4.2 has no wider vectors than SSE2; NEON is in
    // every build for its architecture.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    {
        let level = Level::new();
        #[cfg(not(debug_assertions))]
        if let Some(avx512) = level.as_avx512() {
            return avx512.vectorize(f);
        }
        if let Some(avx2) = level.as_avx2() {
            return avx2.vectorize(f);
        }
    }
    f()
}
