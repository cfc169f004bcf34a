//! Elementary functions that become vector instructions: the methods `…_exact` of
//! [`Float`](crate::Float).
//!
//! Each is additions, multiplications, divisions and choices in a fixed order. So inside
//! [`kernel::vectorize`](crate::kernel::vectorize) a loop over one runs on whole vectors, and it
//! gives the same bits on every CPU; the standard library's are calls, number by number, to what
//! the platform has.
//!
//! The largest errors in units of the last place, for `f32` of all 2³² arguments (the ignored test
//! `every_f32` measures them), for `f64` of 160,000 against 160 bits:
//!
//! | function | `f32` | `f64` | beyond its range |
//! |---|---|---|---|
//! | `exp_exact` | 1.0 | 0.9 | 0, infinite |
//! | `exp_m1_exact` | 1.6 | 1.8 | −1, infinite |
//! | `ln_exact` | 0.9 | 0.8 | −∞ at 0, NaN below |
//! | `ln_1p_exact` | 1.5 | 1.5 | −∞ at −1, NaN below |
//! | `tanh_exact` | 2.7 | 2.4 | ±1 |
//! | `sigmoid_exact` | 2.4 | 2.1 | 0, 1 |
//! | `erf_exact` | 2.5 | 0.6, one number at a time | ±1 |
//!
//! NaN gives NaN.

mod erf;
pub(crate) mod exponential;
pub(crate) mod logarithm;
#[cfg(test)]
mod tests;

pub(crate) use erf::erf_f32;

/// `c₀ + c₁x + c₂x² + …` by Horner's rule.
macro_rules! polynomial {
    ($x:expr; $last:expr) => { $last };
    ($x:expr; $first:expr, $($rest:expr),+) => {
        $first + $x * $crate::elementary::polynomial!($x; $($rest),+)
    };
}
pub(crate) use polynomial;
