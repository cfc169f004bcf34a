use crate::channels::{channels_of, require_channels};
use crate::groups::{Affine, Groups, Moments};
use crate::update_bn::count_batch;
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, hyper,
};

/// Instance normalization: every channel of every sample is normalized by itself.
///
/// # Formula
/// ```text
/// over the n numbers of a channel of a sample:
///   μ = Σ xᵢ / n        σ² = Σ (xᵢ − μ)² / n        x̂ᵢ = (xᵢ − μ) / √(σ² + ε)
///   yᵢ = γ_c x̂ᵢ + β_c
/// with running statistics, in training:
///   running_mean ← (1 − m) running_mean + m · (mean of μ over the samples)
///   running_var  ← (1 − m) running_var  + m · (mean of σ² n/(n − 1) over the samples)
/// evaluation: the running statistics in place of μ and σ², if they are kept
///
/// backward: dβ_c = Σ dy     dγ_c = Σ dy x̂     (over all of the channel)
///           dxᵢ = γ_c (dyᵢ − mean(dy) − x̂ᵢ mean(dy x̂)) / √(σ² + ε)
/// ```
///
/// Inputs are `[samples, channels, …]`. Hyper-parameters: [`InstanceNormConfig`].
///
/// | parameter | symbol | shape | kind | at first |
/// |---|---|---|---|---|
/// | `weight` | γ | `[channels]` | `Scale` | 1 |
/// | `bias` | β | `[channels]` | `Shift` | 0 |
/// | `running_mean`, `running_var` | | `[channels]` | `Buffer` | 0, 1 |
/// | `num_batches_tracked` | | `[]` | `Buffer` | 0 |
///
/// # Memory
/// The parameters. Moments are measured again in `backward`: nothing is kept from `forward`.
///
/// # Notes
/// * As in PyTorch, there are no parameters and no running statistics unless asked for.
/// * A channel of one number has no spread: refused, unless running statistics take its place.
///
/// # Source
/// Ulyanov, Vedaldi, Lempitsky: *Instance normalization: the missing ingredient for fast
/// stylization*, 2016, equation 2.
///
/// ```
/// use tricks_regularize::{InstanceNorm, InstanceNormConfig};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr3}};
///
/// let norm = InstanceNorm::<f64>::new(2, InstanceNormConfig::default())?;
/// let x = arr3(&[[[1.0, 3.0], [100.0, 300.0]]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.infer(x.view(), y.view_mut())?;
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-5));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct InstanceNorm<F> {
    config: InstanceNormConfig,
    affine: Affine<F>,
    // Empty if running statistics are not tracked.
    running_mean: Vec<F>,
    running_var: Vec<F>,
    num_batches_tracked: [F; 1],
    // Scratch.
    moments: Vec<Moments>,
    totals: Vec<[f64; 2]>,
}

/// Hyper-parameters of [`InstanceNorm`]; the default is PyTorch's.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-5 | above 0 |
/// | `momentum` | m | 0.1 | [0, 1] |
/// | `affine` | | false | |
/// | `track_running_stats` | | false | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNormConfig {
    /// Added to the variance, so that a constant channel gives zeros.
    pub eps: f64,
    /// Weight of the newest batch in the running statistics.
    pub momentum: f64,
    /// Whether γ and β are parameters; otherwise they are 1 and 0, and not visited.
    pub affine: bool,
    /// Whether running statistics are kept, and used in evaluation.
    pub track_running_stats: bool,
}

impl Default for InstanceNormConfig {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false }
    }
}

const NAME: &str = "InstanceNorm";

impl<F: Float> InstanceNorm<F> {
    /// A layer for inputs of so many channels.
    ///
    /// # Errors
    /// [`Error::Hyper`] for a value outside its range, or no channels.
    pub fn new(channels: usize, config: InstanceNormConfig) -> Result<Self> {
        hyper::positive(NAME, "eps", config.eps)?;
        hyper::probability(NAME, "momentum", config.momentum)?;
        let affine = Affine::new(NAME, "channels", &[channels], (config.affine, config.affine))?;
        let tracked = if config.track_running_stats { channels } else { 0 };
        Ok(Self {
            config,
            affine,
            running_mean: vec![F::zero(); tracked],
            running_var: vec![F::one(); tracked],
            num_batches_tracked: [F::zero()],
            moments: vec![],
            totals: vec![],
        })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> InstanceNormConfig {
        self.config
    }

    /// The running mean of every channel; empty if it is not tracked.
    pub fn running_mean(&self) -> &[F] {
        &self.running_mean
    }

    /// The running variance of every channel; empty if it is not tracked.
    pub fn running_var(&self) -> &[F] {
        &self.running_var
    }

    fn groups(&self, plane: usize) -> Groups {
        Groups::new(plane, plane, true, self.config.eps)
    }

    /// Whether the moments are those of the instances; then a channel needs two numbers.
    fn uses_instances(&self, mode: Mode, plane: usize) -> Result<bool> {
        let instances = mode.is_train() || !self.config.track_running_stats;
        if instances && plane < 2 {
            let message =
                format!("a channel needs at least 2 numbers to have a spread, got {plane}");
            return Err(Error::invalid(NAME, message));
        }
        Ok(instances)
    }

    /// The running statistics as moments.
    fn recall(&self, groups: Groups, moments: &mut Vec<Moments>) {
        moments.clear();
        let running = self.running_mean.iter().zip(&self.running_var);
        moments.extend(running.map(|(mean, var)| groups.moments_of((mean.widen(), var.widen()))));
    }

    /// Moves the running statistics towards the mean of those of the instances; refuses, with
    /// nothing moved, what would stay in them for ever.
    fn track(&mut self, groups: Groups, x: &[F], samples: usize) -> Result<()> {
        if samples == 0 {
            return Err(Error::invalid(NAME, "running statistics need at least 1 sample, got 0"));
        }
        let channels = self.running_mean.len();
        self.totals.clear();
        self.totals.resize(channels, [0.0; 2]);
        for (i, x) in x.chunks_exact(groups.width()).enumerate() {
            let (mean, var) = groups.mean_and_variance(x);
            let [means, vars] = &mut self.totals[i % channels];
            *means += mean;
            *vars += var;
        }
        let n = groups.width() as f64;
        for (index, totals) in self.totals.iter_mut().enumerate() {
            *totals = [totals[0] / samples as f64, totals[1] / samples as f64 * n / (n - 1.0)];
            for (what, value) in ["mean", "variance"].into_iter().zip(*totals) {
                let value = F::of(value);
                if !value.is_finite() {
                    let (name, value) = (NAME.into(), value.widen());
                    return Err(Error::NonFinite { name, what, index, value });
                }
            }
        }
        let m = count_batch(&mut self.num_batches_tracked[0], Some(self.config.momentum));
        let toward = |r: &mut F, x: f64| *r = F::of((1.0 - m) * r.widen() + m * x);
        for (c, [mean, var]) in self.totals.iter().enumerate() {
            toward(&mut self.running_mean[c], *mean);
            toward(&mut self.running_var[c], *var);
        }
        Ok(())
    }
}

impl<F: Float> Parameters<F> for InstanceNorm<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let shape = [self.affine.shape()[0]];
        self.affine.visit(at, f);
        if self.config.track_running_stats {
            let mut show = |name: &str, shape: &[usize], values| {
                let place = Place { path: &at.name(name), kind: ParamKind::Buffer, shape };
                f(place, ParamMut::absent(values));
            };
            show("running_mean", &shape, &mut self.running_mean);
            show("running_var", &shape, &mut self.running_var);
            show("num_batches_tracked", &[], &mut self.num_batches_tracked);
        }
    }
}

