use crate::layers::{
    Dense, Embedding, FeedForwardActivation, LearnedPositionalEncoding, Sequential,
    TransformerConfig, TransformerEncoderLayer,
};
use tricks_regularize::{Dropout, LayerNorm, LayerNormConfig};
use tricks_tensor::{Float, Result, hyper};

/// The sizes of a [`gpt`].
///
/// | field | default | range |
/// |---|---|---|
/// | `vocabulary` | 256, bytes | at least 1 |
/// | `max_len` | 128 | at least 1 |
/// | `d_model` | 128 | at least 1 |
/// | `num_layers` | 4 | |
/// | `num_heads` | 4 | divides `d_model` |
/// | `dim_feedforward` | 512 | at least 1 |
/// | `dropout` | 0.1 | [0, 1] |
/// | `activation` | GELU | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GptConfig {
    /// How many tokens there are.
    pub vocabulary: usize,
    /// Places of the longest sequence.
    pub max_len: usize,
    /// Features of a place.
    pub d_model: usize,
    /// Blocks.
    pub num_layers: usize,
    /// Heads of attention in each block.
    pub num_heads: usize,
    /// Width of the network for every place.
    pub dim_feedforward: usize,
    /// The probability to drop: features of the input, and in the blocks what
    /// [`TransformerConfig::dropout`] says.
    pub dropout: f64,
    /// The activation of the network for every place.
    pub activation: FeedForwardActivation,
}

impl Default for GptConfig {
    /// Small enough for a CPU, for texts of bytes.
    fn default() -> Self {
        Self {
            vocabulary: 256,
            max_len: 128,
            d_model: 128,
            num_layers: 4,
            num_heads: 4,
            dim_feedforward: 512,
            dropout: 0.1,
            activation: FeedForwardActivation::GELU,
        }
    }
}

