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

/// `1 − βᵗ`, the bias correction of an exponential average after `t` updates.
///
/// Right for every `t`: beyond 2⁵³ the rounding of `t` to `f64` is far below that of `βᵗ`.
pub fn debias(beta: f64, t: u64) -> f64 {
    1.0 - libm::pow(beta, t as f64)
}
