//! Two normals from two uniforms, in plain arithmetic: the same bits on every machine, and a form
//! the compiler turns into vector instructions.

use crate::elementary::polynomial;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, LN_2};

/// `N` pairs of uniforms `(u, v)` on [0, 1) become as many pairs of standard normals: the formula
/// of [`Noise::normal`](crate::Noise::normal), of which `1 − u` is never zero.
#[inline(always)]
pub(crate) fn box_muller<const N: usize>(u: [f64; N], v: [f64; N]) -> [[f64; N]; 2] {
    let (mut radius, mut even, mut odd) = ([0.0; N], [0.0; N], [0.0; N]);
    for lane in 0..N {
        radius[lane] = (-2.0 * ln(1.0 - u[lane])).sqrt();
    }
    for lane in 0..N {
        (even[lane], odd[lane]) = cos_sin_turns(v[lane]);
    }
    for lane in 0..N {
        even[lane] *= radius[lane];
        odd[lane] *= radius[lane];
    }
    [even, odd]
}

/// Natural logarithm of a positive normal number up to 1, within a few units in the last place.
///
/// ```text
/// x = m·2ᵉ, m in [√½, √2)      s = (m − 1)/(m + 1)      ln x = e ln 2 + 2(s + s³/3 + s⁵/5 + …)
/// ```
#[inline(always)]
fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    const BIAS: u64 = 1023;
    /// The numbers of [2⁵², 2⁵³) are the integers: a small one becomes an `f64` by its bits alone.
    const INTEGERS: f64 = (1u64 << 52) as f64;
    // Split at √½ instead of 1, so that m is centred on 1.
    let bits = x.to_bits().wrapping_sub(FRAC_1_SQRT_2.to_bits()).wrapping_add(BIAS << 52);
    let m = f64::from_bits((bits & MANTISSA) + FRAC_1_SQRT_2.to_bits());
    let e = f64::from_bits((bits >> 52) | INTEGERS.to_bits()) - (INTEGERS + BIAS as f64);
    let s = (m - 1.0) / (m + 1.0);
    // |s| < 0.172: what is cut off is below 2⁻⁵⁵ of the whole.
    let s2 = s * s;
    let series = polynomial!(s2;
        2.0, 2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0, 2.0 / 13.0, 2.0 / 15.0,
        2.0 / 17.0, 2.0 / 19.0);
    e * LN_2 + s * series
}

/// `(cos 2πv, sin 2πv)` for `v` in [0, 1), each within a few units in the last place.
///
/// `v` is split into the nearest quarter turn, exactly, and a rest of at most an eighth; there the
/// Taylor series are short.
#[inline(always)]
fn cos_sin_turns(v: f64) -> (f64, f64) {
    /// Adding it rounds to an integer, which then stands in the lowest bits.
    const ROUND: f64 = 1.5 * (1u64 << 52) as f64;
    let rounded = 4.0 * v + ROUND;
    let quarter = rounded.to_bits();
    let x = (4.0 * v - (rounded - ROUND)) * FRAC_PI_2;
    let x2 = x * x;
    let sin = x * polynomial!(x2;
        1.0, -1.0 / 6.0, 1.0 / 120.0, -1.0 / 5_040.0, 1.0 / 362_880.0, -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0, -1.0 / 1_307_674_368_000.0, 1.0 / 355_687_428_096_000.0);
    let cos = polynomial!(x2;
        1.0, -1.0 / 2.0, 1.0 / 24.0, -1.0 / 720.0, 1.0 / 40_320.0, -1.0 / 3_628_800.0,
        1.0 / 479_001_600.0, -1.0 / 87_178_291_200.0, 1.0 / 20_922_789_888_000.0);
    // A quarter turn takes (cos, sin) to (−sin, cos): swap in odd quarters, then set the signs.
    let (cos, sin) = if quarter & 1 == 1 { (sin, cos) } else { (cos, sin) };
    let negative = |quarter: u64| (quarter & 2) << 62;
    (
        f64::from_bits(cos.to_bits() ^ negative(quarter.wrapping_add(1))),
        f64::from_bits(sin.to_bits() ^ negative(quarter)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exact_points() {
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(ln(0.5), -LN_2);
        assert_eq!(cos_sin_turns(0.0), (1.0, 0.0));
        assert_eq!(cos_sin_turns(0.25), (0.0, 1.0));
        assert_eq!(cos_sin_turns(0.5), (-1.0, 0.0));
        assert_eq!(cos_sin_turns(0.75), (0.0, -1.0));
    }

    /// No pole at u = 0; a quarter turn is the sine alone.
    #[test]
    fn pairs_by_hand() {
        assert_eq!(box_muller([0.0], [0.25]), [[0.0], [0.0]]);
        let [[even], [odd]] = box_muller([1.0 - libm::exp(-2.0)], [0.25]);
        assert!(even == 0.0 && (odd - 2.0).abs() < 1e-15, "{even} {odd}");
    }

    #[test]
    fn extreme_uniforms_are_finite() {
        let last = 1.0 - f64::EPSILON / 2.0;
        for (u, v) in [(0.0, 0.0), (last, 0.0), (0.0, last), (last, last)] {
            let [[even], [odd]] = box_muller([u], [v]);
            assert!(even.abs() < 8.572 && odd.abs() < 8.572, "{u} {v}: {even} {odd}");
        }
    }

    proptest! {
        #[test]
        fn ln_is_the_logarithm(k in 1u64..=1 << 53, shift in 0u32..53) {
            let x = (k >> shift).max(1) as f64 / (1u64 << 53) as f64;
            let want = libm::log(x);
            prop_assert!((ln(x) - want).abs() <= 1e-15 * want.abs(), "{} {} {}", x, ln(x), want);
        }

        #[test]
        fn ln_near_one(k in 0u64..1 << 20) {
            let x = 1.0 - k as f64 / (1u64 << 53) as f64;
            let want = libm::log(x);
            prop_assert!((ln(x) - want).abs() <= 1e-15 * want.abs());
        }

        #[test]
        fn cos_and_sin_are_themselves(k in 0u64..1 << 53) {
            let v = k as f64 / (1u64 << 53) as f64;
            let (cos, sin) = cos_sin_turns(v);
            let angle = std::f64::consts::TAU * v;
            prop_assert!((cos - libm::cos(angle)).abs() < 2e-15);
            prop_assert!((sin - libm::sin(angle)).abs() < 2e-15);
            prop_assert!((cos * cos + sin * sin - 1.0).abs() < 1e-15);
        }
    }
}