impl<F: Float> Layer<F> for InstanceNorm<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        require_channels(NAME, x, self.affine.shape()[0])?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        if !mode.is_train() {
            return self.infer(x, y);
        }
        self.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let [samples, _, plane] = channels_of(x.shape());
        self.uses_instances(mode, plane)?;
        let groups = self.groups(plane);
        let x = x.as_standard_layout();
        let x = numbers(&x);
        if self.config.track_running_stats {
            self.track(groups, x, samples)?;
        }
        with_numbers(y, |y| groups.forward(x, &self.affine, None, y));
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
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let [_, _, plane] = channels_of(x.shape());
        let groups = self.groups(plane);
        if self.uses_instances(mode, plane)? {
            groups.backward_views(x, dy, &mut self.moments, &mut self.affine, dx);
            return Ok(());
        }
        let mut moments = std::mem::take(&mut self.moments);
        self.recall(groups, &mut moments);
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy, given) = (numbers(&x), numbers(&dy), (&moments[..], true));
        match dx {
            Some(dx) => {
                with_numbers(dx, |dx| groups.backward(x, dy, given, &mut self.affine, Some(dx)));
            }
            None => groups.backward(x, dy, given, &mut self.affine, None),
        }
        self.moments = moments;
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let [_, _, plane] = channels_of(x.shape());
        let groups = self.groups(plane);
        let mut given = vec![];
        let instances = self.uses_instances(Mode::Eval, plane)?;
        if !instances {
            self.recall(groups, &mut given);
        }
        let given = (!instances).then_some(&given[..]);
        let x = x.as_standard_layout();
        with_numbers(y, |y| groups.forward(numbers(&x), &self.affine, given, y));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::Noise;
    use tricks_tensor::ndarray::{ArrayD, arr3};

    /// One channel, samples (1, 3) and (10, 14): means 2 and 12, unbiased variances 2 and 8.
    #[test]
    fn running_statistics_by_hand() {
        let config =
            InstanceNormConfig { momentum: 0.5, track_running_stats: true, ..Default::default() };
        let mut norm = InstanceNorm::<f64>::new(1, config).unwrap();
        let x = arr3(&[[[1.0, 3.0]], [[10.0, 14.0]]]).into_dyn();
        let mut y = x.clone();
        norm.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0))).unwrap();
        assert_eq!((norm.running_mean(), norm.running_var()), (&[3.5][..], &[3.0][..]));
        norm.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        assert!((y[[1, 0, 1]] - 10.5 / 3.00001f64.sqrt()).abs() < 1e-14);
        let mut dx = x.clone();
        norm.backward(x.view(), y.view(), x.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert!((dx[[1, 0, 1]] - 14.0 / 3.00001f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn one_number_has_no_spread() {
        let config = InstanceNormConfig { track_running_stats: true, ..Default::default() };
        let mut norm = InstanceNorm::<f64>::new(3, config).unwrap();
        let x = ArrayD::zeros(vec![2, 3, 1]);
        let mut y = x.clone();
        let train = Mode::Train(Noise::new(0));
        let refused = norm.forward(x.view(), y.view_mut(), train).unwrap_err().to_string();
        assert_eq!(
            refused,
            "InstanceNorm: a channel needs at least 2 numbers to have a spread, got 1"
        );
        norm.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        let none = ArrayD::zeros(vec![0, 3, 2]);
        let refused = norm.forward(none.view(), none.clone().view_mut(), train).unwrap_err();
        let want = "InstanceNorm: running statistics need at least 1 sample, got 0";
        assert_eq!(refused.to_string(), want);
    }
}
