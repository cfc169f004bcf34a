//! `eˣ` and what is made of it.
//!
//! ```text
//! n = round(x/ln 2),  r = x − n ln 2,  eˣ = 2ⁿ (1 + p),  p = eʳ − 1 = r + r² P(r)
//! eˣ − 1     = (2ⁿ − 1) + 2ⁿ p
//! tanh x     = (e²ˣ − 1)/(e²ˣ − 1 + 2)
//! sigmoid x  = 1/(1 + e⁻ˣ) for x ≥ 0, eˣ/(1 + eˣ) below
//! ```
//! `ln 2` is taken off in two parts, the first so short that its product with `n` is exact. `P` is
//! interpolated at Chebyshev points on |r| ≤ ½ ln 2.

macro_rules! exponential {
    ($t:ident, $bits:ident, $int:ident, $mantissa:literal, $bias:literal,
     largest $largest:literal, smallest $smallest:literal, one $one:literal,
     ln2 $ln2_high:literal + $ln2_low:literal, $($p:literal),+) => {
        pub(crate) mod $t {
            use crate::elementary::polynomial;

            /// What rounds to an integer when it is added: its last place is 1.
            const ROUND: $t = 1.5 * ((1 as $bits) << $mantissa) as $t;

            /// 2ⁿ for the integer `n`, a normal number.
            #[inline(always)]
            fn power_of_two(n: $int) -> $t {
                $t::from_bits((n.wrapping_add($bias) as $bits) << $mantissa)
            }

            /// `n` and `p`, for arguments within the range of the result.
            #[inline(always)]
            fn split(x: $t) -> ($int, $t) {
                let (n, whole) = nearest(x);
                (n, expansion((x - whole * $ln2_high) - whole * $ln2_low))
            }

            /// The integer nearest to `x/ln 2`, as both types.
            #[inline(always)]
            fn nearest(x: $t) -> ($int, $t) {
                let rounded = x * std::$t::consts::LOG2_E + ROUND;
                (rounded.to_bits().wrapping_sub(ROUND.to_bits()) as $int, rounded - ROUND)
            }

            /// `eʳ − 1`.
            #[inline(always)]
            fn expansion(r: $t) -> $t {
                r + r * r * polynomial!(r; $($p),+)
            }

            /// `x` within bounds; NaN stays.
            #[inline(always)]
            fn within(x: $t, low: $t, high: $t) -> $t {
                let x = if x > high { high } else { x };
                if x < low { low } else { x }
            }

            #[inline(always)]
            pub(crate) fn exp(x: $t) -> $t {
                let (n, p) = split(within(x, $smallest, $largest));
                // Two factors, because 2ⁿ itself may be below or beyond all normal numbers.
                let half = n >> 1;
                (1.0 + p) * power_of_two(half) * power_of_two(n - half)
            }

            /// `factor e^(x + rest)` for `x ≤ 0` that is not below the range and a small `rest`.
            #[inline(always)]
            pub(crate) fn exp_sum_times(x: $t, rest: $t, factor: $t) -> $t {
                let (n, whole) = nearest(x + rest);
                let p = expansion(((x - whole * $ln2_high) - whole * $ln2_low) + rest);
                let half = n >> 1;
                (factor + factor * p) * power_of_two(half) * power_of_two(n - half)
            }

            #[inline(always)]
            pub(crate) fn exp_m1(x: $t) -> $t {
                let (n, p) = split(within(x, -$one, $largest));
                // 2ⁿ may be beyond all numbers by itself: half of the exponent is left out first.
                let half = n >> 1;
                let rest = power_of_two(n - half);
                power_of_two(half) * ((rest - power_of_two(-half)) + rest * p)
            }

            #[inline(always)]
            pub(crate) fn tanh(x: $t) -> $t {
                let (n, p) = split(2.0 * within(x.abs(), 0.0, $one));
                let power = power_of_two(n);
                let e = (power - 1.0) + power * p;
                (e / (e + 2.0)).copysign(x)
            }

            #[inline(always)]
            pub(crate) fn sigmoid(x: $t) -> $t {
                let e = exp(-x.abs());
                (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
            }
        }
    };
}

exponential!(f32, u32, i32, 23, 127, largest 89.0, smallest -104.0, one 20.0,
    ln2 0.693_359_4 + -0.000_212_194_44,
    0.499_999_94, 0.166_665_2, 0.041_668_4, 0.008_368_851, 0.001_381_433_5);
exponential!(f64, u64, i64, 52, 1023, largest 710.0, smallest -746.0, one 40.0,
    ln2 0.693_147_180_369_123_8 + 1.908_214_929_270_587_7e-10,
    0.5, 0.166_666_666_666_666_7, 0.041_666_666_666_666_67, 0.008_333_333_333_326_084,
    0.001_388_888_888_888_371, 0.000_198_412_698_750_022_8, 2.480_158_732_567_746e-5,
    2.755_725_517_000_089e-6, 2.755_727_347_871_858e-7, 2.510_531_272_962_21e-8,
    2.091_475_532_589_32e-9);
