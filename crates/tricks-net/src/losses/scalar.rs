//! Functions of one number that several losses share.

use tricks_tensor::Float;

/// `ln (1 + eˣ)`, at any size of `x`.
pub(super) fn softplus(x: f64) -> f64 {
    (-x.abs()).exp_exact().ln_1p_exact() + x.max(0.0)
}

/// `w x`, where a weight of 0 silences an infinity, but not a NaN.
pub(super) fn weighed(w: f64, x: f64) -> f64 {
    if w == 0.0 && !x.is_nan() { 0.0 } else { w * x }
}

/// `max(0, x)` and its derivative; NaN stays.
pub(super) fn positive_part(x: f64) -> (f64, f64) {
    if x > 0.0 { (x, 1.0) } else { (x * 0.0, x * 0.0) }
}

/// The binary cross-entropy of a logit `x`, its positive part times `pos_weight`, and the
/// derivative.
pub(super) fn binary_cross_entropy(x: f64, t: f64, pos_weight: f64) -> (f64, f64) {
    let (on, off) = (pos_weight * t, 1.0 - t);
    let value = weighed(on, softplus(-x)) + weighed(off, softplus(x));
    (value, off * x.sigmoid_exact() - on * (-x).sigmoid_exact())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_size() {
        assert_eq!((softplus(1000.0), softplus(-1000.0)), (1000.0, 0.0));
        assert!((softplus(-40.0) - 4.248_354_255_291_589e-18).abs() < 1e-32);
        assert!(softplus(f64::NAN).is_nan());
        assert!(positive_part(f64::NAN).0.is_nan());
        assert_eq!(binary_cross_entropy(f64::INFINITY, 1.0, 1.0), (0.0, 0.0));
    }
}
