use tricks_tensor::{Result, hyper};

/// Moves from `from` to `to` in `steps`: exact at both ends, never outside them.
///
/// `weight(x)` climbs from 0 to 1 with the fraction `x` of the way from the lower end to the
/// higher. Counting from the lower end adds two numbers that are not negative, so that a decay to
/// 0 keeps all its digits up to the last step, where `from + (to − from)·t/T` would lose most.
pub(crate) fn ramp(
    from: f64,
    to: f64,
    step: u64,
    steps: u64,
    weight: impl FnOnce(f64) -> f64,
) -> f64 {
    if step >= steps {
        return to;
    }
    if step == 0 {
        return from;
    }
    let (low, high, way) = if from > to { (to, from, steps - step) } else { (from, to, step) };
    let x = way as f64 / steps as f64;
    mix(low, high, weight(x))
}

/// `a` at the weight 0, `b` at 1: exact at both, and never outside them. With weights near 0 all
/// digits of the way from `a` are kept.
pub(crate) fn mix(a: f64, b: f64, weight: f64) -> f64 {
    if weight == 1.0 {
        b
    } else if a <= b {
        (a + (b - a) * weight).min(b)
    } else {
        (a - (a - b) * weight).max(b)
    }
}

/// Moves from `from` to `to` in `steps` along a curve that need not be symmetric: exact at both
/// ends, never outside them.
///
/// `left(x)` is what is left of the way when the fraction `x` of the time is left: 1 at 1, 0 at 0.
pub(crate) fn along(
    from: f64,
    to: f64,
    step: u64,
    steps: u64,
    left: impl FnOnce(f64) -> f64,
) -> f64 {
    if step >= steps {
        return to;
    }
    if step == 0 {
        return from;
    }
    let left = left((steps - step) as f64 / steps as f64);
    if from > to { mix(to, from, left) } else { mix(from, to, 1.0 - left) }
}

/// Holds an overflow at the largest number, so that a growing schedule stays finite.
pub(crate) fn saturate(x: f64) -> f64 {
    x.clamp(f64::MIN, f64::MAX)
}

/// `base · factor`, where the factor may have overflowed: 0 stays 0.
pub(crate) fn grow(base: f64, factor: f64) -> f64 {
    if base == 0.0 { 0.0 } else { saturate(base * factor) }
}

/// `base · gammaⁿ`.
pub(crate) fn geometric(base: f64, gamma: f64, n: u64) -> f64 {
    grow(base, tricks_tensor::math::pow(gamma, n as f64))
}

/// Refuses a count of 0.
pub(crate) fn at_least_one(owner: &'static str, field: &'static str, count: u64) -> Result<()> {
    hyper::require(owner, field, count as f64, count > 0, "at least 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_digit_is_lost_near_the_end_of_a_decay() {
        // One step in 10⁹ from the end, the rate is 0.1/10⁹ to the last place.
        assert_eq!(ramp(0.1, 0.0, 999_999_999, 1_000_000_000, |x| x), 0.1 * 1e-9);
        assert_eq!(ramp(0.0, 0.1, 1, 1_000_000_000, |x| x), 0.1 * 1e-9);
    }

    #[test]
    fn rounding_stays_inside_the_ends() {
        // `low + (high − low)` rounds to one place below `high`, and to one above it.
        let ulp = f64::EPSILON;
        for (low, high) in [(0.5 * ulp, 1.0 + ulp), (1.5 * ulp, 1.0 + 3.0 * ulp)] {
            assert_ne!(low + (high - low), high);
            assert_eq!(ramp(high, low, 0, 1 << 60, |x| x), high);
            assert!(ramp(high, low, 1, 1 << 60, |x| x) <= high);
        }
    }

    #[test]
    fn overflow_saturates_and_zero_stays_zero() {
        assert_eq!(geometric(0.1, 2.0, u64::MAX), f64::MAX);
        assert_eq!(geometric(0.0, 2.0, u64::MAX), 0.0);
        assert_eq!(geometric(0.1, 0.5, u64::MAX), 0.0);
        assert!(geometric(f64::NAN, 0.5, 1).is_nan());
    }
}
