//! The error function and its complement.
//!
//! ```text
//! erfc x = e^(−x²) P(t) / (1 + 2x)   for x ≥ 0,   t = (x − K)/(x + K);   2 − erfc(−x) below
//! erf x  = x Q(x²)   for |x| ≤ 1,   ±(1 − erfc |x|) above
//! ```
//! `t` brings all of [0, ∞) into [−1, 1), where `(1 + 2x) e^(x²) erfc x` is a smooth function. `x²`
//! is taken in two parts, the first of which is exact: its rounding would be multiplied by `x²`.
//! `P` and `Q` are interpolated at Chebyshev points.

macro_rules! error_function {
    ($t:ident, $bits:ident, kept $kept:literal, largest $largest:literal, K $k:literal,
     P $($p:literal),+; Q $($q:literal),+) => {
        pub(crate) mod $t {
            use crate::elementary::{exponential::$t::exp_sum_times, polynomial};

            #[inline(always)]
            pub(crate) fn erfc(x: $t) -> $t {
                let size = x.abs();
                // From here on it is 0.
                let size = if size > $largest { $largest } else { size };
                let high = $t::from_bits(size.to_bits() & ($bits::MAX << $kept));
                let low = (size - high) * (size + high);
                let scaled = polynomial!((size - $k) / (size + $k); $($p),+) / (1.0 + 2.0 * size);
                let tail = exp_sum_times(-high * high, -low, scaled);
                if x < 0.0 { 2.0 - tail } else { tail }
            }

            #[inline(always)]
            pub(crate) fn erf(x: $t) -> $t {
                let (size, z) = (x.abs(), x * x);
                let near = x * polynomial!(z; std::$t::consts::FRAC_2_SQRT_PI, $($q),+);
                if size > 1.0 { (1.0 - erfc(size)).copysign(x) } else { near }
            }
        }
    };
}

error_function!(f32, u32, kept 12, largest 10.1, K 3.0,
    P 1.253_008_1, -0.135_621_14, -0.047_562_28, 0.129_646_58, -0.119_272_65, 0.068_293_51,
    -0.023_790_234, 0.002_579_434_7, 0.001_994_474_6, -0.000_798_339_14, -0.000_277_326_9;
    Q -0.376_126_26, 0.112_835_94, -0.026_854_211, 0.005_189_087_2, -0.000_801_686_4,
    7.875_87e-5);
error_function!(f64, u64, kept 27, largest 27.3, K 4.0,
    P 1.232_995_118_625_552_5, -0.139_621_116_840_562_86, 0.015_379_652_102_621_09,
    0.068_097_054_254_733_6, -0.101_039_066_036_373_63, 0.093_732_834_996_905_35,
    -0.066_330_365_811_010_3, 0.037_167_515_561_056_71, -0.016_197_734_065_502_876,
    0.005_031_969_765_051_122, -0.000_757_773_296_373_946_2, -0.000_199_255_534_760_078_38,
    0.000_150_622_052_323_059_9, -2.440_316_049_719_263_4e-5, -1.122_429_359_467_938_6e-5,
    5.718_067_004_785_881e-6, 3.006_053_020_270_925_8e-7, -8.356_886_054_802_244e-7,
    6.326_381_932_013_845e-8, 1.159_756_491_971_283_6e-7, -7.796_210_935_750_394e-9,
    -1.395_281_212_304_238_3e-8, -1.907_388_627_007_971e-9;
    Q -0.376_126_389_031_835_4, 0.112_837_916_709_450_06,
    -0.026_866_170_643_237_77, 0.005_223_977_607_116_422_7, -0.000_854_832_597_538_969_2,
    0.000_120_552_949_048_397_08, -1.492_473_690_741_966e-5, 1.644_742_470_331_736_2e-6,
    -1.620_848_380_187_170_6e-7, 1.372_006_454_677_768_6e-8, -7.795_898_827_002_142e-10);
