use crate::layers::{
    AdaptiveAvgPool2d, Conv2d, ConvConfig, Dense, Flatten, ReLU, Residual, Sequential,
};
use tricks_regularize::{BatchNorm, BatchNormConfig, DropPath};
use tricks_tensor::{Float, Layer, Result, hyper};

/// The sizes of a [`plain_cnn`] or a [`resnet`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvNetConfig {
    /// Of an image; at least 1.
    pub channels: usize,
    /// Numbers of the output.
    pub classes: usize,
    /// Channels of the first stage; the second has twice, the third four times as many.
    pub width: usize,
    /// In each of the three stages; two convolutions each.
    pub blocks: usize,
    /// The probability to drop the last branch in training; that of the others grows to it in
    /// proportion to their depth. Only with residual connections.
    pub drop_path: f64,
}

impl Default for ConvNetConfig {
    /// ResNet-20 for digits.
    fn default() -> Self {
        Self { channels: 1, classes: 10, width: 16, blocks: 3, drop_path: 0.0 }
    }
}

impl ConvNetConfig {
    /// Layers with weights from the input to the output: 6 · `blocks` + 2.
    pub fn depth(&self) -> usize {
        6 * self.blocks + 2
    }
}

/// A convolutional net of any depth without residual connections: what a [`resnet`] is held
/// against.
///
/// # Formula
/// ```text
/// image → conv 3 × 3 → stage 1 → stage 2 → stage 3 → BN → ReLU → mean over places → dense
/// stage = f → f → …                       `blocks` of them
/// f     = BN → ReLU → conv 3 × 3 → BN → ReLU → conv 3 × 3
/// ```
/// Stages have `width`, 2 · `width` and 4 · `width` channels; the first convolution of the second
/// and of the third has the stride 2. The layers with weights are 6 · `blocks` + 2.
///
/// # Errors
/// No channels, a width of 0.
///
/// ```
/// use tricks_net::models::{ConvNetConfig, plain_cnn};
/// use tricks_tensor::{Layer, ndarray::IxDyn};
/// let net = plain_cnn::<f32>(&ConvNetConfig { channels: 3, ..Default::default() })?;
/// assert_eq!(net.output_shape(&[8, 3, 32, 32])?, IxDyn(&[8, 10]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn plain_cnn<F: Float>(config: &ConvNetConfig) -> Result<Sequential<F>> {
    net(config, |_, f, _| Ok(Box::new(f)))
}

/// A residual net of any depth, with the basic blocks of the CIFAR nets and the activations in
/// front of the convolutions.
///
/// # Formula
/// ```text
/// image → conv 3 × 3 → stage 1 → stage 2 → stage 3 → BN → ReLU → mean over places → dense
/// stage = (x + f(x)) → (x + f(x)) → …     `blocks` of them
/// f     = BN → ReLU → conv 3 × 3 → BN → ReLU → conv 3 × 3
/// ```
/// Stages have `width`, 2 · `width` and 4 · `width` channels. The first convolution of the second
/// and of the third has the stride 2, and there the shortcut is a convolution 1 × 1 of that stride.
/// The layers with weights, shortcuts not counted, are 6 · `blocks` + 2: 3 blocks make the
/// ResNet-20, 8 the ResNet-50 of this family (that for ImageNet has other blocks).
///
/// # Notes
/// The CIFAR nets of the first paper put the activations behind the sums, and zeros where a
/// shortcut has too few channels.
///
/// # Source
/// He, Zhang, Ren, Sun: *Deep residual learning for image recognition*, CVPR 2016, section 4.2;
/// *Identity mappings in deep residual networks*, ECCV 2016, figure 1(b).
///
/// # Errors
/// No channels, a width of 0; `drop_path` outside [0, 1].
///
/// ```
/// use tricks_init::{Layout, VarianceScaling, initialize};
/// use tricks_net::{Net, models::{ConvNetConfig, resnet}};
/// use tricks_tensor::{Noise, ndarray::Array4};
/// let config = ConvNetConfig { width: 4, blocks: 8, ..ConvNetConfig::default() };
/// assert_eq!(config.depth(), 50);
/// let mut net = Net::new(resnet::<f32>(&config)?);
/// initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(1))?;
/// assert_eq!(net.predict(&Array4::ones((2, 1, 14, 14)))?.shape(), [2, 10]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn resnet<F: Float>(config: &ConvNetConfig) -> Result<Sequential<F>> {
    hyper::probability("resnet", "drop_path", config.drop_path)?;
    let count = (3 * config.blocks) as f64;
    net(config, |number, mut f, Block { inputs, outputs, stride }| {
        if config.drop_path > 0.0 {
            f = f.push(DropPath::new(config.drop_path * number as f64 / count)?);
        }
        let block = Residual::new(f);
        Ok(Box::new(match (stride, inputs == outputs) {
            (1, true) => block,
            _ => block.shortcut(conv(inputs, outputs, 1, stride)?),
        }))
    })
}

/// The shape of a block.
#[derive(Clone, Copy)]
struct Block {
    inputs: usize,
    outputs: usize,
    stride: usize,
}

/// The net whose blocks are what `wrap` makes of a block's number, from 1, and its layers.
fn net<F: Float>(
    config: &ConvNetConfig,
    wrap: impl Fn(usize, Sequential<F>, Block) -> Result<Box<dyn Layer<F>>>,
) -> Result<Sequential<F>> {
    let ConvNetConfig { channels, classes, width, blocks, .. } = *config;
    let mut net = Sequential::new().push(conv(channels, width, 3, 1)?);
    let mut inputs = width;
    for stage in 0..3 {
        let outputs = width << stage;
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let f = norm(Sequential::new(), inputs)?.push(conv(inputs, outputs, 3, stride)?);
            let f = norm(f, outputs)?.push(conv(outputs, outputs, 3, 1)?);
            let number = stage * blocks + block + 1;
            net = net.push(wrap(number, f, Block { inputs, outputs, stride })?);
            inputs = outputs;
        }
    }
    let pool = AdaptiveAvgPool2d::new([1, 1])?;
    Ok(norm(net, inputs)?.push(pool).push(Flatten).push(Dense::new(inputs, classes)))
}

