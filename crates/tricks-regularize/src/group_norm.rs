use crate::channels::{channels_of, require_channels};
use crate::groups::{Affine, Groups, Moments};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper};

/// Group normalization: the channels of a sample are normalized in groups, whatever the batch.
///
/// # Formula
/// ```text
/// over the n numbers of C/G neighbouring channels of a sample:
///   μ = Σ xᵢ / n        σ² = Σ (xᵢ − μ)² / n        x̂ᵢ = (xᵢ − μ) / √(σ² + ε)
///   yᵢ = γ_c x̂ᵢ + β_c
///
/// backward: dβ_c = Σ dy     dγ_c = Σ dy x̂     (over all of the channel)
///           dxᵢ = (γ_c dyᵢ − mean(γ dy) − x̂ᵢ mean(γ dy x̂)) / √(σ² + ε)
/// ```
///
/// Inputs are `[samples, channels]` or `[samples, channels, …]`. Training and evaluation are the
/// same. Hyper-parameters: [`GroupNormConfig`].
///
/// | parameter | symbol | shape | kind | at first |
/// |---|---|---|---|---|
/// | `weight` | γ | `[channels]` | `Scale` | 1 |
/// | `bias` | β | `[channels]` | `Shift` | 0 |
///
/// # Memory
/// The parameters. Moments are measured again in `backward`: nothing is kept from `forward`.
///
/// # Notes
/// * Channels are axis 1, as in PyTorch; Keras has them last, and 32 groups by default.
/// * One group normalizes the whole sample; as many groups as channels is instance normalization.
/// * A group of one number has no spread: it gives β.
///
/// # Source
/// Wu, He: *Group normalization*, ECCV 2018, equations 1–3 and 7.
///
/// ```
/// use tricks_regularize::{GroupNorm, GroupNormConfig};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
///
/// let norm = GroupNorm::<f64>::new(2, 4, GroupNormConfig::default())?;
/// let x = arr2(&[[1.0, 3.0, 100.0, 300.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.infer(x.view(), y.view_mut())?;
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-5));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GroupNorm<F> {
    config: GroupNormConfig,
    groups: usize,
    affine: Affine<F>,
    // Scratch of the backward pass.
    moments: Vec<Moments>,
}

/// Hyper-parameters of [`GroupNorm`]; the default is PyTorch's.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-5 | above 0 |
/// | `affine` | | true | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNormConfig {
    /// Added to the variance, so that a constant group gives zeros.
    pub eps: f64,
    /// Whether γ and β are parameters; otherwise they are 1 and 0, and not visited.
    pub affine: bool,
}

impl Default for GroupNormConfig {
    fn default() -> Self {
        Self::torch()
    }
}

impl GroupNormConfig {
    /// PyTorch: ε 1e-5.
    pub fn torch() -> Self {
        Self { eps: 1e-5, affine: true }
    }

    /// Keras: ε 1e-3.
    pub fn keras() -> Self {
        Self { eps: 1e-3, ..Self::torch() }
    }
}

const NAME: &str = "GroupNorm";

impl<F: Float> GroupNorm<F> {
    /// A layer for inputs of so many channels, in so many groups.
    ///
    /// # Errors
    /// [`Error::Hyper`] for a value outside its range, [`Error::Invalid`] for channels that do not
    /// fall into the groups.
    pub fn new(groups: usize, channels: usize, config: GroupNormConfig) -> Result<Self> {
        hyper::positive(NAME, "eps", config.eps)?;
        hyper::require(NAME, "groups", groups as f64, groups > 0, "at least 1")?;
        let affine = Affine::new(NAME, "channels", &[channels], (config.affine, config.affine))?;
        if !channels.is_multiple_of(groups) {
            let message = format!("{channels} channels do not fall into {groups} groups");
            return Err(Error::invalid(NAME, message));
        }
        Ok(Self { config, groups, affine, moments: vec![] })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> GroupNormConfig {
        self.config
    }

    /// The number of groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    fn of(&self, x: &[usize]) -> Groups {
        let [_, channels, inner] = channels_of(x);
        let width = channels / self.groups * inner;
        Groups::new(width, inner, true, self.config.eps)
    }
}

impl<F: Float> Parameters<F> for GroupNorm<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.affine.visit(at, f);
    }
}

impl<F: Float> Layer<F> for GroupNorm<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        require_channels(NAME, x, self.affine.shape()[0])?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, _: Mode) -> Result<()> {
        self.infer(x, y)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        self.output_shape(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let groups = self.of(x.shape());
        groups.backward_views(x, dy, &mut self.moments, &mut self.affine, dx);
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let groups = self.of(x.shape());
        let x = x.as_standard_layout();
        with_numbers(y, |y| groups.forward(numbers(&x), &self.affine, None, y));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        let refused = |groups, channels, eps| {
            let config = GroupNormConfig { eps, affine: true };
            GroupNorm::<f32>::new(groups, channels, config).unwrap_err().to_string()
        };
        assert_eq!(refused(3, 4, 1e-5), "GroupNorm: 4 channels do not fall into 3 groups");
        assert_eq!(refused(0, 4, 1e-5), "GroupNorm: groups is 0, must be at least 1");
        assert_eq!(refused(1, 0, 1e-5), "GroupNorm: channels is 0, must be at least 1");
        assert_eq!(refused(1, 4, -1.0), "GroupNorm: eps is -1, must be finite and above 0");
        let norm = GroupNorm::<f32>::new(2, 4, Default::default()).unwrap();
        let refused = norm.output_shape(&[2, 3, 5]).unwrap_err().to_string();
        assert_eq!(refused, "GroupNorm: input has shape [2, 3, 5], expected [2, 4, 5]");
        let refused = norm.output_shape(&[4]).unwrap_err().to_string();
        assert_eq!(refused, "GroupNorm: input has shape [4], expected [4, 4]");
    }
}
