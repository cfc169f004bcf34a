use crate::layer_within::layer_within;
use crate::sample_norm::SampleNorm;
use tricks_tensor::{Float, Result};

/// Root-mean-square normalization: a layer normalization that leaves the mean where it is.
///
/// # Formula
/// ```text
/// over the n numbers of the last axes of a sample:
///   r = √(Σ xᵢ² / n + ε)        yᵢ = γᵢ xᵢ / r
///
/// backward: dγ = Σ dy x/r  (over samples)     dxᵢ = (γᵢ dyᵢ − xᵢ/r · mean(γ dy x/r)) / r
/// ```
///
/// Training and evaluation are the same. Hyper-parameters: [`RmsNormConfig`].
///
/// | parameter | symbol | shape | kind | at first |
/// |---|---|---|---|---|
/// | `weight` | γ | `shape` | `Scale` | 1 |
///
/// # Memory
/// The parameter. The mean square is measured again in `backward`.
///
/// # Notes
/// ε is inside the root, as in PyTorch and Keras. PyTorch's default is the spacing of the number
/// type at 1 (1.2e-7 for `f32`); Keras' is 1e-6, and the one here.
///
/// # Source
/// Zhang, Sennrich: *Root mean square layer normalization*, NeurIPS 2019, equation 4.
///
/// ```
/// use tricks_regularize::{RmsNorm, RmsNormConfig};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
///
/// let norm = RmsNorm::<f64>::new(&[2], RmsNormConfig::default())?;
/// let x = arr2(&[[1.0, 7.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.infer(x.view(), y.view_mut())?;
/// // The mean square is 25.
/// assert!((y[[0, 0]] - 0.2).abs() < 1e-7 && (y[[0, 1]] - 1.4).abs() < 1e-7);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RmsNorm<F> {
    config: RmsNormConfig,
    norm: SampleNorm<F>,
}

/// Hyper-parameters of [`RmsNorm`].
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-6 | above 0 |
/// | `affine` | | true | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsNormConfig {
    /// Added to the mean square, so that a sample of zeros gives zeros.
    pub eps: f64,
    /// Whether γ is a parameter; otherwise it is 1, and not visited.
    pub affine: bool,
}

impl Default for RmsNormConfig {
    fn default() -> Self {
        Self { eps: 1e-6, affine: true }
    }
}

const NAME: &str = "RmsNorm";

impl<F: Float> RmsNorm<F> {
    /// A layer for inputs whose last axes have this shape.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) for a value outside its range, or a shape
    /// without numbers.
    pub fn new(shape: &[usize], config: RmsNormConfig) -> Result<Self> {
        let params = (config.affine, false);
        Ok(Self { config, norm: SampleNorm::new(NAME, shape, (false, config.eps), params)? })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> RmsNormConfig {
        self.config
    }
}

layer_within! { impl Layer<F> for RmsNorm<F>, in norm }

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::arr2;
    use tricks_tensor::{Layer, Mode, Noise, Parameters, Path};

    /// x = (1, 7): the mean square is 25; with ε = 11 the root is 6.
    #[test]
    fn a_sample_by_hand() {
        let config = RmsNormConfig { eps: 11.0, affine: true };
        let mut norm = RmsNorm::<f64>::new(&[2], config).unwrap();
        norm.visit(&Path::ROOT, &mut |_, param| param.value.copy_from_slice(&[3.0, 2.0]));
        let x = arr2(&[[1.0, 7.0]]).into_dyn();
        let dy = arr2(&[[1.0, 0.5]]).into_dyn();
        let (mut y, mut dx) = (x.clone(), x.clone());
        let mode = Mode::Train(Noise::new(0));
        norm.forward(x.view(), y.view_mut(), mode).unwrap();
        norm.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
        let close = |got: &[f64], want: [f64; 2]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14), "{got:?} {want:?}");
        };
        close(y.as_slice().unwrap(), [0.5, 14.0 / 6.0]);
        // γ dy = (3, 1), and mean γ dy x = 5.
        close(dx.as_slice().unwrap(), [(3.0 - 5.0 / 36.0) / 6.0, (1.0 - 35.0 / 36.0) / 6.0]);
        norm.visit(&Path::ROOT, &mut |_, mut param| {
            close(param.grad.values().unwrap(), [1.0 / 6.0, 3.5 / 6.0]);
        });
    }
}
