//! Layers over sequences: attention, positions, transformers, recurrent layers.

use super::{LayerRow, row};
use crate::registry::About;
use tricks_net::layers::{
    AttentionConfig, AttentionMask, ChannelsLast, FeedForwardActivation, Gru,
    LearnedPositionalEncoding, Lstm, MultiheadAttention, Parallel, Reversed, Rnn,
    RotaryPositionalEncoding, SequenceMean, SinusoidalPositionalEncoding, TransformerConfig,
    TransformerDecoderLayer, TransformerEncoderLayer, scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
};
use tricks_tensor::ndarray::{
    Array2, Array4, ArrayD, ArrayView4, ArrayViewD, ArrayViewMutD, Ix4, IxDyn, ShapeError,
};
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result};

/// Few sequences of many features.
fn sequences(rows: usize, n: usize) -> Vec<usize> {
    vec![2, rows / 50 + 3, n]
}

/// A number of heads that divides the features.
fn heads(n: usize) -> usize {
    (2..=n).find(|heads| n.is_multiple_of(*heads)).unwrap_or(1)
}

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!(
            "scaled_dot_product_attention",
            "crates/tricks-net/src/layers/attention/scaled_dot_product.rs",
            "y = softmax(q kᵀ / √d) v",
            |_| OfItself,
            |rows, n| vec![2, 3, rows / 50 + 3, n]
        ),
        row!(
            "MultiheadAttention",
            "crates/tricks-net/src/layers/attention/multihead.rs",
            "y = [softmax(qᵢ kᵢᵀ / √d) vᵢ of each head i] Woᵀ + bo",
            |n| {
                let (num_heads, dropout) = (heads(n), 0.3);
                let config =
                    AttentionConfig { num_heads, causal: true, dropout, ..Default::default() };
                MultiheadAttention::new(n, config).expect("valid")
            },
            sequences
        ),
        row!(
            "ChannelsLast",
            "crates/tricks-net/src/layers/channels_last.rs",
            "y = x as [samples, places, channels]",
            |_| ChannelsLast,
            |rows, n| vec![2, n, 2, rows / 50 + 3]
        ),
        row!(
            "SequenceMean",
            "crates/tricks-net/src/layers/sequence_mean.rs",
            "y = 1/T Σ_t x[t]",
            |_| SequenceMean,
            sequences
        ),
        row!(
            "SinusoidalPositionalEncoding",
            "crates/tricks-net/src/layers/positions/sinusoidal.rs",
            "y = x + (sin, cos)(t / b^(2i/d))",
            |_| SinusoidalPositionalEncoding::default(),
            sequences
        ),
        row!(
            "LearnedPositionalEncoding",
            "crates/tricks-net/src/layers/positions/learned.rs",
            "y = x + W[t]",
            |n| LearnedPositionalEncoding::new(20, n).expect("valid"),
            sequences
        ),
        row!(
            "RotaryPositionalEncoding",
            "crates/tricks-net/src/layers/positions/rotary.rs",
            "y = x with its pairs of features turned by t b^(−2i/d)",
            |_| RotaryPositionalEncoding::default(),
            |rows, n| sequences(rows, 2 * n)
        ),
        row!(
            "TransformerEncoderLayer",
            "crates/tricks-net/src/layers/transformer/encoder.rs",
            "y = norm(u + f(u)), u = norm(x + attention(x)); or with the norms first",
            |n| TransformerEncoderLayer::new(n, block(n)).expect("valid"),
            sequences
        ),
        row!(
            "TransformerDecoderLayer",
            "crates/tricks-net/src/layers/transformer/decoder.rs",
            "y = norm(v + f(v)), v = norm(u + attention(u, m)), u = norm(x + attention(x)); or with the norms first",
            |n| OfItsInput {
                decoder: TransformerDecoderLayer::new(
                    n,
                    TransformerConfig { norm_first: true, ..block(n) }
                )
                .expect("valid")
            },
            sequences
        ),
        row!(
            "Rnn",
            "crates/tricks-net/src/layers/recurrent/rnn.rs",
            "hₜ = tanh(W_ih xₜ + b_ih + W_hh hₜ₋₁ + b_hh)",
            |n| Rnn::new(n, n / 2 + 1).expect("valid"),
            sequences
        ),
        row!(
            "Lstm",
            "crates/tricks-net/src/layers/recurrent/lstm.rs",
            "cₜ = f cₜ₋₁ + i g, hₜ = o tanh cₜ",
            |n| Lstm::new(n, n / 2 + 1).expect("valid"),
            sequences
        ),
        row!(
            "Gru",
            "crates/tricks-net/src/layers/recurrent/gru.rs",
            "hₜ = (1 − z) n + z hₜ₋₁",
            |n| Gru::new(n, n / 2 + 1).expect("valid"),
            sequences
        ),
        row!(
            "Reversed",
            "crates/tricks-net/src/layers/reversed.rs",
            "y = f from the end of the sequence to its start",
            |n| {
                let backwards = Reversed::new(Gru::new(n, 2).expect("valid"));
                Parallel::concat(2).push(Rnn::new(n, 2).expect("valid")).push(backwards)
            },
            sequences
        ),
    ]
}

