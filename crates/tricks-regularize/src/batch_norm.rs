mod config;
mod renorm;
#[cfg(test)]
mod tests;

pub use config::{BatchNormConfig, RunningVariance};
pub(crate) use renorm::Renorm;

use crate::channels::{channels_of, require_channels};
use crate::columns::{self, Coefficients, Moments};
use crate::update_bn::{count_batch, measured_afresh};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, hyper,
};

/// Batch normalization: every feature gets the mean and spread the network asks for.
///
/// # Formula
/// ```text
/// training, over the n numbers of a feature in a batch:
///   μ  = Σ xᵢ / n            σ² = Σ (xᵢ − μ)² / n
///   x̂ᵢ = (xᵢ − μ) / √(σ² + ε)
///   yᵢ = γ x̂ᵢ + β
///   running_mean ← (1 − m) running_mean + m μ
///   running_var  ← (1 − m) running_var  + m σ² n/(n − 1)
/// evaluation: the running statistics in place of μ and σ²
///
/// backward: dβ = Σ dyᵢ       dγ = Σ dyᵢ x̂ᵢ
///           dxᵢ = γ/√(σ² + ε) · (dyᵢ − dβ/n − x̂ᵢ dγ/n)
/// ```
///
/// Inputs are `[samples, features]`, or `[samples, features, …]`: then every number of a feature
/// counts, n = samples · length · …. With γ = √(σ² + ε) and β = μ the input comes back.
/// Hyper-parameters: [`BatchNormConfig`].
///
/// # Memory
/// Parameters `weight` (γ, 1 at first) and `bias` (β, 0 at first); buffers `running_mean`,
/// `running_var` and `num_batches_tracked`: the names of a PyTorch `state_dict`. The counter is a
/// number of type `F`: in `f32` it counts to 2²⁴ and stays there. Two numbers per feature are
/// kept from `forward` for `backward`; nothing is allocated after [`BatchNorm::new`] while the
/// views lent are contiguous.
///
/// # Notes
/// * The variance of the batch is biased (÷ n) in the formula of x̂ everywhere. What enters the
///   running variance is unbiased in PyTorch and here, biased in Keras: [`RunningVariance`].
/// * Sums are taken in `f64`, the variance in a second pass around the mean: a mean a thousand
///   times the spread costs no digit.
/// * Training needs two numbers of a feature: one has no spread. Evaluation takes any number.
/// * A batch whose mean or variance is NaN, or too large for `F`, is refused: the running
///   statistics would not forget it.
///
/// # Source
/// Ioffe, Szegedy: *Batch normalization: accelerating deep network training by reducing internal
/// covariate shift*, ICML 2015, algorithms 1 and 2.
///
/// ```
/// use tricks_regularize::{BatchNorm, BatchNormConfig};
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::{ArrayD, arr2}};
///
/// let mut norm = BatchNorm::<f64>::new(2, BatchNormConfig::default())?;
/// let x = arr2(&[[1.0, 10.0], [3.0, 30.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0)))?;
/// assert!((y[[0, 0]] + 1.0).abs() < 1e-5 && (y[[1, 1]] - 1.0).abs() < 1e-5);
/// assert_eq!(norm.running_mean(), [0.2, 2.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm<F> {
    // Whose errors these are.
    owner: &'static str,
    config: BatchNormConfig,
    features: [usize; 1],
    weight: Vec<F>,
    weight_grad: Vec<F>,
    bias: Vec<F>,
    bias_grad: Vec<F>,
    // Empty if running statistics are not tracked.
    running_mean: Vec<F>,
    running_var: Vec<F>,
    num_batches_tracked: [F; 1],
    // From the last forward pass, for the backward pass: how many numbers a feature had, and what
    // they were normalized with.
    rows: Option<usize>,
    moments: Moments,
    renorm: Option<Renorm>,
    // Scratch, one number per feature in each.
    coefficients: Coefficients<F>,
    sums: Vec<f64>,
    products: Vec<f64>,
}

const NAME: &str = "BatchNorm";

impl<F: Float> BatchNorm<F> {
    /// A layer for inputs `[samples, features]` or `[samples, features, …]`.
    ///
    /// # Errors
    /// [`Error::Hyper`] for a value outside its range, or no features.
    pub fn new(features: usize, config: BatchNormConfig) -> Result<Self> {
        Self::owned_by(NAME, features, config, None)
    }

