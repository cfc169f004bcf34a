//! `ln x` and `ln(1 + x)`.
//!
//! ```text
//! x = 2ᵉ (1 + f),  √½ ≤ 1 + f < √2,  s = f/(2 + f),  z = s²
//! ln(1 + f) = 2s + s³ R(z) = f − (f²/2 − s (f²/2 + z R(z)))
//! ln x      = e ln 2 + ln(1 + f)
//! ln(1 + x) = ln u + (x − (u − 1))/u,  u the rounded 1 + x
//! ```
//! `R` is interpolated at Chebyshev points. `e ln 2` comes in two parts, the first exact.

macro_rules! logarithm {
    ($t:ident, $bits:ident, $int:ident, $mantissa:literal,
     ln2 $ln2_high:literal + $ln2_low:literal, $($r:literal),+) => {
        pub(crate) mod $t {
            use crate::elementary::polynomial;

            const SQRT_HALF: $bits = std::$t::consts::FRAC_1_SQRT_2.to_bits();

            #[inline(always)]
            pub(crate) fn ln(x: $t) -> $t {
                // Numbers below the normal ones are made larger first.
                let small = x < $t::MIN_POSITIVE;
                let scaled = if small { x * ((1 as $bits) << $mantissa) as $t } else { x };
                let bits = scaled.to_bits();
                let e = (bits.wrapping_sub(SQRT_HALF) as $int) >> $mantissa;
                let f = $t::from_bits(bits.wrapping_sub((e as $bits) << $mantissa)) - 1.0;
                let e = e as $t - if small { $mantissa as $t } else { 0.0 };

                let s = f / (2.0 + f);
                let z = s * s;
                let half = 0.5 * f * f;
                let low = half - s * (half + z * polynomial!(z; $($r),+)) - e * $ln2_low;
                let y = e * $ln2_high + (f - low);

                let y = if x == $t::INFINITY { x } else { y };
                let y = if x == 0.0 { -$t::INFINITY } else { y };
                // Also where x is not a number.
                if x >= 0.0 { y } else { $t::NAN }
            }

            #[inline(always)]
            pub(crate) fn ln_1p(x: $t) -> $t {
                let u = 1.0 + x;
                let y = ln(u) + (x - (u - 1.0)) / u;
                // Where u is 1, x itself; where it is infinite or 0, what is lost is not a number.
                let y = if u == 1.0 { x } else { y };
                if x == $t::INFINITY || x == -1.0 { ln(u) } else { y }
            }
        }
    };
}

logarithm!(f32, u32, i32, 23, ln2 0.693_359_4 + -0.000_212_194_44,
    0.666_666_7, 0.400_001_23, 0.285_507_35, 0.233_327_61);
logarithm!(f64, u64, i64, 52, ln2 0.693_147_180_369_123_8 + 1.908_214_929_270_587_7e-10,
    0.666_666_666_666_667, 0.399_999_999_998_982_7, 0.285_714_286_265_333_4,
    0.222_222_110_438_224_87, 0.181_828_957_468_014_28, 0.153_315_017_212_074_2,
    0.146_191_647_771_864_2);
