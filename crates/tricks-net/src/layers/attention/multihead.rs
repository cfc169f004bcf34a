use super::{AttentionMask, Kept, Maps, NAME};
use crate::layers::positions::RotaryConfig;
use crate::layers::projection::{Projection, flat, matrix, matrix_mut, sequences};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_regularize::Dropout;
use tricks_tensor::views::{require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// Hyper-parameters of [`MultiheadAttention`]; the default is PyTorch's, with one head.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `num_heads` | h | 1 | divides the number of features |
/// | `num_kv_heads` | g | h | divides h |
/// | `causal` | | false | |
/// | `bias` | | true | |
/// | `dropout` | p | 0 | [0, 1] |
/// | `rotary` | | none | base above 0, d even |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionConfig {
    /// Into how many heads the features are cut.
    pub num_heads: usize,
    /// Heads of keys and values, each for `num_heads / num_kv_heads` heads of queries; none: as
    /// many as `num_heads`.
    pub num_kv_heads: Option<usize>,
    /// Whether a place sees those up to itself only.
    pub causal: bool,
    /// Whether the four linear maps have a bias.
    pub bias: bool,
    /// The probability to drop a weight in training.
    pub dropout: f64,
    /// Whether queries and keys are turned by their places:
    /// [`RotaryPositionalEncoding`](crate::layers::RotaryPositionalEncoding) of each head.
    pub rotary: Option<RotaryConfig>,
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            num_heads: 1,
            num_kv_heads: None,
            causal: false,
            bias: true,
            dropout: 0.0,
            rotary: None,
        }
    }
}

/// Attention with several heads: each looks in a subspace of its own.
///
/// # Formula
/// ```text
/// q = x Wqᵀ + bq     k = x Wkᵀ + bk     v = x Wvᵀ + bv         x: [samples, time, features]
/// head i: columns i d to (i + 1) d of q, k, v;  d = features / h
/// qᵢ, kᵢ turned by their places, if `rotary` is set
/// yᵢ = dropout(softmax(qᵢ kᵢᵀ / √d)) vᵢ                        over the places that are seen
/// y  = [y₁, …, y_h] Woᵀ + bo
/// ```
/// `backward` is the chain rule through these lines, with the weights that `forward` kept. As a
/// [`Layer`], queries, keys and values come from the same `x`; [`MultiheadAttention::attend`] takes
/// three inputs. Hyper-parameters: [`AttentionConfig`].
///
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | Wq, Wk, Wv | `in_proj_weight` | `[features + 2 g d, features]` | `Weight` |
/// | bq, bk, bv | `in_proj_bias` | `[features + 2 g d]` | `Bias` |
/// | Wo | `out_proj.weight` | `[features, features]` | `Weight` |
/// | bo | `out_proj.bias` | `[features]` | `Bias` |
///
/// Parameters start at zero: give them values with `tricks_init`.
///
/// # Memory
/// The weights of all heads, `samples · h · queries · keys` numbers, and as many for their
/// gradient; with dropout, once more. `q`, `k`, `v`, the heads, and their gradients.
///
/// # Notes
/// * Rows of `in_proj_weight` are those of q, then k, then v; names and layout are PyTorch's
///   `MultiheadAttention` with `batch_first`. Fewer key heads than heads are not in PyTorch's.
/// * A query that sees no key gets `bo`, never NaN. Masks beside `causal`: [`AttentionMask`].
/// * Keras cuts the heads in separate axes of its weights.
///
/// # Source
/// Vaswani and others: *Attention is all you need*, 2017, section 3.2.2; key heads: Ainslie and
/// others: *GQA: training generalized multi-query transformer models from multi-head checkpoints*,
/// 2023.
///
/// ```
/// use tricks_net::layers::{AttentionConfig, MultiheadAttention};
/// use tricks_tensor::{Layer, Parameters, Path, ndarray::{Array3, ArrayD}};
/// let config = AttentionConfig { num_heads: 2, causal: true, ..AttentionConfig::default() };
/// let mut attention = MultiheadAttention::new(2, config)?;
/// // All maps are the identity.
/// attention.visit(&Path::ROOT, &mut |place, param| {
///     if place.shape.len() == 2 {
///         param.value.chunks_mut(2).enumerate().for_each(|(i, row)| row[i % 2] = 1.0);
///     }
/// });
/// let x = Array3::from_shape_vec((1, 2, 2), vec![0.0, 1.0, 0.0, 3.0]).unwrap().into_dyn();
/// let mut y = ArrayD::<f64>::zeros(x.raw_dim());
/// attention.infer(x.view(), y.view_mut())?;
/// // The first place sees itself; the second both, with logits 3·1 and 3·3.
/// let (low, high) = (3f64.exp(), 9f64.exp());
/// assert_eq!(y[[0, 0, 1]], 1.0);
/// assert!((y[[0, 1, 1]] - (low + 3.0 * high) / (low + high)).abs() < 1e-12);
///
/// let refused = MultiheadAttention::<f64>::new(6, AttentionConfig { num_heads: 4, ..config });
/// let message = "MultiheadAttention: embed_dim is 6, must be a multiple of num_heads, 4";
/// assert_eq!(refused.unwrap_err().to_string(), message);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultiheadAttention<F> {
    maps: Maps<F>,
    kept: Kept<F>,
}

