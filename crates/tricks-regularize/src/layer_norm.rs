use crate::layer_within::layer_within;
use crate::sample_norm::SampleNorm;
use tricks_tensor::{Float, Result};

/// Layer normalization: every sample is normalized over its own features.
///
/// # Formula
/// ```text
/// over the n numbers of the last axes of a sample:
///   μ = Σ xᵢ / n        σ² = Σ (xᵢ − μ)² / n        x̂ᵢ = (xᵢ − μ) / √(σ² + ε)
///   yᵢ = γᵢ x̂ᵢ + βᵢ
///
/// backward: dβ = Σ dy     dγ = Σ dy x̂     (over samples)
///           dxᵢ = (γᵢ dyᵢ − mean(γ dy) − x̂ᵢ mean(γ dy x̂)) / √(σ² + ε)
/// ```
///
/// `shape` is that of the last axes: `[features]`, or `[channels, height, width]`. Training and
/// evaluation are the same. Hyper-parameters: [`LayerNormConfig`].
///
/// | parameter | symbol | shape | kind | at first |
/// |---|---|---|---|---|
/// | `weight` | γ | `shape` | `Scale` | 1 |
/// | `bias` | β | `shape` | `Shift` | 0 |
///
/// # Memory
/// The parameters. Moments are measured again in `backward`: nothing is kept from `forward`.
///
/// # Notes
/// * Every number has its own γ and β, as in PyTorch; in a group normalization of one group a
///   channel has them.
/// * Statistics are `f64`, the variance in a second pass around the mean: a mean a thousand times
///   the spread costs no digit.
///
/// # Source
/// Ba, Kiros, Hinton: *Layer normalization*, 2016, equations 3 and 4.
///
/// ```
/// use tricks_regularize::{LayerNorm, LayerNormConfig};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
///
/// let norm = LayerNorm::<f64>::new(&[2], LayerNormConfig::default())?;
/// let x = arr2(&[[1.0, 3.0], [100.0, 300.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.infer(x.view(), y.view_mut())?;
/// assert!(y.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-5));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm<F> {
    config: LayerNormConfig,
    norm: SampleNorm<F>,
}

/// Hyper-parameters of [`LayerNorm`]; the default is PyTorch's.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-5 | above 0 |
/// | `affine` | | true | |
/// | `bias` | | true | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNormConfig {
    /// Added to the variance, so that a constant sample gives zeros.
    pub eps: f64,
    /// Whether γ is a parameter, and β if `bias` says so; otherwise they are 1 and 0, and not
    /// visited.
    pub affine: bool,
    /// Whether β is a parameter beside γ.
    pub bias: bool,
}

impl Default for LayerNormConfig {
    fn default() -> Self {
        Self::torch()
    }
}

impl LayerNormConfig {
    /// PyTorch: ε 1e-5.
    pub fn torch() -> Self {
        Self { eps: 1e-5, affine: true, bias: true }
    }

    /// Keras: ε 1e-3.
    pub fn keras() -> Self {
        Self { eps: 1e-3, ..Self::torch() }
    }
}

const NAME: &str = "LayerNorm";

impl<F: Float> LayerNorm<F> {
    /// A layer for inputs whose last axes have this shape.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) for a value outside its range, or a shape
    /// without numbers.
    pub fn new(shape: &[usize], config: LayerNormConfig) -> Result<Self> {
        let params = (config.affine, config.affine && config.bias);
        Ok(Self { config, norm: SampleNorm::new(NAME, shape, (true, config.eps), params)? })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> LayerNormConfig {
        self.config
    }
}

layer_within! { impl Layer<F> for LayerNorm<F>, in norm }

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::arr2;
    use tricks_tensor::{Layer, Mode, Noise, Parameters, Path};

    /// x = (1, 2, 6): μ = 3, σ² = 14/3; with ε = 1/3 the root of σ² + ε is s = √5.
    #[test]
    fn a_sample_by_hand() {
        let config = LayerNormConfig { eps: 1.0 / 3.0, ..Default::default() };
        let mut norm = LayerNorm::<f64>::new(&[3], config).unwrap();
        let (gamma, beta) = ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]);
        norm.visit(&Path::ROOT, &mut |at, param| {
            param.value.copy_from_slice(if at.path.is("weight") { &gamma } else { &beta });
        });
        let x = arr2(&[[1.0, 2.0, 6.0]]).into_dyn();
        let dy = arr2(&[[1.0, 0.5, 1.0]]).into_dyn();
        let (mut y, mut dx) = (x.clone(), x.clone());
        let mode = Mode::Train(Noise::new(0));
        norm.forward(x.view(), y.view_mut(), mode).unwrap();
        norm.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
        let s = 5f64.sqrt();
        let close = |got: &[f64], want: [f64; 3]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14), "{got:?} {want:?}");
        };
        close(y.as_slice().unwrap(), [10.0 - 2.0 / s, 20.0 - 2.0 / s, 30.0 + 9.0 / s]);
        // γ dy = (1, 1, 3): mean 5/3, and mean γ dy (x − μ) = (−2 − 1 + 9)/3 = 2.
        let want = [(1.0, -2.0), (1.0, -1.0), (3.0, 3.0)];
        close(dx.as_slice().unwrap(), want.map(|(g, d)| (g - 5.0 / 3.0 - d * 2.0 / 5.0) / s));
        norm.visit(&Path::ROOT, &mut |at, mut param| {
            let want =
                if at.path.is("weight") { [-2.0 / s, -0.5 / s, 3.0 / s] } else { [1.0, 0.5, 1.0] };
            close(param.grad.values().unwrap(), want);
        });
    }

    #[test]
    fn what_is_refused() {
        let refused = LayerNorm::<f32>::new(&[3, 0], Default::default()).unwrap_err();
        assert_eq!(refused.to_string(), "LayerNorm: features is 0, must be at least 1");
        let config = LayerNormConfig { eps: 0.0, ..Default::default() };
        let refused = LayerNorm::<f32>::new(&[3], config).unwrap_err();
        assert_eq!(refused.to_string(), "LayerNorm: eps is 0, must be finite and above 0");
        let norm = LayerNorm::<f32>::new(&[3, 4], Default::default()).unwrap();
        let refused = norm.output_shape(&[2, 4]).unwrap_err().to_string();
        assert_eq!(refused, "LayerNorm: input has shape [2, 4], expected [3, 4]");
        let refused = norm.output_shape(&[7, 4, 4]).unwrap_err().to_string();
        assert_eq!(refused, "LayerNorm: input has shape [7, 4, 4], expected [7, 3, 4]");
    }
}
