//! Standard normal numbers as functions of the noise and a position.

use tricks_tensor::kernel::{join, worth_forking};
use tricks_tensor::{Float, Noise};

/// Numbers drawn at a time.
const CHUNK: usize = 512;

/// `yᵢ ← f(xᵢ, zᵢ)`, with `zᵢ` standard normal: number `first + i` of the noise, whatever the
/// threads.
pub(crate) fn with_normals<F: Float>(
    (noise, first): (Noise, u64),
    x: &[F],
    y: &mut [F],
    f: impl Fn(f64, f64) -> f64 + Copy + Send + Sync,
) {
    if worth_forking(x.len()) {
        let middle = (x.len() / 2).next_multiple_of(CHUNK);
        let (x0, x1) = x.split_at(middle);
        let (y0, y1) = y.split_at_mut(middle);
        let second = first + middle as u64;
        join(
            || with_normals((noise, first), x0, y0, f),
            || with_normals((noise, second), x1, y1, f),
        );
        return;
    }
    let mut buffer = [0.0; CHUNK];
    let mut first = first;
    for (x, y) in x.chunks(CHUNK).zip(y.chunks_mut(CHUNK)) {
        let numbers = &mut buffer[..x.len()];
        noise.fill_normal(first, numbers);
        for ((y, x), z) in y.iter_mut().zip(x).zip(numbers) {
            *y = F::of(f(x.widen(), *z));
        }
        first += CHUNK as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::kernel::MIN_FORK;

    #[test]
    fn any_start_and_any_threads() {
        let n = 5 * MIN_FORK + 7;
        let mut z = vec![0.0f64; n];
        with_normals((Noise::new(5), 0), &vec![1.0; n], &mut z, |x, z| x + z);
        let mut later = [0.0f64; 7];
        with_normals((Noise::new(5), 1027), &[1.0; 7], &mut later, |x, z| x + z);
        assert_eq!(later, z[1027..1034]);
        assert!(z.iter().zip(0..).all(|(z, i)| *z == 1.0 + Noise::new(5).normal(i)));
    }
}
