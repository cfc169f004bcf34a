use crate::layers::{
    ChannelsLast, Conv2d, ConvConfig, Dense, FeedForwardActivation, LearnedPositionalEncoding,
    SequenceMean, Sequential, TransformerConfig, TransformerEncoderLayer,
};
use tricks_regularize::{Dropout, LayerNorm, LayerNormConfig};
use tricks_tensor::{Float, Layer as _, Result, hyper};

/// The sizes of a [`vit`].
///
/// | field | default | range |
/// |---|---|---|
/// | `image` | `[1, 28, 28]` | channels at least 1; height and width multiples of `patch` |
/// | `patch` | 7 | at least 1 |
/// | `classes` | 10 | at least 1 |
/// | `d_model` | 64 | at least 1 |
/// | `num_layers` | 4 | |
/// | `num_heads` | 4 | divides `d_model` |
/// | `dim_feedforward` | 256 | at least 1 |
/// | `dropout` | 0.1 | [0, 1] |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VitConfig {
    /// Channels, height and width.
    pub image: [usize; 3],
    /// Height and width of the squares an image is cut into.
    pub patch: usize,
    /// Numbers of the output.
    pub classes: usize,
    /// Features of a patch.
    pub d_model: usize,
    /// Blocks.
    pub num_layers: usize,
    /// Heads of attention in each block.
    pub num_heads: usize,
    /// Width of the network for every patch.
    pub dim_feedforward: usize,
    /// The probability to drop: features of the input, and in the blocks what
    /// [`TransformerConfig::dropout`] says.
    pub dropout: f64,
}

impl Default for VitConfig {
    /// For digits: 16 patches.
    fn default() -> Self {
        Self {
            image: [1, 28, 28],
            patch: 7,
            classes: 10,
            d_model: 64,
            num_layers: 4,
            num_heads: 4,
            dim_feedforward: 256,
            dropout: 0.1,
        }
    }
}

/// A vision Transformer: an image is a sequence of patches that look at each other.
///
/// # Formula
/// ```text
/// image → conv patch × patch of that stride → [patches, d_model] → + P[place] → dropout
///       → block → … → layer norm → mean over patches → dense `classes`
/// block = u + f(norm(u)),  u = x + attention(norm(x))        `num_layers` of them, GELU
/// ```
/// The convolution is one linear map of each patch. Images are `[samples, channels, height, width]`
/// of the one size: places are learned.
///
/// # Notes
/// The paper adds a class token, and reads the answer there; its appendix D.3 finds the mean as
/// good with a learning rate of its own.
///
/// # Source
/// Dosovitskiy and others: *An image is worth 16×16 words*, ICLR 2021, section 3.1.
///
/// # Errors
/// A hyper-parameter out of its range.
///
/// ```
/// use tricks_init::{Layout, VarianceScaling, initialize};
/// use tricks_net::{Net, models::{VitConfig, vit}};
/// use tricks_tensor::{Noise, ndarray::Array4};
/// let mut net = Net::new(vit::<f32>(&VitConfig { num_layers: 1, ..VitConfig::default() })?);
/// initialize(&mut net, Layout::OutIn, &VarianceScaling::xavier_uniform(), Noise::new(1))?;
/// assert_eq!(net.predict(&Array4::ones((2, 1, 28, 28)))?.shape(), [2, 10]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn vit<F: Float>(config: &VitConfig) -> Result<Sequential<F>> {
    let &VitConfig { image: [channels, height, width], patch, classes, d_model, .. } = config;
    for (field, count) in [("patch", patch), ("classes", classes), ("d_model", d_model)] {
        hyper::require("vit", field, count as f64, count > 0, "at least 1")?;
    }
    for (field, size) in [("height", height), ("width", width)] {
        let whole = size > 0 && size.is_multiple_of(patch);
        hyper::require("vit", field, size as f64, whole, "a multiple of `patch`")?;
    }
    let block = TransformerConfig {
        num_heads: config.num_heads,
        dim_feedforward: config.dim_feedforward,
        dropout: config.dropout,
        activation: FeedForwardActivation::GELU,
        norm_first: true,
        ..TransformerConfig::default()
    };
    let cut = ConvConfig { stride: [patch; 2], ..ConvConfig::default() };
    let patches =
        Sequential::new().push(Conv2d::new(channels, d_model, [patch; 2], cut)?).push(ChannelsLast);
    let places = patches.output_shape(&[1, channels, height, width])?[1];
    let mut net = patches
        .push(LearnedPositionalEncoding::new(places, d_model)?)
        .push(Dropout::new(config.dropout)?);
    for _ in 0..config.num_layers {
        net = net.push(TransformerEncoderLayer::new(d_model, block)?);
    }
    let norm = LayerNorm::new(&[d_model], LayerNormConfig::torch())?;
    Ok(net.push(norm).push(SequenceMean).push(Dense::new(d_model, classes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::{Parameters as _, Path};

    #[test]
    fn as_many_parameters_as_the_formula_says() {
        let mut count = 0;
        let mut net = vit::<f32>(&VitConfig::default()).unwrap();
        net.visit(&Path::ROOT, &mut |place, _| count += place.len());
        let d = 64;
        let block = 12 * d * d + 13 * d;
        assert_eq!(count, (49 + 1) * d + 16 * d + 4 * block + 2 * d + 10 * (d + 1));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let config = VitConfig::default();
        let text = |config| vit::<f64>(&config).unwrap_err().to_string();
        let of = |name: &str| format!("vit: {name} is 0, must be at least 1");
        assert_eq!(text(VitConfig { patch: 0, ..config }), of("patch"));
        assert_eq!(text(VitConfig { classes: 0, ..config }), of("classes"));
        assert_eq!(text(VitConfig { d_model: 0, ..config }), of("d_model"));
        let sizes = VitConfig { image: [1, 28, 30], ..config };
        assert_eq!(text(sizes), "vit: width is 30, must be a multiple of `patch`");
        assert!(text(VitConfig { image: [1, 0, 28], ..config }).contains("height is 0"));
        assert!(text(VitConfig { image: [0, 28, 28], ..config }).contains("0 input"));
        assert!(text(VitConfig { num_heads: 3, ..config }).contains("a multiple of num_heads, 3"));
        assert!(text(VitConfig { dim_feedforward: 0, ..config }).contains("dim_feedforward is 0"));
        assert!(text(VitConfig { dropout: -0.5, ..config }).contains("is -0.5"));
        // Another size of image: other places.
        let refused = vit::<f64>(&config).unwrap().output_shape(&[1, 1, 35, 28]).unwrap_err();
        let want = "LearnedPositionalEncoding: input has 20 places, weight has shape [16, 64]";
        assert_eq!(refused.to_string(), want);
    }
}
