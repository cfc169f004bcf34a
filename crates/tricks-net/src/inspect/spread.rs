use ndarray::ArrayViewD;
use tricks_tensor::kernel::sum_blocks;
use tricks_tensor::views::numbers;
use tricks_tensor::{Float, ndarray};

/// How numbers lie around zero.
///
/// ```text
/// mean = Σx/n     std = √(Σ(x − mean)²/n)     second_moment = Σx²/n
/// ```
/// All are NaN or infinite if one of the numbers is, and 0 if there is none.
///
/// ```
/// use tricks_net::inspect::Spread;
/// let spread = Spread::of(&[1.0f32, 3.0]);
/// assert_eq!((spread.mean, spread.std, spread.second_moment), (2.0, 1.0, 5.0));
/// assert_eq!(spread.rms(), 5.0f64.sqrt());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many numbers there are.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// The mean of their squares.
    pub second_moment: f64,
}

impl Spread {
    /// Of these numbers.
    pub fn of<F: Float>(x: &[F]) -> Self {
        let n = x.len().max(1) as f64;
        let mean = sum_blocks(
            x,
            #[inline(always)]
            |x| x,
        ) / n;
        let second_moment = sum_blocks(
            x,
            #[inline(always)]
            |x| x * x,
        ) / n;
        let variance = sum_blocks(
            x,
            #[inline(always)]
            |x| (x - mean) * (x - mean),
        ) / n;
        Self { count: x.len(), mean, std: variance.sqrt(), second_moment }
    }

    pub(super) fn of_view<F: Float>(x: &ArrayViewD<'_, F>) -> Self {
        Self::of(numbers(&x.as_standard_layout()))
    }

    /// The root of the mean square.
    pub fn rms(&self) -> f64 {
        self.second_moment.sqrt()
    }

    /// The Euclidean norm.
    pub fn norm(&self) -> f64 {
        (self.second_moment * self.count as f64).sqrt()
    }

    /// Whether all numbers are.
    pub fn is_finite(&self) -> bool {
        self.second_moment.is_finite()
    }
}
