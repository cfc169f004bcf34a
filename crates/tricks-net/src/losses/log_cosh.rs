use super::Reduction;
use super::elementwise::{Elementwise, loss_by};
use std::f64::consts::LN_2;
use tricks_tensor::Float as _;

/// The logarithm of the hyperbolic cosine of the difference: squared near, linear far, smooth
/// throughout.
///
/// # Formula
/// ```text
/// d   = yᵢ − tᵢ
/// lᵢ  = ln cosh d = |d| + ln(1 + e^(−2|d|)) − ln 2
/// L   = 1/N Σ lᵢ
/// dyᵢ = tanh(d) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Notes: Keras' `LogCosh`, and one by one Optax's `log_cosh`.
///
/// ```
/// use tricks_net::losses::{Loss, LogCosh};
/// use tricks_tensor::ndarray::arr1;
/// let (y, target) = (arr1(&[1000.0, 0.0]).into_dyn(), arr1(&[0.0, 0.0]));
/// let loss = LogCosh::default().value(y.view(), &target)?;
/// assert!((loss - (1000.0 - 2f64.ln()) / 2.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogCosh {
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Elementwise for LogCosh {
    const NAME: &'static str = "LogCosh";

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    #[inline]
    fn element(&self, y: f64, t: f64, _: usize) -> (f64, f64) {
        let off = y - t;
        let size = off.abs();
        (size + (-2.0 * size).exp_exact().ln_1p_exact() - LN_2, off.tanh_exact())
    }
}

loss_by!(elementwise, LogCosh);