/// A language model: for every place of a sequence, logits of the token that comes next.
///
/// # Formula
/// ```text
/// tokens → E[token] + P[place] → dropout → block → … → layer norm → dense `vocabulary`
/// block = u + f(norm(u)),  u = x + attention(norm(x))        `num_layers` of them, causal
/// ```
/// The input is `[samples, time]`, whole numbers as numbers of the net's type; the output
/// `[samples, time, vocabulary]`. The loss is
/// [`SoftmaxCrossEntropy::next_token`](crate::losses::SoftmaxCrossEntropy::next_token), the samples
/// are [`Tokens`](crate::data::Tokens).
///
/// | layers | path |
/// |---|---|
/// | E, P | `layers.0`, `layers.1` |
/// | blocks ([`TransformerEncoderLayer`]) | `layers.3`, `layers.4`, … |
/// | the last two | `layers.{num_layers + 3}`, `layers.{num_layers + 4}` |
///
/// # Notes
/// * The paper's model uses the transpose of E as its last layer. Here that layer is its own, with
///   a bias: each layer owns its parameters.
/// * The paper draws all weights with the deviation 0.02, those of the second layers of the blocks
///   with 1/√(2 · `num_layers`) of it.
///
/// # Source
/// Radford, Wu, Child, Luan, Amodei, Sutskever: *Language models are unsupervised multitask
/// learners*, 2019, section 2.3.
///
/// # Errors
/// A hyper-parameter out of its range.
///
/// ```
/// use tricks_init::{Layout, VarianceScaling, initialize};
/// use tricks_net::data::{Batching, Tokens};
/// use tricks_net::losses::SoftmaxCrossEntropy;
/// use tricks_net::models::{GptConfig, gpt};
/// use tricks_net::train::{Plan, Run};
/// use tricks_net::Net;
/// use tricks_optim::{Adam, Optimizer};
/// use tricks_tensor::{Noise, ndarray::arr2};
///
/// // Which number comes next: 0, 2, 4, 1, 3, 0, …
/// let data = Tokens::new((0..60).map(|i| 2 * i % 5).collect(), 6, 3)?;
/// let config = GptConfig {
///     vocabulary: 5, max_len: 6, d_model: 16, num_layers: 1, num_heads: 2, dim_feedforward: 32,
///     dropout: 0.0, ..GptConfig::default()
/// };
/// let mut net = Net::new(gpt::<f32>(&config)?);
/// initialize(&mut net, Layout::OutIn, &VarianceScaling::xavier_normal(), Noise::new(1))?;
/// let adam = Optimizer::builder(Adam::torch()).bind(&mut net)?;
/// let mut run = Run::new(net, adam, 0.02, SoftmaxCrossEntropy::next_token(), 42);
/// run.fit(&Plan::new(60, Batching::of(6)), &data, None, &mut [])?;
/// let loss = run.evaluate(&data, 6)?.loss;
/// assert!(loss < 0.1, "{loss}");
///
/// let logits = run.net.predict(&arr2(&[[3.0, 0.0, 2.0]]))?;
/// assert_eq!(logits.shape(), [1, 3, 5]);
/// let next = (0..5).max_by(|&a, &b| logits[[0, 2, a]].total_cmp(&logits[[0, 2, b]]));
/// assert_eq!(next, Some(4));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn gpt<F: Float>(config: &GptConfig) -> Result<Sequential<F>> {
    let &GptConfig { vocabulary, max_len, d_model, num_layers, num_heads, .. } = config;
    for (field, count) in [("vocabulary", vocabulary), ("d_model", d_model)] {
        hyper::require("gpt", field, count as f64, count > 0, "at least 1")?;
    }
    let block = TransformerConfig {
        num_heads,
        dim_feedforward: config.dim_feedforward,
        dropout: config.dropout,
        activation: config.activation,
        norm_first: true,
        causal: true,
        ..TransformerConfig::default()
    };
    let mut net = Sequential::new()
        .push(Embedding::new(vocabulary, d_model))
        .push(LearnedPositionalEncoding::new(max_len, d_model)?)
        .push(Dropout::new(config.dropout)?);
    for _ in 0..num_layers {
        net = net.push(TransformerEncoderLayer::new(d_model, block)?);
    }
    let norm = LayerNorm::new(&[d_model], LayerNormConfig::torch())?;
    Ok(net.push(norm).push(Dense::new(d_model, vocabulary)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::{Layer as _, Parameters as _, Path};

    #[test]
    fn parameters_and_paths() {
        let config = GptConfig { num_layers: 2, ..GptConfig::default() };
        let mut net = gpt::<f32>(&config).unwrap();
        let (mut count, mut layers) = (0, Vec::new());
        net.visit(&Path::ROOT, &mut |place, _| {
            count += place.len();
            let path = place.path.to_string();
            layers.push(path.split('.').nth(1).unwrap().parse::<usize>().unwrap());
        });
        layers.dedup();
        assert_eq!(layers, [0, 1, 3, 4, 5, 6]);
        // A block: 12 d² in its maps, 9 d in their biases, 4 d in its norms.
        let (d, vocabulary) = (128, 256);
        let block = 12 * d * d + 13 * d;
        assert_eq!(count, vocabulary * d + 128 * d + 2 * block + 2 * d + (d + 1) * vocabulary);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let config = GptConfig::default();
        let text = |config| gpt::<f64>(&config).unwrap_err().to_string();
        let of = |name: &str| format!("gpt: {name} is 0, must be at least 1");
        assert_eq!(text(GptConfig { vocabulary: 0, ..config }), of("vocabulary"));
        assert_eq!(text(GptConfig { d_model: 0, ..config }), of("d_model"));
        assert!(text(GptConfig { max_len: 0, ..config }).contains("max_len is 0"));
        assert!(text(GptConfig { num_heads: 3, ..config }).contains("a multiple of num_heads, 3"));
        assert!(text(GptConfig { dim_feedforward: 0, ..config }).contains("dim_feedforward is 0"));
        let dropout = "Dropout: p is 1.5, must be in [0, 1]";
        assert_eq!(text(GptConfig { dropout: 1.5, ..config }), dropout);
        let net = gpt::<f64>(&config).unwrap();
        let refused = net.output_shape(&[1, 129]).unwrap_err().to_string();
        let want = "LearnedPositionalEncoding: input has 129 places, weight has shape [128, 128]";
        assert_eq!(refused, want);
    }
}
