use super::{exponential::f32::exp, polynomial};
use std::f32::consts::FRAC_2_SQRT_PI;

/// The error function in `f32`.
///
/// ```text
/// |x| ≤ 1   erf x = x P(x²)
/// above     erf x = 1 − e^Q(|x|),  Q = ln erfc on [1, 4];  ±1 from 4 on
/// ```
/// Both interpolated at Chebyshev points.
#[inline(always)]
pub(crate) fn erf_f32(x: f32) -> f32 {
    let (size, z) = (x.abs(), x * x);
    let near = x * polynomial!(z;
        FRAC_2_SQRT_PI, -0.376_126_26, 0.112_835_94, -0.026_854_211,
        0.005_189_087_2, -0.000_801_686_4, 7.875_87e-5);
    let far = if size > 4.0 { 4.0 } else { size };
    let far = 1.0
        - exp(polynomial!(far;
        0.000_320_138, -1.130_233_4, -0.631_826_04, -0.110_080_086, 0.026_421_135,
        -0.004_759_596, 0.000_596_805_6, -4.605_8e-5, 1.637_2e-6));
    if size > 1.0 { far.copysign(x) } else { near }
}
