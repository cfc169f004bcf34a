//! Means over the standard normal distribution.

use crate::gaussian::density;

/// Nodes and weights of Gauss and Legendre's rule of eight points on [−1, 1]; those below 0 mirror
/// them.
const RULE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_47),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// Beyond this the density is below 10⁻⁵⁵.
const END: f64 = 16.0;
/// The intervals begun with: corners at multiples of ½ fall on their ends.
const WIDTH: f64 = 0.5;
/// No interval is halved below this.
const NARROWEST: f64 = 1e-9;
/// So that a function without any smoothness comes to an end too.
const INTERVALS: usize = 100_000;

/// `E[f(z)²]`, z standard normal: intervals are halved until that changes nothing.
pub(crate) fn mean_square(f: impl Fn(f64) -> f64) -> f64 {
    let integral = |low: f64, high: f64| -> f64 {
        let (middle, half) = ((low + high) / 2.0, (high - low) / 2.0);
        let at = |z: f64| {
            let y = f(z);
            y * y * density(z)
        };
        RULE.iter().map(|(x, w)| half * w * (at(middle - half * x) + at(middle + half * x))).sum()
    };
    let count = (2.0 * END / WIDTH) as usize;
    let start = |i: usize| WIDTH * i as f64 - END;
    let mut open: Vec<(f64, f64, f64)> =
        (0..count).map(|i| (start(i), start(i + 1), integral(start(i), start(i + 1)))).collect();
    let (mut sum, mut halved) = (0.0, 0);
    while let Some((low, high, whole)) = open.pop() {
        let middle = (low + high) / 2.0;
        let (left, right) = (integral(low, middle), integral(middle, high));
        let change = (left + right - whole).abs();
        // A NaN changes nothing more.
        if change > 1e-17 + 1e-14 * whole && high - low > NARROWEST && halved < INTERVALS {
            halved += 1;
            open.extend([(low, middle, left), (middle, high, right)]);
        } else {
            sum += left + right;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_corners_jumps_and_what_is_neither() {
        let near = |found: f64, want: f64, digits: f64| {
            assert!((found - want).abs() < digits, "{found} against {want}");
        };
        near(mean_square(|_| 1.0), 1.0, 1e-13);
        near(mean_square(|z| z), 1.0, 1e-13);
        near(mean_square(|z| z * z * z), 15.0, 1e-11);
        near(mean_square(|z| (z - 1.0 / 3.0).max(0.0)), 0.284_695_968_748_739_7, 1e-13);
        // Φ(−1/3)
        near(mean_square(|z| f64::from(u8::from(z > 1.0 / 3.0))), 0.369_441_340_181_763_6, 1e-8);
        assert!(mean_square(|_| f64::NAN).is_nan());
        assert_eq!(mean_square(|z| f64::INFINITY * z), f64::INFINITY);
        assert_eq!(mean_square(|_| 0.0), 0.0);
        assert!(mean_square(|z| f64::from(z.to_bits() as u8)).is_finite());
    }
}