impl<F: Float> MultiheadAttention<F> {
    /// Attention over `embed_dim` features; parameters are zero.
    ///
    /// # Errors
    /// `num_heads` that does not divide `embed_dim`, `num_kv_heads` that does not divide
    /// `num_heads`, any of them 0; a `dropout` outside [0, 1]; an odd number of features in a
    /// rotary head.
    pub fn new(embed_dim: usize, config: AttentionConfig) -> Result<Self> {
        let heads = config.num_heads;
        let key_heads = config.num_kv_heads.unwrap_or(heads);
        let names = ["embed_dim", "num_heads", "num_kv_heads"];
        let counts = [embed_dim, heads, key_heads];
        if let Some(zero) = counts.iter().position(|count| *count == 0) {
            return Err(Error::invalid(NAME, format!("{} is 0, must be at least 1", names[zero])));
        }
        for i in 0..2 {
            if !counts[i].is_multiple_of(counts[i + 1]) {
                let ([name, other], [count, divisor]) =
                    ([names[i], names[i + 1]], [counts[i], counts[i + 1]]);
                let message =
                    format!("{name} is {count}, must be a multiple of {other}, {divisor}");
                return Err(Error::invalid(NAME, message));
            }
        }
        hyper::probability(NAME, "dropout", config.dropout)?;
        let dropout = Dropout::new(config.dropout)?;
        let width = embed_dim / heads;
        if let Some(RotaryConfig { base, .. }) = config.rotary {
            hyper::positive(NAME, "base", base)?;
            if !width.is_multiple_of(2) {
                let message = format!("rotary heads have {width} features, must be even");
                return Err(Error::invalid(NAME, message));
            }
        }
        let maps = Maps {
            config,
            dropout,
            features: embed_dim,
            heads,
            key_heads,
            in_proj: Projection::new(embed_dim, embed_dim + 2 * key_heads * width, config.bias),
            out_proj: Projection::new(embed_dim, embed_dim, config.bias),
        };
        Ok(Self { maps, kept: Kept::new(&config) })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> AttentionConfig {
        self.maps.config
    }

    /// `softmax(q kᵀ / √d)` of the last forward pass, `[samples, h, queries, keys]`.
    pub fn weights(&self) -> ArrayViewD<'_, F> {
        self.kept.weights.view()
    }

    /// `forward` with a mask: places that are only there to fill a batch, or a bias of the logits.
    /// It adds to what the hyper-parameters say. `backward` is that of the layer.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn forward_masked(
        &mut self,
        x: ArrayViewD<'_, F>,
        mask: AttentionMask<'_, F>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.attend([&x; 3].map(|x| x.view()), mask, y, mode)
    }

    /// Cross attention: queries, keys and values from three inputs, `[samples, queries, features]`
    /// and twice `[samples, keys, features]`.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn attend(
        &mut self,
        inputs: [ArrayViewD<'_, F>; 3],
        mask: AttentionMask<'_, F>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.maps.run(&mut self.kept, inputs, mask, y, mode)
    }

    /// [`attend`](Self::attend) in evaluation, through a shared reference.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn infer_attend(
        &self,
        inputs: [ArrayViewD<'_, F>; 3],
        mask: AttentionMask<'_, F>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.maps.run(&mut Kept::new(&self.maps.config), inputs, mask, y, Mode::Eval)
    }

    /// The backward pass of [`attend`](Self::attend), with the same `inputs` and `mode`: sets the
    /// gradients of the parameters, and those of the three inputs if they are asked for.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn attend_backward(
        &mut self,
        inputs: [ArrayViewD<'_, F>; 3],
        dy: ArrayViewD<'_, F>,
        dinputs: Option<[ArrayViewMutD<'_, F>; 3]>,
        mode: Mode,
    ) -> Result<()> {
        if let Some(dinputs) = &dinputs {
            for (dx, x) in dinputs.iter().zip(&inputs) {
                require_shape(NAME, ("input gradient", dx.shape()), ("input", x.shape()))?;
            }
        }
        self.parameter_gradients(inputs, dy, mode)?;
        for (i, dx) in dinputs.into_iter().flatten().enumerate() {
            with_numbers(dx, |dx| self.input_gradient(i, false, dx));
        }
        Ok(())
    }

    /// The backward pass down to `q`, `k` and `v`.
    pub(in crate::layers) fn parameter_gradients(
        &mut self,
        inputs: [ArrayViewD<'_, F>; 3],
        dy: ArrayViewD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.maps.backward(&mut self.kept, inputs, dy, mode)
    }

    /// The gradient of input `i`, after [`parameter_gradients`](Self::parameter_gradients); added
    /// to what is there if `add` says so.
    pub(in crate::layers) fn input_gradient(&self, i: usize, add: bool, dx: &mut [F]) {
        let Maps { in_proj, features, .. } = &self.maps;
        let (rows, dx) = (self.maps.rows(i), matrix_mut(dx, *features));
        let dy = matrix(flat(&self.kept.dprojected[i]), rows.len());
        in_proj.input_gradient(rows, dy, add, dx);
    }
}

impl<F: Float> Parameters<F> for MultiheadAttention<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let Maps { in_proj, out_proj, .. } = &mut self.maps;
        in_proj.visit([at.name("in_proj_weight"), at.name("in_proj_bias")], f);
        let at = at.name("out_proj");
        out_proj.visit([at.name("weight"), at.name("bias")], f);
    }
}

impl<F: Float> Layer<F> for MultiheadAttention<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        sequences(NAME, "input", x, self.maps.features)?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.forward_masked(x, AttentionMask::default(), y, mode)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        self.parameter_gradients([&x; 3].map(|x| x.view()), dy, mode)?;
        if let Some(dx) = dx {
            with_numbers(dx, |dx| (0..3).for_each(|i| self.input_gradient(i, i > 0, dx)));
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.infer_attend([&x; 3].map(|x| x.view()), AttentionMask::default(), y)
    }
}
