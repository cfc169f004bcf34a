//! Blocks of a Transformer: attention, a small network for every place, and the way around both.

mod decoder;
mod encoder;

pub use decoder::TransformerDecoderLayer;
pub use encoder::TransformerEncoderLayer;

use super::{AttentionConfig, Dense, GELU, MultiheadAttention, ReLU, RotaryConfig, Sequential};
use crate::buffer::Buffer;
use ndarray::{ArrayViewD, ArrayViewMutD};
use std::fmt;
use tricks_regularize::{Dropout, LayerNorm, LayerNormConfig};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// Hyper-parameters of [`TransformerEncoderLayer`] and [`TransformerDecoderLayer`]; the default is
/// PyTorch's, with one head.
///
/// | field | default | range |
/// |---|---|---|
/// | `num_heads` | 1 | divides the number of features |
/// | `num_kv_heads` | as `num_heads` | divides it |
/// | `dim_feedforward` | 2048 | at least 1 |
/// | `dropout` | 0.1 | [0, 1] |
/// | `activation` | ReLU | |
/// | `norm_first` | false | |
/// | `causal` | false | |
/// | `layer_norm_eps` | 1e-5 | above 0 |
/// | `bias` | true | |
/// | `rotary` | none | base above 0, an even number of features a head |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TransformerConfig {
    /// Heads of attention.
    pub num_heads: usize,
    /// Heads of keys and values; see [`AttentionConfig::num_kv_heads`].
    pub num_kv_heads: Option<usize>,
    /// Width of the network for every place.
    pub dim_feedforward: usize,
    /// The probability to drop: weights of attention, what each part adds, and the activations.
    pub dropout: f64,
    /// What stands between the two linear maps.
    pub activation: FeedForwardActivation,
    /// Whether normalization stands before each part (pre-norm) or after the sum (post-norm).
    pub norm_first: bool,
    /// Whether a place sees those up to itself only, in attention to its own sequence.
    pub causal: bool,
    /// ε of the normalizations.
    pub layer_norm_eps: f64,
    /// Whether linear maps and normalizations have a bias.
    pub bias: bool,
    /// Rotary positions in attention to the own sequence.
    pub rotary: Option<RotaryConfig>,
}

impl Default for TransformerConfig {
    fn default() -> Self {
        Self {
            num_heads: 1,
            num_kv_heads: None,
            dim_feedforward: 2048,
            dropout: 0.1,
            activation: FeedForwardActivation::ReLU,
            norm_first: false,
            causal: false,
            layer_norm_eps: 1e-5,
            bias: true,
            rotary: None,
        }
    }
}

/// The activation of the network for every place.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedForwardActivation {
    /// [`ReLU`].
    #[default]
    ReLU,
    /// [`GELU::Erf`].
    GELU,
}

impl TransformerConfig {
    fn check(&self, owner: &'static str) -> Result<()> {
        hyper::probability(owner, "dropout", self.dropout)?;
        hyper::positive(owner, "layer_norm_eps", self.layer_norm_eps)?;
        if self.dim_feedforward == 0 {
            return Err(Error::invalid(owner, "dim_feedforward is 0, must be at least 1"));
        }
        Ok(())
    }

    /// Attention to the own sequence, or to another one.
    fn attention<F: Float>(&self, d_model: usize, own: bool) -> Result<MultiheadAttention<F>> {
        let config = AttentionConfig {
            num_heads: self.num_heads,
            num_kv_heads: self.num_kv_heads,
            causal: self.causal && own,
            bias: self.bias,
            dropout: self.dropout,
            rotary: self.rotary.filter(|_| own),
        };
        MultiheadAttention::new(d_model, config)
    }
}

/// `W₂ dropout(f(W₁ x + b₁)) + b₂` for every place.
struct FeedForward<F> {
    layers: Sequential<F>,
}

impl<F> fmt::Debug for FeedForward<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedForward").finish_non_exhaustive()
    }
}

impl<F: Float> FeedForward<F> {
    fn new(d_model: usize, config: &TransformerConfig) -> Result<Self> {
        let dense = |inputs, outputs| match config.bias {
            true => Dense::new(inputs, outputs),
            false => Dense::without_bias(inputs, outputs),
        };
        let layers = Sequential::new().push(dense(d_model, config.dim_feedforward));
        let layers = match config.activation {
            FeedForwardActivation::ReLU => layers.push(ReLU),
            FeedForwardActivation::GELU => layers.push(GELU::Erf),
        };
        let layers = layers.push(Dropout::new(config.dropout)?);
        Ok(Self { layers: layers.push(dense(config.dim_feedforward, d_model)) })
    }

