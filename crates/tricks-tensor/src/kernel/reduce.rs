use super::{join, vectorize, worth_forking};
use crate::Float;

/// Sums are taken block by block, and the block sums added pairwise: the order does not depend on
/// threads.
pub const BLOCK: usize = 1 << 14;

/// Independent partial sums inside a block: enough for the widest vector registers.
const LANES: usize = 16;

/// `Σ f(x)` in `f64`, in a fixed order, on many threads for long slices.
///
/// `f` must be a closure marked `#[inline(always)]`.
#[inline]
pub fn sum_blocks<F: Float>(x: &[F], f: impl Fn(f64) -> f64 + Copy + Send + Sync) -> f64 {
    sum_zip(
        [x],
        #[inline(always)]
        |[x]| f(x.widen()),
    )
}

/// `Σ f(x₁, x₂, …)` over slices of one length, as [`sum_blocks`].
///
/// `f` must be a closure marked `#[inline(always)]`.
///
/// # Panics
/// If the slices differ in length.
#[inline]
pub fn sum_zip<F: Float, const N: usize>(
    x: [&[F]; N],
    f: impl Fn([F; N]) -> f64 + Copy + Send + Sync,
) -> f64 {
    // The halves meet at multiples of BLOCK that depend on the length alone.
    let len = x.first().map_or(0, |x| x.len());
    if len <= BLOCK {
        return block(x, f);
    }
    let middle = len.div_ceil(BLOCK).div_ceil(2) * BLOCK;
    let (a, b) = (x.map(|x| &x[..middle]), x.map(|x| &x[middle..]));
    let (a, b) = if worth_forking(len) {
        join(|| sum_zip(a, f), || sum_zip(b, f))
    } else {
        (sum_zip(a, f), sum_zip(b, f))
    };
    a + b
}

fn block<F: Float, const N: usize>(x: [&[F]; N], f: impl Fn([F; N]) -> f64 + Copy) -> f64 {
    vectorize(
        #[inline(always)]
        || {
            let len = x.first().map_or(0, |x| x.len());
            let vectors = x.map(|x| x.as_chunks::<LANES>().0);
            let rest = x.map(|x| &x[len - len % LANES..]);
            let mut sums = [0.0; LANES];
            for i in 0..len / LANES {
                let vector = vectors.map(|vectors| &vectors[i]);
                for lane in 0..LANES {
                    sums[lane] += f(vector.map(|vector| vector[lane]));
                }
            }
            for i in 0..len % LANES {
                sums[i] += f(rest.map(|rest| rest[i]));
            }
            let mut width = LANES / 2;
            while width > 0 {
                for lane in 0..width {
                    sums[lane] += sums[lane + width];
                }
                width /= 2;
            }
            sums[0]
        },
    )
}

/// `Σ x²`; NaN or infinite if any element is.
pub fn sum_squares<F: Float>(x: &[F]) -> f64 {
    sum_blocks(
        x,
        #[inline(always)]
        |x| x * x,
    )
}

/// The position of the first NaN or infinity.
pub fn first_non_finite<F: Float>(x: &[F]) -> Option<usize> {
    first_of(
        x,
        #[inline(always)]
        |x| x,
    )
}

/// The position of the first element whose square is NaN or infinite.
pub fn first_square_overflow<F: Float>(x: &[F]) -> Option<usize> {
    first_of(
        x,
        #[inline(always)]
        |x| x * x,
    )
}

/// The position of the first element that `f` takes out of the finite numbers.
///
/// One read at the speed of memory: `0·x` is 0 for finite `x` and NaN for all others, so a slice
/// is finite exactly when the sum of these is not NaN.
#[inline(always)]
fn first_of<F: Float>(x: &[F], f: impl Fn(F) -> F + Copy + Send + Sync) -> Option<usize> {
    if finite(x, f) { None } else { x.iter().position(|&x| !f(x).is_finite()) }
}

fn finite<F: Float>(x: &[F], f: impl Fn(F) -> F + Copy + Send + Sync) -> bool {
    if worth_forking(x.len()) {
        let (a, b) = x.split_at(x.len() / 2);
        let (a, b) = join(|| finite(a, f), || finite(b, f));
        return a && b;
    }
    // From four places at once: one stream of reads does not reach the memory's bandwidth.
    let quarter = x.len() / 4 / LANES * LANES;
    let (a, b) = x.split_at(2 * quarter);
    let ((a, b), (c, d)) = (a.split_at(quarter), b.split_at(quarter));
    let (d, rest) = d.split_at(quarter);
    vectorize(
        #[inline(always)]
        || {
            let streams = [a, b, c, d].map(|x| x.as_chunks::<LANES>().0);
            let mut sums = [[F::zero(); LANES]; 4];
            let [a, b, c, d] = streams;
            for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
                // Spelled out: a loop over the four is taken for a vector of four, which has to be
                // gathered and scattered.
                for lane in 0..LANES {
                    sums[0][lane] += f(a[lane]) * F::zero();
                    sums[1][lane] += f(b[lane]) * F::zero();
                    sums[2][lane] += f(c[lane]) * F::zero();
                    sums[3][lane] += f(d[lane]) * F::zero();
                }
            }
            let rest = rest.iter().map(|&x| f(x) * F::zero());
            !sums.into_iter().flatten().chain(rest).fold(F::zero(), |sum, x| sum + x).is_nan()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_are_right_and_ignore_threads(len in 0usize..300_000, seed: u64) {
            let mut x = vec![0.0; len];
            crate::Noise::new(seed).fill_uniform(0, &mut x);
            let sum = sum_squares(&x);
            let naive: f64 = x.iter().map(|x| x * x).sum();
            prop_assert!((sum - naive).abs() <= 1e-12 * naive.max(1.0));
            #[cfg(feature = "rayon")]
            for threads in [1, 2, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                prop_assert_eq!(sum.to_bits(), pool.install(|| sum_squares(&x)).to_bits());
            }
        }

        #[test]
        fn non_finite_is_found(len in 1usize..200_000, at: usize, which in 0usize..3) {
            let mut x = vec![1e30f32; len];
            prop_assert_eq!(first_non_finite(&x), None);
            prop_assert_eq!(first_square_overflow(&x), Some(0));
            x.fill(1e19);
            prop_assert_eq!(first_square_overflow(&x), None);
            x[at % len] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][which];
            prop_assert_eq!(first_non_finite(&x), Some(at % len));
            prop_assert_eq!(first_square_overflow(&x), Some(at % len));
        }
    }
}
