use super::Reduction;
use super::elementwise::Domain;
use super::joint::{Joint, joint_loss};
use std::f64::consts::PI;
use tricks_tensor::{Float, Result, hyper, math};

/// The negative log-likelihood of values under Gaussians whose means and variances are outputs.
///
/// # Formula
/// ```text
/// v  = max(var, ε)
/// l  = ½ (ln v + (y − t)² / v)    + ½ ln 2π if full
/// L  = 1/N Σ l
/// dy = (y − t) / v / N,   dvar = ½ (1/v − (y − t)² / v²) / N
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `full` | | false | |
/// | `eps` | ε | 1e-6 | > 0 |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Inputs are `[y, var]`, of the target's shape; variances must be at least 0. One that is held
/// at ε still gets the gradient of ε, so that it can leave.
///
/// Notes: PyTorch's `GaussianNLLLoss`.
///
/// Source: Nix and Weigend: *Estimating the mean and variance of the target probability
/// distribution*, 1994, equation 4.
///
/// ```
/// use tricks_net::losses::{GaussianNll, JointLoss};
/// use tricks_tensor::ndarray::{Array, arr1};
/// let [y, var, target] = [1.0, 4.0, 3.0].map(|x| arr1(&[x]).into_dyn());
/// let mut dy = Array::zeros(vec![1]);
/// let grads = [Some(dy.view_mut()), None];
/// let loss = GaussianNll::default()
///     .evaluate([y.view(), var.view()], Some(target.view()), grads)?;
/// assert!((loss - (0.5 * 4f64.ln() + 0.5)).abs() < 1e-12);
/// assert_eq!(dy[[0]], -0.5);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNll {
    /// Whether to add the constant.
    pub full: bool,
    /// ε: the least variance.
    pub eps: f64,
    /// How the elements' losses become one number.
    pub reduction: Reduction,
}

impl Default for GaussianNll {
    fn default() -> Self {
        Self { full: false, eps: 1e-6, reduction: Reduction::Mean }
    }
}

impl Joint<2> for GaussianNll {
    const NAME: &'static str = "GaussianNll";
    const VECTORS: bool = false;
    const TARGET: Option<Domain> = Some(Domain::Any);
    const INPUTS: [Domain; 2] = [Domain::Any, Domain::NonNegative];

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self) -> Result<()> {
        hyper::positive(Self::NAME, "eps", self.eps)
    }

    fn part<F: Float>(&self, [y, var]: [&[F]; 2], t: f64, [dy, dvar]: &mut [Vec<f64>; 2]) -> f64 {
        let (off, v) = (y[0].widen() - t, var[0].widen().max(self.eps));
        let square = off * off / v;
        dy[0] = off / v;
        dvar[0] = 0.5 * (1.0 - square) / v;
        let constant = if self.full { 0.5 * math::ln(2.0 * PI) } else { 0.0 };
        0.5 * (math::ln(v) + square) + constant
    }
}

joint_loss!(GaussianNll, 2);
