use tricks_tensor::ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, Axis, Zip};
use tricks_tensor::views::require_shape;
use tricks_tensor::{Error, Float, Noise, Result, hyper, math};

/// Mixup: training on points between two samples, with labels between theirs.
///
/// # Formula
/// ```text
/// x̃ᵢ = λ xᵢ + (1 − λ) x_π(i)        ỹᵢ = λ yᵢ + (1 − λ) y_π(i)
/// λ from Beta(α, α), π a permutation of the batch
/// ```
///
/// Targets are distributions over the classes (one-hot rows), or numbers.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `alpha` | α | 0.2 | above 0, at most 8 |
///
/// # Memory
/// A copy of the batch, in [`apply`](Self::apply).
///
/// # Notes
/// One λ for the batch, as in the authors' program. Draws are functions of the noise: λ of its
/// child 0, π of its child 1.
///
/// # Source
/// Zhang, Cisse, Dauphin, Lopez-Paz: *mixup: beyond empirical risk minimization*, ICLR 2018,
/// equation 1 of section 2.
///
/// ```
/// use tricks_regularize::Mixup;
/// use tricks_tensor::ndarray::arr2;
/// let mut x = arr2(&[[0.0, 4.0], [8.0, 8.0]]).into_dyn();
/// let mut y = arr2(&[[1.0, 0.0], [0.0, 1.0]]).into_dyn();
/// Mixup::apply(0.75, &[1, 0], x.view_mut(), y.view_mut())?;
/// assert_eq!(x, arr2(&[[2.0, 5.0], [6.0, 7.0]]).into_dyn());
/// assert_eq!(y, arr2(&[[0.75, 0.25], [0.25, 0.75]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixup {
    /// How far from the samples: λ is near 0 or 1 for a small one.
    pub alpha: f64,
}

const NAME: &str = "Mixup";

impl Default for Mixup {
    fn default() -> Self {
        Self { alpha: 0.2 }
    }
}

impl Mixup {
    /// λ and π for a batch of `samples`.
    ///
    /// # Errors
    /// [`Error::Hyper`] if `alpha` is outside its range.
    pub fn draw(&self, samples: usize, noise: Noise) -> Result<(f64, Vec<usize>)> {
        require_alpha(NAME, self.alpha)?;
        Ok((beta(self.alpha, noise.child(0)), permutation(samples, noise.child(1))))
    }

    /// Mixes samples and targets with a λ and a permutation of your own.
    ///
    /// # Errors
    /// λ outside [0, 1]; a `permutation` that is none of the batch; batches of different sizes.
    /// Nothing is changed then.
    pub fn apply<F: Float>(
        lambda: f64,
        permutation: &[usize],
        x: ArrayViewMutD<'_, F>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        hyper::probability(NAME, "lambda", lambda)?;
        require_batch(NAME, permutation, x.shape(), y.shape())?;
        mix(lambda, permutation, x);
        mix(lambda, permutation, y);
        Ok(())
    }
}

/// The draws reject more and more for a larger α; nobody mixes with one.
pub(crate) fn require_alpha(owner: &'static str, alpha: f64) -> Result<()> {
    hyper::require(owner, "alpha", alpha, alpha > 0.0 && alpha <= 8.0, "above 0 and at most 8")
}

/// `x ← λ x + (1 − λ) x∘π`.
pub(crate) fn mix<F: Float>(lambda: f64, permutation: &[usize], mut x: ArrayViewMutD<'_, F>) {
    let others = permuted(x.view(), permutation);
    let (own, other) = (F::of(lambda), F::of(1.0 - lambda));
    Zip::from(&mut x).and(&others).for_each(|x, &y| *x = own * *x + other * y);
}

/// The samples in the order of a permutation.
pub(crate) fn permuted<F: Float>(x: ArrayViewD<'_, F>, permutation: &[usize]) -> ArrayD<F> {
    x.select(Axis(0), permutation)
}

/// Refuses batches of different sizes, and what is no permutation of them.
pub(crate) fn require_batch(
    owner: &'static str,
    permutation: &[usize],
    x: &[usize],
    y: &[usize],
) -> Result<()> {
    let samples = x.get(..1).unwrap_or_default();
    require_shape(owner, ("targets", y.get(..1).unwrap_or_default()), ("samples", samples))?;
    require_shape(owner, ("permutation", &[permutation.len()]), ("samples", samples))?;
    let mut seen = vec![false; permutation.len()];
    for &i in permutation {
        match seen.get_mut(i) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                let n = permutation.len();
                let message = format!("{i} is twice in the permutation, or not below {n}");
                return Err(Error::invalid(owner, message));
            }
        }
    }
    Ok(())
}

/// A draw from Beta(α, α), by Jöhnk's rejection: U^(1/α)/(U^(1/α) + V^(1/α)) where the sum is at
/// most 1, in logarithms so that a small α does not underflow.
pub(crate) fn beta(alpha: f64, noise: Noise) -> f64 {
    // U in (0, 1], so that its logarithm is a number.
    let log_u = |i: u64| math::ln(1.0 - noise.uniform(i));
    let mut i = 0;
    loop {
        let (a, b) = (log_u(i) / alpha, log_u(i + 1) / alpha);
        let largest = a.max(b);
        // ln(eᵃ + eᵇ)
        let log_sum = largest + math::ln(math::exp(a - largest) + math::exp(b - largest));
        if log_sum <= 0.0 {
            return math::exp(a - log_sum);
        }
        i += 2;
    }
}

/// A permutation of `0..n`, by Fisher and Yates.
pub(crate) fn permutation(n: usize, noise: Noise) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        let j = (noise.uniform(i as u64) * (i + 1) as f64) as usize;
        order.swap(i, j);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beta(α, α) has mean ½ and variance 1/(4(2α + 1)).
    #[test]
    fn lambda_has_the_moments_of_its_distribution() {
        for alpha in [0.1, 0.2, 1.0, 2.0] {
            let n = 20_000;
            let draws: Vec<f64> = (0..n).map(|i| beta(alpha, Noise::new(1).child(i))).collect();
            let mean = draws.iter().sum::<f64>() / n as f64;
            let var = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n as f64;
            let want = 0.25 / (2.0 * alpha + 1.0);
            assert!((mean - 0.5).abs() < 0.02, "{alpha}: mean {mean}");
            assert!((var / want - 1.0).abs() < 0.05, "{alpha}: variance {var}, want {want}");
        }
    }

    #[test]
    fn draws_are_permutations_and_bad_ones_are_refused() {
        let (_, order) = Mixup::default().draw(100, Noise::new(3)).unwrap();
        require_batch(NAME, &order, &[100, 2], &[100]).unwrap();
        let refused = require_batch(NAME, &[0, 0], &[2], &[2]).unwrap_err().to_string();
        assert_eq!(refused, "Mixup: 0 is twice in the permutation, or not below 2");
        let refused = require_batch(NAME, &[1, 0], &[2, 7], &[3]).unwrap_err().to_string();
        assert_eq!(refused, "Mixup: targets has shape [3], samples [2]");
        assert!(Mixup { alpha: 0.0 }.draw(2, Noise::new(3)).is_err());
    }
}