/// Batch normalization and ReLU at the end.
fn norm<F: Float>(net: Sequential<F>, channels: usize) -> Result<Sequential<F>> {
    Ok(net.push(BatchNorm::new(channels, BatchNormConfig::default())?).push(ReLU))
}

/// A convolution that keeps the size of the image, but for the stride; no bias, as a
/// normalization follows.
fn conv<F: Float>(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
) -> Result<Conv2d<F>> {
    let padding = [kernel / 2; 2];
    let config = ConvConfig { stride: [stride; 2], padding, ..ConvConfig::default() };
    Conv2d::without_bias(inputs, outputs, [kernel; 2], config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;
    use tricks_init::{Layout, VarianceScaling, initialize};
    use tricks_tensor::{Mode, Noise, ParamKind, Parameters as _, Path, gradcheck, ndarray};

    /// Shapes of all weights of a net.
    fn weights(net: &mut Sequential<f64>) -> Vec<Vec<usize>> {
        let mut shapes = Vec::new();
        net.visit(&Path::ROOT, &mut |place, _| {
            if place.kind == ParamKind::Weight {
                shapes.push(place.shape.to_vec());
            }
        });
        shapes
    }

    #[test]
    fn as_deep_as_it_says() {
        for blocks in [0, 1, 3, 8] {
            let config = ConvNetConfig { width: 2, blocks, ..ConvNetConfig::default() };
            let plain = weights(&mut plain_cnn(&config).unwrap());
            assert_eq!(plain.len(), config.depth());
            let mut residual = weights(&mut resnet(&config).unwrap());
            let projections = residual.iter().filter(|shape| shape.ends_with(&[1, 1])).count();
            assert_eq!(projections, if blocks == 0 { 0 } else { 2 });
            residual.retain(|shape| !shape.ends_with(&[1, 1]));
            assert_eq!(residual, plain);
        }
        let config = ConvNetConfig { channels: 3, width: 2, blocks: 1, ..Default::default() };
        let shapes = weights(&mut plain_cnn(&config).unwrap());
        let want: [&[usize]; 8] = [
            &[2, 3, 3, 3],
            &[2, 2, 3, 3],
            &[2, 2, 3, 3],
            &[4, 2, 3, 3],
            &[4, 4, 3, 3],
            &[8, 4, 3, 3],
            &[8, 8, 3, 3],
            &[10, 8],
        ];
        assert_eq!(shapes, want);
    }

    #[test]
    fn gradients() {
        let config = ConvNetConfig { classes: 2, width: 1, blocks: 1, drop_path: 0.2, channels: 2 };
        let mut net = resnet::<f64>(&config).unwrap();
        let he = VarianceScaling::he_normal();
        initialize(&mut net, Layout::OutIn, &he, Noise::new(2)).unwrap();
        let mut data = vec![0.0; 3 * 2 * 6 * 6];
        Noise::new(4).fill_uniform(0, &mut data);
        let x = ArrayD::from_shape_vec(vec![3, 2, 6, 6], data).unwrap();
        let mode = Mode::Train(Noise::new(1));
        gradcheck::layer(&mut net, &x, mode, Noise::new(3)).unwrap().within(1e-6).unwrap();
    }

    #[test]
    fn the_last_branch_is_dropped_as_often_as_it_says() {
        // One third, two thirds, always.
        let config = ConvNetConfig { width: 2, blocks: 1, drop_path: 1.0, ..Default::default() };
        let mut net = resnet::<f64>(&config).unwrap();
        let he = VarianceScaling::he_normal();
        initialize(&mut net, Layout::OutIn, &he, Noise::new(2)).unwrap();
        let x = ArrayD::from_shape_fn(vec![16, 1, 4, 4], |at| ((at[0] + at[3]) % 5) as f64);
        let (mut y, dy) = (ArrayD::zeros(vec![16, 10]), ArrayD::ones(vec![16, 10]));
        let mode = Mode::Train(Noise::new(1));
        net.forward(x.view(), y.view_mut(), mode).unwrap();
        net.backward(x.view(), y.view(), dy.view(), None, mode).unwrap();
        let mut learns = [false; 4];
        net.visit(&Path::ROOT, &mut |place, mut param| {
            let path = place.path.to_string();
            if let Some(block @ b'1'..=b'3') = path.as_bytes().get("layers.".len())
                && path[8..].starts_with(".layers.0.")
            {
                let grad = param.grad.values().unwrap_or_default();
                learns[usize::from(block - b'0')] |= grad.iter().any(|x| *x != 0.0);
            }
        });
        assert_eq!(learns, [false, true, true, false]);
        let refused = resnet::<f64>(&ConvNetConfig { drop_path: 1.5, ..config }).unwrap_err();
        assert_eq!(refused.to_string(), "resnet: drop_path is 1.5, must be in [0, 1]");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let config = ConvNetConfig::default();
        let text = |config| plain_cnn::<f64>(&config).unwrap_err().to_string();
        assert!(text(ConvNetConfig { channels: 0, ..config }).contains("0 input"));
        assert!(text(ConvNetConfig { width: 0, ..config }).contains("0 output"));
    }
}
