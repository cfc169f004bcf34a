//! Elementary functions that become vector instructions: the methods `…_exact` of
//! [`Float`](crate::Float).
//!
//! Each is additions, multiplications, divisions and choices in a fixed order. So inside
//! [`kernel::vectorize`](crate::kernel::vectorize) a loop over one runs on whole vectors, and it
//! gives the same bits on every CPU; the standard library's are calls, number by number, to what
//! the platform has.
//!
//! The largest errors in units of the last place, for `f32` of all 2³² arguments (the ignored test
//! `every_f32` measures them); for `f64` the largest difference from libm's functions, whose own
//! error is up to one unit, at 200,000 arguments of every size:
//!
//! | function | `f32` | `f64` | beyond its range |
//! |---|---|---|---|
//! | `exp_exact` | 1.0 | 1 | 0, infinite |
//! | `exp_m1_exact` | 1.6 | 2 | −1, infinite |
//! | `ln_exact` | 0.9 | 1 | −∞ at 0, NaN below |
//! | `ln_1p_exact` | 1.5 | 1 | −∞ at −1, NaN below |
//! | `tanh_exact` | 2.7 | 3 | ±1 |
//! | `sigmoid_exact` | 2.5 | 3 | 0, 1 |
//! | `erf_exact` | 2.8 | 2 | ±1 |
//! | `erfc_exact` | 6.7 | 6 | 0, 2 |
//!
//! NaN gives NaN.

pub(crate) mod erf;
pub(crate) mod exponential;
pub(crate) mod logarithm;
#[cfg(test)]
mod tests;

/// `c₀ + c₁x + c₂x² + …` by Horner's rule.
macro_rules! polynomial {
    ($x:expr; $last:expr) => { $last };
    ($x:expr; $first:expr, $($rest:expr),+) => {
        $first + $x * $crate::elementary::polynomial!($x; $($rest),+)
    };
}
pub(crate) use polynomial;
