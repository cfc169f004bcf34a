use crate::batch_norm::Renorm;
use crate::layer_within::layer_within;
use crate::{BatchNorm, BatchNormConfig, RunningVariance};
use tricks_tensor::{Float, Result};

/// Batch renormalization: a batch normalization whose training sees what evaluation will.
///
/// # Formula
/// ```text
/// training, over the n numbers of a feature in a batch; μ, σ² are the running statistics:
///   μ_B = Σ xᵢ / n          σ_B = √(Σ (xᵢ − μ_B)² / n + ε)          σ = √(running_var + ε)
///   r  = σ_B/σ        within [1/r_max, r_max]
///   d  = (μ_B − μ)/σ  within [−d_max, d_max]
///   x̂ᵢ = (xᵢ − μ_B)/σ_B · r + d        yᵢ = γ x̂ᵢ + β
///   then the running statistics move, as those of a batch normalization
/// evaluation: x̂ᵢ = (xᵢ − μ)/σ
///
/// backward, r and d constants:  dβ = Σ dyᵢ       dγ = Σ dyᵢ x̂ᵢ
///   dxᵢ = γ r/σ_B · (dyᵢ − mean(dy) − zᵢ mean(dy z)),   zᵢ = (xᵢ − μ_B)/σ_B
/// ```
///
/// Where neither bound is met, x̂ is `(x − μ)/σ`: the output of evaluation. Inputs are
/// `[samples, features]` or `[samples, features, …]`. Hyper-parameters: [`BatchRenormConfig`].
///
/// # Memory
/// That of [`BatchNorm`], under the same names, and r and d of the last forward pass.
///
/// # Notes
/// * With `r_max` 1 and `d_max` 0 it is a batch normalization. The paper starts there and widens
///   the bounds to 3 and 5 while it trains: [`set_limits`](Self::set_limits) between two steps.
/// * The paper keeps a running σ; here it is the running variance, biased, so that a layer can be
///   evaluated as a [`BatchNorm`] with the same state.
/// * Training needs two numbers of a feature.
///
/// # Source
/// Ioffe: *Batch renormalization: towards reducing minibatch dependence in batch-normalized
/// models*, NeurIPS 2017, algorithm 1.
///
/// ```
/// use tricks_regularize::{BatchRenorm, BatchRenormConfig};
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::{ArrayD, arr2}};
///
/// let mut norm = BatchRenorm::<f64>::new(1, BatchRenormConfig::default())?;
/// let x = arr2(&[[1.0], [3.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0)))?;
/// // Running statistics of 0 and 1, within both bounds: the input itself, less what ε takes.
/// assert!((&y - &x).iter().all(|d| d.abs() < 1e-4));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchRenorm<F> {
    config: BatchRenormConfig,
    norm: BatchNorm<F>,
}

/// Hyper-parameters of [`BatchRenorm`]; the default has the paper's bounds and its weight of the
/// newest batch.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-5 | above 0 |
/// | `momentum` | m | `Some(0.01)` | [0, 1], or `None` |
/// | `r_max` | | 3 | at least 1 |
/// | `d_max` | | 5 | at least 0 |
/// | `affine` | | true | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchRenormConfig {
    /// Added to the variances.
    pub eps: f64,
    /// Weight of the newest batch in the running statistics; `None` is the plain average of all
    /// batches so far.
    pub momentum: Option<f64>,
    /// The largest r, and 1 over the smallest.
    pub r_max: f64,
    /// The largest size of d.
    pub d_max: f64,
    /// Whether γ and β are parameters; otherwise they are 1 and 0, and not visited.
    pub affine: bool,
}

impl Default for BatchRenormConfig {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: Some(0.01), r_max: 3.0, d_max: 5.0, affine: true }
    }
}

const NAME: &str = "BatchRenorm";

