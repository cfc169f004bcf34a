use crate::Dropout;
use crate::channels::require_channel_axis;
use crate::masked::{Pass, masked_layer};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::require_shape;
use tricks_tensor::{Float, Mode, Result, hyper};

/// Dropout of whole channels: neighbours in an image say the same, so dropping one changes little.
///
/// # Formula
/// ```text
/// training:   y_c = x_c/(1 − p)  with probability 1 − p,  else 0      for every channel of a sample
/// evaluation: y = x
/// backward:   dy in place of x, with the same mask
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none | [0, 1] |
///
/// # Memory
/// None. The mask is a function of the noise: `backward` computes it again.
///
/// # Notes
/// PyTorch's `Dropout1d`, `2d` and `3d`. Inputs are `[samples, channels, …]`; without further axes it
/// is plain [`Dropout`]. The expectation of `y` is `x`.
///
/// # Source
/// Tompson, Goroshin, Jain, LeCun, Bregler: *Efficient object localization using convolutional
/// networks*, CVPR 2015, section 3.2.
///
/// ```
/// use tricks_regularize::SpatialDropout;
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::{ArrayD, Axis}};
///
/// let x = ArrayD::<f32>::ones(vec![8, 16, 3, 3]);
/// let mut y = x.clone();
/// let mut dropout = SpatialDropout::new(0.5)?;
/// dropout.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1)))?;
/// for sample in y.outer_iter() {
///     assert!(sample.outer_iter().all(|c| c.iter().all(|x| *x == 0.0) || c.iter().all(|x| *x == 2.0)));
/// }
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpatialDropout {
    dropout: Dropout,
}

const NAME: &str = "SpatialDropout";

impl SpatialDropout {
    /// With the probability `p` to drop a channel.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `p` is not in [0, 1].
    pub fn new(p: f64) -> Result<Self> {
        hyper::probability(NAME, "p", p)?;
        Ok(Self { dropout: Dropout::new(p)? })
    }

    /// The probability to drop a channel.
    pub fn p(self) -> f64 {
        self.dropout.p()
    }

    /// The forward pass with a mask of your own, `[samples, channels]`; the backward pass is the same
    /// call with gradients.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn apply<F: Float>(
        self,
        x: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.check(x.shape())?;
        require_shape(NAME, ("mask", keep.shape()), ("expected", &x.shape()[..2]))?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        self.dropout.apply_units(unit(x.shape()), x, keep, y);
        Ok(())
    }

    fn check(self, x: &[usize]) -> Result<()> {
        require_channel_axis(NAME, x)
    }

    fn pass<F: Float>(self, _: Pass, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) {
        self.dropout.drop_units(unit(x.shape()), x, y, mode);
    }
}

/// Numbers that are kept or dropped together.
fn unit(x: &[usize]) -> usize {
    x[2..].iter().product()
}

masked_layer! { impl Layer<F> for SpatialDropout }
