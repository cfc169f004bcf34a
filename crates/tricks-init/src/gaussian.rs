//! The standard normal distribution: density, cumulative distribution, quantiles.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};
use tricks_tensor::math;

/// `φ(x) = e^(−x²/2) / √(2π)`
pub(crate) fn density(x: f64) -> f64 {
    math::exp(-0.5 * x * x) / TAU.sqrt()
}

/// `Φ(x) = ½ erfc(−x/√2)`: relative precision in the lower tail.
pub(crate) fn cumulative(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// `Φ⁻¹(p)`, to about 15 digits; infinite at 0 and 1.
///
/// Three ratios of polynomials: near the middle in `(p − ½)²`, in the tails in `√(−ln p)`.
///
/// Source: Wichura: *Algorithm AS 241: The Percentage Points of the Normal Distribution*, 1988,
/// PPND16.
pub(crate) fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, &MIDDLE);
    }
    let tail = if q < 0.0 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = (-math::ln(tail)).sqrt();
    let x = if r <= 5.0 { ratio(r - 1.6, &TAIL) } else { ratio(r - 5.0, &FAR_TAIL) };
    x.copysign(q)
}

/// The quotient of two polynomials, their coefficients side by side from the highest power.
fn ratio(x: f64, coefficients: &[[f64; 2]; 8]) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    for &[a, b] in coefficients {
        above = above * x + a;
        below = below * x + b;
    }
    above / below
}

#[expect(clippy::excessive_precision, reason = "the digits as published")]
const MIDDLE: [[f64; 2]; 8] = [
    [2.509_080_928_730_122_672_7e3, 5.226_495_278_852_854_561_0e3],
    [3.343_057_558_358_812_810_5e4, 2.872_908_573_572_194_267_4e4],
    [6.726_577_092_700_870_085_3e4, 3.930_789_580_009_271_061_0e4],
    [4.592_195_393_154_987_145_7e4, 2.121_379_430_158_659_586_7e4],
    [1.373_169_376_550_946_112_5e4, 5.394_196_021_424_751_107_7e3],
    [1.971_590_950_306_551_442_7e3, 6.871_870_074_920_579_083_0e2],
    [1.331_416_678_917_843_774_5e2, 4.231_333_070_160_091_125_2e1],
    [3.387_132_872_796_366_608_0, 1.0],
];

#[expect(clippy::excessive_precision, reason = "the digits as published")]
const TAIL: [[f64; 2]; 8] = [
    [7.745_450_142_783_414_076_40e-4, 1.050_750_071_644_416_843_24e-9],
    [2.272_384_498_926_918_458_33e-2, 5.475_938_084_995_344_946_00e-4],
    [2.417_807_251_774_506_117_70e-1, 1.519_866_656_361_645_719_66e-2],
    [1.270_458_252_452_368_382_58, 1.481_039_764_274_800_745_90e-1],
    [3.647_848_324_763_204_605_04, 6.897_673_349_851_000_045_50e-1],
    [5.769_497_221_460_691_405_50, 1.676_384_830_183_803_849_40],
    [4.630_337_846_156_545_295_90, 2.053_191_626_637_758_821_87],
    [1.423_437_110_749_683_577_34, 1.0],
];

#[expect(clippy::excessive_precision, reason = "the digits as published")]
const FAR_TAIL: [[f64; 2]; 8] = [
    [2.010_334_399_292_288_132_65e-7, 2.044_263_103_389_939_785_64e-15],
    [2.711_555_568_743_487_578_15e-5, 1.421_511_758_316_445_888_70e-7],
    [1.242_660_947_388_078_438_60e-3, 1.846_318_317_510_054_681_80e-5],
    [2.653_218_952_657_612_309_30e-2, 7.868_691_311_456_132_591_00e-4],
    [2.965_605_718_285_048_912_30e-1, 1.487_536_129_085_061_485_25e-2],
    [1.784_826_539_917_291_335_80, 1.369_298_809_227_358_053_10e-1],
    [5.463_784_911_164_114_369_90, 5.998_322_065_558_879_376_90e-1],
    [6.657_904_643_501_103_777_20, 1.0],
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Percentage points any table of the normal distribution has.
    #[test]
    fn tabulated() {
        for (p, x) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (0.001, -3.090_232_306_167_813),
            (1e-12, -7.034_483_825_301_132),
        ] {
            assert!((quantile(p) - x).abs() < 1e-14, "{p}: {}", quantile(p));
        }
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(quantile(1.0), f64::INFINITY);
    }

    proptest! {
        #[test]
        fn quantile_undoes_cumulative(x in -37.0..5.0) {
            let p = cumulative(x);
            // In the upper tail p is close to 1 and its rounding is magnified by 1/φ.
            let tolerance = 2e-15 * (1.0 + x.abs()) + 2e-16 * p / density(x);
            prop_assert!((quantile(p) - x).abs() < tolerance, "{} {}", x, quantile(p));
        }
    }
}
