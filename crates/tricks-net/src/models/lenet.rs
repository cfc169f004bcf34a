use crate::layers::{Conv2d, ConvConfig, Dense, Flatten, MaxPool2d, ReLU, Sequential};
use tricks_tensor::{Float, Layer as _, Result};

/// Two convolutions with pooling, then three dense layers: LeNet-5 as it is built today.
///
/// # Formula
/// ```text
/// image → conv 5 × 5, 6 channels, padding 2 → ReLU → max of 2 × 2
///       → conv 5 × 5, 16 channels           → ReLU → max of 2 × 2
///       → dense 120 → ReLU → dense 84 → ReLU → dense `classes`
/// ```
/// `image` is `[channels, height, width]`. For digits of 28 × 28 pixels it has 61,706 parameters.
///
/// # Notes
/// The paper has squashed averages in place of the maxima, tanh in place of ReLU, not all
/// connections between the convolutions, and distances from fixed codes as its output.
///
/// # Source
/// LeCun, Bottou, Bengio, Haffner: *Gradient-based learning applied to document recognition*,
/// 1998, section II.B.
///
/// # Errors
/// An image of no channels, or one too small for the second pooling: below 12 pixels.
///
/// ```
/// use tricks_net::models::lenet;
/// use tricks_tensor::{Layer, ndarray::IxDyn};
/// let net = lenet::<f32>([1, 28, 28], 10)?;
/// assert_eq!(net.output_shape(&[64, 1, 28, 28])?, IxDyn(&[64, 10]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn lenet<F: Float>(image: [usize; 3], classes: usize) -> Result<Sequential<F>> {
    let [channels, height, width] = image;
    let padded = ConvConfig { padding: [2; 2], ..ConvConfig::default() };
    let features = Sequential::new()
        .push(Conv2d::new(channels, 6, [5; 2], padded)?)
        .push(ReLU)
        .push(MaxPool2d::new([2; 2])?)
        .push(Conv2d::new(6, 16, [5; 2], ConvConfig::default())?)
        .push(ReLU)
        .push(MaxPool2d::new([2; 2])?)
        .push(Flatten);
    let count = features.output_shape(&[1, channels, height, width])?[1];
    Ok(features
        .push(Dense::new(count, 120))
        .push(ReLU)
        .push(Dense::new(120, 84))
        .push(ReLU)
        .push(Dense::new(84, classes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::{Parameters as _, Path};

    #[test]
    fn as_many_parameters_as_the_text_says() {
        let mut count = 0;
        let mut net = lenet::<f32>([1, 28, 28], 10).unwrap();
        net.visit(&Path::ROOT, &mut |place, _| count += place.len());
        assert_eq!(count, 61_706);
    }

    #[test]
    fn images_too_small_are_refused() {
        assert!(lenet::<f32>([3, 12, 12], 10).is_ok());
        let refused = lenet::<f32>([3, 12, 11], 10).unwrap_err().to_string();
        let want = "MaxPool2d: kernel [2, 2] with dilation [1, 1] is larger than the input [2, 1] with padding [0, 0]";
        assert_eq!(refused, want);
        assert!(lenet::<f32>([0, 28, 28], 10).unwrap_err().to_string().contains("0 input"));
    }
}
