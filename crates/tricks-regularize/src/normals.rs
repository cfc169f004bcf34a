//! Standard normal numbers as functions of the noise and a position.

use tricks_tensor::kernel::{join, worth_forking};
use tricks_tensor::{Float, Noise, math};

/// Numbers drawn at a time, in whole pairs.
const CHUNK: usize = 512;

/// `yᵢ ← f(xᵢ, zᵢ)`, with `zᵢ` standard normal: number `first + i` of the noise, whatever the
/// threads. `first` must be even.
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
        // Up to a whole pair: a last number without a neighbour is made as any other.
        let numbers = &mut buffer[..x.len().next_multiple_of(2)];
        noise.fill_uniform(first, numbers);
        numbers.as_chunks_mut().0.iter_mut().for_each(box_muller);
        for ((y, x), z) in y.iter_mut().zip(x).zip(numbers) {
            *y = F::of(f(x.widen(), *z));
        }
        first += CHUNK as u64;
    }
}

/// Two normals from two uniforms on [0, 1) (Box, Muller 1958):
/// `√(−2 ln(1 − u))` times the cosine and the sine of `2π v`.
fn box_muller(pair: &mut [f64; 2]) {
    let radius = (-2.0 * math::ln(1.0 - pair[0])).sqrt();
    let angle = std::f64::consts::TAU * pair[1];
    *pair = [radius * math::cos(angle), radius * math::sin(angle)];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_moments_and_any_start() {
        let n = 200_001;
        let mut z = vec![0.0f64; n];
        with_normals((Noise::new(5), 0), &z.clone(), &mut z, |_, z| z);
        let moment = |power: i32| {
            z.iter().map(|z| (0..power).fold(1.0, |product, _| product * z)).sum::<f64>() / n as f64
        };
        // Standard deviations of the means: 1, √2, √15 and √96 over √n = 447.
        for (power, want, spread) in [(1, 0.0, 1.0), (2, 1.0, 1.5), (3, 0.0, 4.0), (4, 3.0, 10.0)] {
            let found = moment(power);
            assert!((found - want).abs() < 4.0 * spread / 447.0, "moment {power}: {found}");
        }
        let mut later = [0.0f64; 7];
        with_normals((Noise::new(5), 1026), &[0.0; 7], &mut later, |_, z| z);
        assert_eq!(later, z[1026..1033]);
        // u = 0 is no pole, and v = ¼ is the sine alone.
        let mut pair = [0.0, 0.25];
        box_muller(&mut pair);
        assert_eq!(pair, [0.0, 0.0]);
        pair = [1.0 - math::exp(-2.0), 0.25];
        box_muller(&mut pair);
        assert!(pair[0].abs() < 1e-15 && (pair[1] - 2.0).abs() < 1e-15, "{pair:?}");
    }
}