impl<F: Float> BatchRenorm<F> {
    /// A layer for inputs `[samples, features]` or `[samples, features, …]`.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) for a value outside its range, or no features.
    pub fn new(features: usize, config: BatchRenormConfig) -> Result<Self> {
        let BatchRenormConfig { eps, momentum, r_max, d_max, affine } = config;
        let renorm = Renorm::new(NAME, features, (r_max, d_max))?;
        let inner = BatchNormConfig {
            eps,
            momentum,
            running_variance: RunningVariance::Biased,
            affine,
            track_running_stats: true,
        };
        Ok(Self { config, norm: BatchNorm::owned_by(NAME, features, inner, Some(renorm))? })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> BatchRenormConfig {
        self.config
    }

    /// The running mean of every feature.
    pub fn running_mean(&self) -> &[F] {
        self.norm.running_mean()
    }

    /// The running variance of every feature.
    pub fn running_var(&self) -> &[F] {
        self.norm.running_var()
    }

    /// Puts the running statistics back to the mean 0, the variance 1 and no batches.
    pub fn reset_running_stats(&mut self) {
        self.norm.reset_running_stats();
    }

    /// Another weight of the newest batch in the running statistics; `None` is the plain average.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) for a value outside [0, 1].
    pub fn set_momentum(&mut self, momentum: Option<f64>) -> Result<()> {
        self.norm.set_momentum(momentum)?;
        self.config.momentum = momentum;
        Ok(())
    }

    /// Other bounds of r and d, from the next forward pass on.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) for an `r_max` below 1 or a `d_max` below 0.
    /// The bounds are what they were then.
    pub fn set_limits(&mut self, r_max: f64, d_max: f64) -> Result<()> {
        if let Some(renorm) = self.norm.renorm_mut() {
            renorm.set_limits(NAME, (r_max, d_max))?;
        }
        (self.config.r_max, self.config.d_max) = (r_max, d_max);
        Ok(())
    }
}

layer_within! { impl Layer<F> for BatchRenorm<F>, in norm }

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::{ArrayD, arr2};
    use tricks_tensor::{Layer, Mode, Noise, Parameters, Path};

    const TRAIN: fn() -> Mode = || Mode::Train(Noise::new(0));

    /// Values of γ, β, the running mean and the running variance of one feature.
    fn layer(config: BatchRenormConfig, [gamma, beta, mean, var]: [f64; 4]) -> BatchRenorm<f64> {
        let mut norm = BatchRenorm::new(1, config).unwrap();
        norm.visit(&Path::ROOT, &mut |at, param| {
            for (name, value) in
                [("weight", gamma), ("bias", beta), ("running_mean", mean), ("running_var", var)]
            {
                if at.path.is(name) {
                    param.value[0] = value;
                }
            }
        });
        norm
    }