    /// The maps as `linear1` and `linear2`.
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.layers.visit(&Path::ROOT, &mut |place, param| {
            let first = place.path.is("layers.0.weight") || place.path.is("layers.0.bias");
            let map = at.name(if first { "linear1" } else { "linear2" });
            let path = map.name(if place.shape.len() == 2 { "weight" } else { "bias" });
            f(Place { path: &path, ..place }, param);
        });
    }
}

/// A way around a part `g` of the network.
///
/// ```text
/// norm first:  y = x + dropout(g(norm(x)))
/// else:        y = norm(x + dropout(g(x)))
/// ```
#[derive(Clone, Debug)]
struct Residual<F> {
    norm: LayerNorm<F>,
    dropout: Dropout,
    norm_first: bool,
    kept: Kept<F>,
}

#[derive(Clone, Debug)]
struct Kept<F> {
    /// What `g` is given, if that is not `x`.
    normed: Buffer<F>,
    /// What `g` gives.
    part: Buffer<F>,
    /// `x + dropout(g(x))`, if that is not `y`.
    sum: Buffer<F>,
    gradients: [Buffer<F>; 2],
}

impl<F: Float> Kept<F> {
    fn new() -> Self {
        let buffer = Buffer::new;
        let gradients = [buffer(), buffer()];
        Self { normed: buffer(), part: buffer(), sum: buffer(), gradients }
    }
}

impl<F: Float> Residual<F> {
    fn new(d_model: usize, config: &TransformerConfig) -> Result<Self> {
        let norm = LayerNormConfig {
            eps: config.layer_norm_eps,
            bias: config.bias,
            ..LayerNormConfig::torch()
        };
        Ok(Self {
            norm: LayerNorm::new(&[d_model], norm)?,
            dropout: Dropout::new(config.dropout)?,
            norm_first: config.norm_first,
            kept: Kept::new(),
        })
    }

    /// `g` is given its input and its output.
    fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
        g: impl FnOnce(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>) -> Result<()>,
    ) -> Result<()> {
        let mut kept = std::mem::replace(&mut self.kept, Kept::new());
        let result = self.run(&mut kept, x, y, mode, g);
        self.kept = kept;
        result
    }

    fn infer(
        &self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        g: impl FnOnce(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>) -> Result<()>,
    ) -> Result<()> {
        self.run(&mut Kept::new(), x, y, Mode::Eval, g)
    }

    fn run(
        &self,
        kept: &mut Kept<F>,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
        g: impl FnOnce(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>) -> Result<()>,
    ) -> Result<()> {
        let Kept { normed, part, sum, .. } = kept;
        let mut dropout = self.dropout;
        part.reshape(x.shape())?;
        if self.norm_first {
            normed.reshape(x.shape())?;
            self.norm.infer(x.view(), normed.view_mut())?;
            g(normed.view(), part.view_mut())?;
            dropout.forward(part.view(), y.view_mut(), mode)?;
            y += &x;
            return Ok(());
        }
        sum.reshape(x.shape())?;
        g(x.view(), part.view_mut())?;
        dropout.forward(part.view(), sum.view_mut(), mode)?;
        let mut whole = sum.view_mut();
        whole += &x;
        self.norm.infer(sum.view(), y)
    }

    /// `g` is given its input, its output, the gradient of that, and the gradient to fill.
    fn backward(
        &mut self,
        [x, y, dy]: [ArrayViewD<'_, F>; 3],
        mut dx: ArrayViewMutD<'_, F>,
        mode: Mode,
        g: impl FnOnce([ArrayViewD<'_, F>; 3], ArrayViewMutD<'_, F>) -> Result<()>,
    ) -> Result<()> {
        let Self { norm, dropout, norm_first, kept } = self;
        let Kept { normed, part, sum, gradients: [first, second] } = kept;
        first.reshape(x.shape())?;
        second.reshape(x.shape())?;
        if *norm_first {
            let of_part = part.view();
            dropout.backward(of_part.view(), y, dy.view(), Some(first.view_mut()), mode)?;
            g([normed.view(), of_part, first.view()], second.view_mut())?;
            norm.backward(x, normed.view(), second.view(), Some(dx.view_mut()), mode)?;
            dx += &dy;
            return Ok(());
        }
        norm.backward(sum.view(), y, dy, Some(first.view_mut()), mode)?;
        let (x_of_dropout, y_of_dropout) = (part.view(), sum.view());
        let through = Some(second.view_mut());
        dropout.backward(x_of_dropout, y_of_dropout, first.view(), through, mode)?;
        g([x.view(), part.view(), second.view()], dx.view_mut())?;
        dx += &first.view();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
