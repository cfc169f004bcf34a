//! Elementary functions with the same bits on every machine.
//!
//! The standard library calls the platform's, which differ in the last place; schedules, bias
//! corrections and random draws must not.

/// `eˣ`.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// Natural logarithm.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `xʸ`; also the way to an integer power, because `powi` promises no precision.
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Cosine, in radians.
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Sine, in radians.
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// `1 − βᵗ`, the bias correction of an exponential average after `t` updates; β in [0, 1).
///
/// By squaring: as exact as the rounding of β allows, and several times as fast as [`pow`].
pub fn debias(beta: f64, t: u64) -> f64 {
    let (mut power, mut square, mut left) = (1.0, beta, t);
    while left > 0 {
        if square < 1e-20 {
            // So is the power: it is lost beside 1.
            return 1.0;
        }
        // Chosen by a mask: no processor foresees the bits of a count, so a branch would cost more.
        let odd = (left & 1).wrapping_neg();
        power *= f64::from_bits(square.to_bits() & odd | 1f64.to_bits() & !odd);
        square *= square;
        left >>= 1;
    }
    1.0 - power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bias_corrections_are_those_of_the_formula() {
        for beta in [0.0, 0.5, 0.9, 0.999, 0.999_999] {
            for t in [0, 1, 2, 3, 10, 1000, 1 << 24, 1 << 31, (1 << 53) + 1, u64::MAX] {
                let power = pow(beta, t as f64);
                let rounding = 1e-15 * (1.0 + t as f64 * power);
                let found = debias(beta, t);
                assert!((found - (1.0 - power)).abs() <= rounding, "1 − {beta}^{t}: {found}");
            }
        }
        assert_eq!((debias(0.9, 1), debias(0.999, u64::MAX)), (1.0 - 0.9, 1.0));
    }
}