    /// One that speaks under another name, and corrects towards the running statistics if it is
    /// told how.
    pub(crate) fn owned_by(
        owner: &'static str,
        features: usize,
        config: BatchNormConfig,
        renorm: Option<Renorm>,
    ) -> Result<Self> {
        config.validate(owner)?;
        hyper::require(owner, "features", features as f64, features > 0, "at least 1")?;
        let of = |x: f64| vec![F::of(x); features];
        let running = |x: f64| if config.track_running_stats { of(x) } else { vec![] };
        Ok(Self {
            owner,
            config,
            features: [features],
            weight: of(1.0),
            weight_grad: of(0.0),
            bias: of(0.0),
            bias_grad: of(0.0),
            running_mean: running(0.0),
            running_var: running(1.0),
            num_batches_tracked: [F::zero()],
            rows: None,
            moments: Moments::new(features),
            renorm,
            coefficients: Coefficients::new(features),
            sums: vec![0.0; features],
            products: vec![0.0; features],
        })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> BatchNormConfig {
        self.config
    }

    /// The running mean of every feature; empty if it is not tracked.
    pub fn running_mean(&self) -> &[F] {
        &self.running_mean
    }

    /// The running variance of every feature; empty if it is not tracked.
    pub fn running_var(&self) -> &[F] {
        &self.running_var
    }

    /// Puts the running statistics back to the mean 0, the variance 1 and no batches.
    ///
    /// With [`momentum`](BatchNormConfig::momentum) `None`, forward passes in training over the
    /// data then estimate them afresh, as the plain average; [`update_bn`](crate::update_bn) does
    /// so for a whole net.
    pub fn reset_running_stats(&mut self) {
        self.running_mean.fill(F::zero());
        self.running_var.fill(F::one());
        self.num_batches_tracked = [F::zero()];
    }

    /// Another weight of the newest batch in the running statistics; `None` is the plain average.
    ///
    /// # Errors
    /// [`Error::Hyper`] for a value outside [0, 1].
    pub fn set_momentum(&mut self, momentum: Option<f64>) -> Result<()> {
        let config = BatchNormConfig { momentum, ..self.config };
        config.validate(self.owner)?;
        self.config = config;
        Ok(())
    }

    /// The correction, if there is one.
    pub(crate) fn renorm_mut(&mut self) -> Option<&mut Renorm> {
        self.renorm.as_mut()
    }

    /// Whether the statistics are those of the batch; then they need two samples.
    fn uses_batch(&self, mode: Mode, rows: usize) -> Result<bool> {
        let batch = mode.is_train() || !self.config.track_running_stats;
        if batch && rows < 2 {
            let message = format!("the statistics of a batch need at least 2 samples, got {rows}");
            return Err(Error::invalid(self.owner, message));
        }
        Ok(batch)
    }

    /// Moves the running statistics towards those of a batch of `rows`; refuses, with nothing
    /// moved, what would stay in them for ever.
    fn track(&mut self, rows: usize) -> Result<()> {
        let n = rows as f64;
        let correction = match self.config.running_variance {
            RunningVariance::Unbiased => n / (n - 1.0),
            RunningVariance::Biased => 1.0,
        };
        for (index, (&mean, &var)) in self.moments.mean.iter().zip(&self.moments.var).enumerate() {
            for (what, value) in [("batch mean", mean), ("batch variance", var * correction)] {
                let value = F::of(value);
                if !value.is_finite() {
                    let (name, value) = (self.owner.into(), value.widen());
                    return Err(Error::NonFinite { name, what, index, value });
                }
            }
        }
        let m = count_batch(&mut self.num_batches_tracked[0], self.config.momentum);
        let toward = |r: &mut F, x: f64| *r = F::of((1.0 - m) * r.widen() + m * x);
        for j in 0..self.features[0] {
            toward(&mut self.running_mean[j], self.moments.mean[j]);
            toward(&mut self.running_var[j], self.moments.var[j] * correction);
        }
        Ok(())
    }

    /// `dx = γ/s · (dy − mean(dy) − x̂ mean(dy x̂))`, s = √(σ² + ε), as
    /// `(dy − (x − shift)·slope + offset)·scale`: no coefficient holds 1/s², which `F` may not.
    /// `batch` is the number of samples the statistics come from; running statistics do not depend
    /// on `x`, and their means fall away.
    fn prepare_gradient(&mut self, batch: Option<f64>) {
        let (moments, to) = (&self.moments, &mut self.coefficients);
        for j in 0..self.features[0] {
            let inverse_std = moments.inverse_std(j, self.config.eps);
            let (mean_dy, mean_product) = match batch {
                Some(n) => (self.sums[j] / n, self.products[j] * inverse_std / n),
                None => (0.0, 0.0),
            };
            let slope = inverse_std * mean_product;
            let (r, _) = renorm::correction(self.renorm.as_ref(), j);
            to.shift[j] = F::of(moments.mean[j]);
            to.scale[j] = F::of(self.weight[j].widen() * r * inverse_std);
            to.slope[j] = F::of(slope);
            let left_over = moments.mean[j] - to.shift[j].widen();
            to.offset[j] = F::of(left_over * slope - mean_dy);
        }
    }
}

/// `y = γ ((x − μ)/√(σ² + ε) · r + d) + β` as `(x − shift)·scale + offset`; r is 1 and d is 0 if
/// nothing is corrected.
///
/// The shift is μ rounded to `F`, so that `x − shift` loses nothing even where μ is large; what
/// the rounding left over goes into the offset.
fn prepare<F: Float>(
    moments: &Moments,
    eps: f64,
    (gamma, beta): (&[F], &[F]),
    renorm: Option<&Renorm>,
    to: &mut Coefficients<F>,
) {
    for (j, (gamma, beta)) in gamma.iter().zip(beta).enumerate() {
        let (r, d) = renorm::correction(renorm, j);
        let scale = gamma.widen() * r * moments.inverse_std(j, eps);
        to.shift[j] = F::of(moments.mean[j]);
        to.scale[j] = F::of(scale);
        let left_over = moments.mean[j] - to.shift[j].widen();
        to.offset[j] = F::of(beta.widen() + gamma.widen() * d - left_over * scale);
    }
}

impl<F: Float> Parameters<F> for BatchNorm<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let mut show = |name: &str, kind, shape: &[usize], param| {
            f(Place { path: &at.name(name), kind, shape }, param);
        };
        let shape = &self.features;
        if self.config.affine {
            let weight = ParamMut::dense(&mut self.weight, &mut self.weight_grad);
            show("weight", ParamKind::Scale, shape, weight);
            let bias = ParamMut::dense(&mut self.bias, &mut self.bias_grad);
            show("bias", ParamKind::Shift, shape, bias);
        }
        if self.config.track_running_stats {
            let buffer = ParamKind::Buffer;
            show("running_mean", buffer, shape, ParamMut::absent(&mut self.running_mean));
            show("running_var", buffer, shape, ParamMut::absent(&mut self.running_var));
            let count = ParamMut::absent(&mut self.num_batches_tracked);
            show("num_batches_tracked", buffer, &[], count);
        }
    }
}