fn block(n: usize) -> TransformerConfig {
    TransformerConfig {
        num_heads: heads(n),
        dim_feedforward: 6,
        dropout: 0.3,
        activation: FeedForwardActivation::GELU,
        causal: true,
        ..TransformerConfig::default()
    }
}

/// A decoder block as a layer: its input is its memory too.
struct OfItsInput<F> {
    decoder: TransformerDecoderLayer<F>,
}

impl<F: Float> Parameters<F> for OfItsInput<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.decoder.visit(at, f);
    }
}

impl<F: Float> Layer<F> for OfItsInput<F> {
    fn name(&self) -> &'static str {
        "TransformerDecoderLayer"
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.decoder.forward([x.view(), x.view()], Default::default(), y, mode)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        let mut dmemory = ArrayD::zeros(x.raw_dim());
        let Some(mut dx) = dx else {
            return self.decoder.backward([x.view(), x.view()], y, dy, [None, None], mode);
        };
        let outputs = [Some(dx.view_mut()), Some(dmemory.view_mut())];
        self.decoder.backward([x.view(), x.view()], y, dy, outputs, mode)?;
        dx += &dmemory;
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.decoder.infer([x.view(), x.view()], Default::default(), y)
    }
}

/// The function as a layer: queries, keys and values are the same.
struct OfItself;

fn four(error: ShapeError) -> Error {
    Error::invalid("attention of itself", error)
}

/// The weights and the output.
fn attend<F: Float>(x: ArrayView4<'_, F>) -> Result<[Array4<F>; 2]> {
    let (samples, heads, time, _) = x.dim();
    let mut weights = Array4::zeros((samples, heads, time, time));
    let mut y = Array4::zeros(x.raw_dim());
    let alibi = Array2::from_shape_fn((time, time), |(t, s)| F::of(-0.3 * t.abs_diff(s) as f64));
    let bias = Some(alibi.view().into_dyn());
    let mask = AttentionMask { causal: true, bias, ..AttentionMask::default() };
    scaled_dot_product_attention([x; 3], mask, weights.view_mut(), y.view_mut())?;
    Ok([weights, y])
}

impl<F: Float> Parameters<F> for OfItself {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for OfItself {
    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
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
        require_backward("attention of itself", x.shape(), &x, &y, &dy, dx.as_ref())?;
        let (x, dy) = (
            x.into_dimensionality::<Ix4>().map_err(four)?,
            dy.into_dimensionality::<Ix4>().map_err(four)?,
        );
        let Some(mut dx) = dx else { return Ok(()) };
        let [weights, _] = attend(x)?;
        let mut grads = [0; 3].map(|_| Array4::zeros(x.raw_dim()));
        let [dq, dk, dv] = &mut grads;
        let outputs = [dq.view_mut(), dk.view_mut(), dv.view_mut()];
        scaled_dot_product_attention_backward([x; 3], weights.view(), dy, outputs)?;
        let [dq, dk, dv] = grads;
        dx.assign(&(dq + dk + dv).into_dyn());
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_shape("attention of itself", ("output", y.shape()), ("input", x.shape()))?;
        let [_, of] = attend(x.into_dimensionality::<Ix4>().map_err(four)?)?;
        y.assign(&of.into_dyn());
        Ok(())
    }
}