    fn close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-14, "{got} for {want}");
        }
    }

    /// Output, input gradient, and the gradients of γ and β.
    fn step(norm: &mut BatchRenorm<f64>) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let x = arr2(&[[1.0], [2.0], [6.0]]).into_dyn();
        let dy = arr2(&[[1.0], [0.0], [2.0]]).into_dyn();
        let (mut y, mut dx, mut grads) = (x.clone(), x.clone(), vec![]);
        norm.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
        norm.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), TRAIN()).unwrap();
        norm.visit(&Path::ROOT, &mut |_, mut param| {
            grads.extend_from_slice(param.grad.values().unwrap_or_default());
        });
        (y.into_raw_vec_and_offset().0, dx.into_raw_vec_and_offset().0, grads)
    }

    /// x = (1, 2, 6): μ_B = 3 and σ_B = √5 with ε = 1/3. Running: μ = 1, σ = √(11/3 + 1/3) = 2.
    /// So r = √5/2 and d = (3 − 1)/2 = 1: x̂ = (x − 3)/2 + 1 = (x − 1)/2.
    #[test]
    fn a_step_within_the_bounds_by_hand() {
        let config =
            BatchRenormConfig { eps: 1.0 / 3.0, momentum: Some(0.25), ..Default::default() };
        let mut norm = layer(config, [2.0, 10.0, 1.0, 11.0 / 3.0]);
        let (y, dx, grads) = step(&mut norm);
        close(&y, &[10.0, 11.0, 15.0]);
        // Σ dy = 3, Σ dy x̂ = 2 · 2.5.
        close(&grads, &[5.0, 3.0]);
        // γ r/σ_B = 1; z = (x − 3)/√5, Σ dy z = (−2 + 6)/√5, so z mean(dy z) = (x − 3) 4/15.
        let by_hand = |dy: f64, d: f64| dy - 1.0 - d * 4.0 / 15.0;
        close(&dx, &[by_hand(1.0, -2.0), by_hand(0.0, -1.0), by_hand(2.0, 3.0)]);
        // The biased variance of the batch is 14/3.
        close(norm.running_mean(), &[0.75 + 0.75]);
        close(norm.running_var(), &[0.75 * 11.0 / 3.0 + 0.25 * 14.0 / 3.0]);
    }

    /// The same batch with r ≤ 1.1 and |d| ≤ ½, both met: r = 1.1, d = ½.
    #[test]
    fn a_step_at_the_bounds_by_hand() {
        let config = BatchRenormConfig {
            eps: 1.0 / 3.0,
            r_max: 1.1,
            d_max: 0.5,
            ..BatchRenormConfig::default()
        };
        let mut norm = layer(config, [2.0, 10.0, 1.0, 11.0 / 3.0]);
        let (y, dx, grads) = step(&mut norm);
        let s = 5f64.sqrt();
        close(&y, &[-2.0, -1.0, 3.0].map(|d| 10.0 + 2.0 * (1.1 * d / s + 0.5)));
        close(&grads, &[1.1 * 4.0 / s + 0.5 * 3.0, 3.0]);
        let by_hand = |dy: f64, d: f64| 2.2 / s * (dy - 1.0 - d * 4.0 / 15.0);
        close(&dx, &[by_hand(1.0, -2.0), by_hand(0.0, -1.0), by_hand(2.0, 3.0)]);
        // From below: σ = 4 and μ = 7 give r = √5/4 → 1/1.1 and d = −1 → −½.
        let mut norm = layer(config, [2.0, 10.0, 7.0, 16.0 - 1.0 / 3.0]);
        let (y, ..) = step(&mut norm);
        close(&y, &[-2.0, -1.0, 3.0].map(|d| 10.0 + 2.0 * (d / 1.1 / s - 0.5)));
    }

    #[test]
    fn with_bounds_that_hold_everything_it_is_a_batch_norm() {
        let config = BatchRenormConfig { r_max: 1.0, d_max: 0.0, ..Default::default() };
        let mut norm = layer(config, [2.0, 10.0, 5.0, 9.0]);
        let (y, dx, grads) = step(&mut norm);
        let (again, ..) = step(&mut norm);
        assert_eq!(y, again);
        let mut plain = BatchNorm::<f64>::new(1, BatchNormConfig::default()).unwrap();
        plain.visit(&Path::ROOT, &mut |at, param| {
            if at.path.is("weight") || at.path.is("bias") {
                param.value[0] = if at.path.is("weight") { 2.0 } else { 10.0 };
            }
        });
        let x = arr2(&[[1.0], [2.0], [6.0]]).into_dyn();
        let dy = arr2(&[[1.0], [0.0], [2.0]]).into_dyn();
        let (mut want, mut want_dx) = (x.clone(), x.clone());
        plain.forward(x.view(), want.view_mut(), TRAIN()).unwrap();
        plain.backward(x.view(), x.view(), dy.view(), Some(want_dx.view_mut()), TRAIN()).unwrap();
        assert_eq!(
            (y, dx),
            (want.into_raw_vec_and_offset().0, want_dx.into_raw_vec_and_offset().0)
        );
        plain.visit(&Path::ROOT, &mut |at, mut param| {
            if let Some(grad) = param.grad.values() {
                assert_eq!(grad[0], grads[usize::from(at.path.is("bias"))]);
            }
        });
    }

    /// Within the bounds, training and evaluation before it give the same.
    #[test]
    fn training_sees_what_evaluation_will() {
        let x = arr2(&[[1.0, -2.0], [2.0, 0.5], [2.5, 1.0]]).into_dyn();
        let mut norm = BatchRenorm::<f64>::new(2, BatchRenormConfig::default()).unwrap();
        let (mut y, mut z) = (x.clone(), x.clone());
        norm.infer(x.view(), z.view_mut()).unwrap();
        norm.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
        assert!((&y - &z).iter().all(|d| d.abs() < 1e-14));
        // The backward pass of an evaluation has nothing to correct.
        norm.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        norm.infer(x.view(), z.view_mut()).unwrap();
        assert_eq!(y, z);
    }

    #[test]
    fn what_is_refused() {
        let refused = |config| BatchRenorm::<f32>::new(3, config).unwrap_err().to_string();
        let of = BatchRenormConfig::default();
        let cases = [
            (BatchRenormConfig { eps: 0.0, ..of }, "eps is 0, must be finite and above 0"),
            (BatchRenormConfig { momentum: Some(2.0), ..of }, "momentum is 2, must be in [0, 1]"),
            (BatchRenormConfig { r_max: 0.5, ..of }, "r_max is 0.5, must be finite and at least 1"),
            (
                BatchRenormConfig { r_max: f64::INFINITY, ..of },
                "r_max is inf, must be finite and at least 1",
            ),
            (
                BatchRenormConfig { d_max: f64::NAN, ..of },
                "d_max is NaN, must be finite and at least 0",
            ),
        ];
        for (config, want) in cases {
            assert_eq!(refused(config), format!("BatchRenorm: {want}"));
        }
        let none = BatchRenorm::<f32>::new(0, of).unwrap_err().to_string();
        assert_eq!(none, "BatchRenorm: features is 0, must be at least 1");

        let mut norm = BatchRenorm::<f32>::new(3, of).unwrap();
        assert!(norm.set_limits(2.0, -1.0).is_err() && norm.set_momentum(Some(2.0)).is_err());
        assert_eq!(norm.config(), of, "refused, so unchanged");
        norm.set_limits(2.0, 1.0).unwrap();
        assert_eq!((norm.config().r_max, norm.config().d_max), (2.0, 1.0));
        let one = ArrayD::zeros(vec![1, 3]);
        let refused = norm.forward(one.view(), one.clone().view_mut(), TRAIN()).unwrap_err();
        let want = "BatchRenorm: the statistics of a batch need at least 2 samples, got 1";
        assert_eq!(refused.to_string(), want);
    }
}