impl<F: Float> Layer<F> for BatchNorm<F> {
    fn name(&self) -> &'static str {
        self.owner
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        require_channels(self.owner, x, self.features[0])?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.output_shape(x.shape())?;
        require_shape(self.owner, ("output", y.shape()), ("input", x.shape()))?;
        let [samples, _, plane] = channels_of(x.shape());
        let rows = samples * plane;
        let x = x.as_standard_layout();
        let x = numbers(&x);
        let batch = self.uses_batch(mode, rows)?;
        // The moments of an earlier pass are lost; if this one is refused, there is none.
        self.rows = None;
        if batch {
            self.moments.measure(x, plane);
        } else {
            self.moments.recall(&self.running_mean, &self.running_var);
        }
        if let Some(renorm) = &mut self.renorm {
            let running = (&self.running_mean[..], &self.running_var[..]);
            // Statistics that are measured afresh are nothing to correct towards yet.
            let known = batch && !measured_afresh(self.num_batches_tracked[0]);
            renorm.set(&self.moments, known.then_some(running), self.config.eps);
        }
        if mode.is_train() && self.config.track_running_stats {
            self.track(rows)?;
        }
        self.rows = Some(rows);
        let Self { weight, bias, moments, coefficients, renorm, .. } = self;
        prepare(moments, self.config.eps, (weight, bias), renorm.as_ref(), coefficients);
        with_numbers(y, |y| self.coefficients.map(x, plane, y));
        Ok(())
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        self.output_shape(x.shape())?;
        require_backward(self.owner, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let [samples, _, plane] = channels_of(x.shape());
        let rows = samples * plane;
        if self.rows != Some(rows) {
            let last = self.rows.map_or("there was none".into(), |n| format!("the last had {n}"));
            let message = format!("backward of {rows} rows needs their forward pass, {last}");
            return Err(Error::invalid(self.owner, message));
        }
        let batch = self.uses_batch(mode, rows)?;
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (numbers(&x), numbers(&dy));
        let mean = &self.moments.mean;
        columns::sum_products(dy, x, plane, mean, &mut self.sums, &mut self.products);
        for j in 0..self.features[0] {
            let inverse_std = self.moments.inverse_std(j, self.config.eps);
            self.bias_grad[j] = F::of(self.sums[j]);
            let (r, d) = renorm::correction(self.renorm.as_ref(), j);
            self.weight_grad[j] = F::of(self.products[j] * inverse_std * r + self.sums[j] * d);
        }
        if let Some(dx) = dx {
            self.prepare_gradient(batch.then_some(rows as f64));
            with_numbers(dx, |dx| self.coefficients.map_gradient(dy, x, plane, dx));
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.output_shape(x.shape())?;
        require_shape(self.owner, ("output", y.shape()), ("input", x.shape()))?;
        let [samples, _, plane] = channels_of(x.shape());
        let batch = self.uses_batch(Mode::Eval, samples * plane)?;
        let x = x.as_standard_layout();
        let x = numbers(&x);
        let mut moments = Moments::new(self.features[0]);
        if batch {
            moments.measure(x, plane);
        } else {
            moments.recall(&self.running_mean, &self.running_var);
        }
        let mut coefficients = Coefficients::new(self.features[0]);
        prepare(&moments, self.config.eps, (&self.weight, &self.bias), None, &mut coefficients);
        with_numbers(y, |y| coefficients.map(x, plane, y));
        Ok(())
    }
}
