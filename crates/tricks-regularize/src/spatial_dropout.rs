use crate::Dropout;
use crate::channels::require_channel_axis;
use crate::unit_dropout::unit_dropout;
use tricks_tensor::Result;
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};

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
/// PyTorch's `Dropout1d`, `2d` and `3d`. Inputs are `[samples, channels, …]`; without further axes
/// it is plain [`Dropout`]. The expectation of `y` is `x`.
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
    fn check(self, x: &[usize]) -> Result<()> {
        require_channel_axis(NAME, x)
    }
}

unit_dropout! { impl Layer<F> for SpatialDropout, of "channel", axes: 2, mask: "[samples, channels]" }
