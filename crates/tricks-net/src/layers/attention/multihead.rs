use super::AttentionMask;
use super::scaled_dot_product::{check_padding, fill_weights, mix, through_softmax, unmix};
use crate::buffer::Buffer;
use crate::layers::projection::{Projection, flat, matrix, matrix_mut, sequences};
use ndarray::{ArrayView2, ArrayView4, ArrayViewD, ArrayViewMut4, ArrayViewMutD, IxDyn};
use std::ops::Range;
use tricks_regularize::Dropout;
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
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
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self { num_heads: 1, num_kv_heads: None, causal: false, bias: true, dropout: 0.0 }
    }
}

/// Attention with several heads: each looks in a subspace of its own.
///
/// # Formula
/// ```text
/// q = x Wqᵀ + bq     k = x Wkᵀ + bk     v = x Wvᵀ + bv         x: [samples, time, features]
/// head i: columns i d to (i + 1) d of q, k, v;  d = features / h
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
/// * A query that sees no key gets `bo`; in PyTorch it gets NaN.
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

const NAME: &str = "MultiheadAttention";

/// Everything but memory.
#[derive(Clone, Debug)]
struct Maps<F> {
    config: AttentionConfig,
    dropout: Dropout,
    features: usize,
    heads: usize,
    key_heads: usize,
    in_proj: Projection<F>,
    out_proj: Projection<F>,
}

/// What a forward pass leaves for the backward pass, and room for that.
#[derive(Clone, Debug)]
struct Kept<F> {
    /// q, k, v, each `[samples, time, its heads · d]`.
    projected: [Buffer<F>; 3],
    weights: Buffer<F>,
    /// After dropout; in the backward pass, the gradient of `weights`.
    dropped: Buffer<F>,
    /// The heads side by side.
    heads: Buffer<F>,
    dprojected: [Buffer<F>; 3],
    dweights: Buffer<F>,
    dheads: Buffer<F>,
}

impl<F: Float> Kept<F> {
    fn new() -> Self {
        let three = || [Buffer::new(), Buffer::new(), Buffer::new()];
        Self {
            projected: three(),
            weights: Buffer::new(),
            dropped: Buffer::new(),
            heads: Buffer::new(),
            dprojected: three(),
            dweights: Buffer::new(),
            dheads: Buffer::new(),
        }
    }
}

/// Samples, queries and keys.
#[derive(Clone, Copy)]
struct Sizes {
    samples: usize,
    queries: usize,
    keys: usize,
}

impl<F: Float> MultiheadAttention<F> {
    /// Attention over `embed_dim` features; parameters are zero.
    ///
    /// # Errors
    /// `num_heads` that does not divide `embed_dim`, `num_kv_heads` that does not divide
    /// `num_heads`, any of them 0; a `dropout` outside [0, 1].
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
        let width = embed_dim + 2 * key_heads * (embed_dim / heads);
        let maps = Maps {
            config,
            dropout,
            features: embed_dim,
            heads,
            key_heads,
            in_proj: Projection::new(embed_dim, width, config.bias),
            out_proj: Projection::new(embed_dim, embed_dim, config.bias),
        };
        Ok(Self { maps, kept: Kept::new() })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> AttentionConfig {
        self.maps.config
    }

    /// `softmax(q kᵀ / √d)` of the last forward pass, `[samples, h, queries, keys]`.
    pub fn weights(&self) -> ArrayViewD<'_, F> {
        self.kept.weights.view()
    }

    /// `forward` with places that are only there to fill a batch: `padding` is `[samples, time]`,
    /// true where no place shall look. `backward` is that of the layer.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn forward_masked(
        &mut self,
        x: ArrayViewD<'_, F>,
        padding: Option<ArrayView2<'_, bool>>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.attend([&x; 3].map(|x| x.view()), padding, y, mode)
    }

    /// Cross attention: queries, keys and values from three inputs, `[samples, queries, features]`
    /// and twice `[samples, keys, features]`. `padding` is `[samples, keys]`, true where no query
    /// shall look.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn attend(
        &mut self,
        inputs: [ArrayViewD<'_, F>; 3],
        padding: Option<ArrayView2<'_, bool>>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.maps.run(&mut self.kept, inputs, padding, y, mode)
    }

    /// [`attend`](Self::attend) in evaluation, through a shared reference.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn infer_attend(
        &self,
        inputs: [ArrayViewD<'_, F>; 3],
        padding: Option<ArrayView2<'_, bool>>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.maps.run(&mut Kept::new(), inputs, padding, y, Mode::Eval)
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

impl<F: Float> Maps<F> {
    /// The rows of `in_proj_weight` of q, k or v.
    fn rows(&self, i: usize) -> Range<usize> {
        let width = self.width() * self.key_heads;
        match i {
            0 => 0..self.features,
            1 => self.features..self.features + width,
            _ => self.features + width..self.features + 2 * width,
        }
    }

    /// Features of a head.
    fn width(&self) -> usize {
        self.features / self.heads
    }

    fn drops(&self, mode: Mode) -> bool {
        mode.is_train() && self.dropout.p() > 0.0
    }

    fn sizes(&self, inputs: &[ArrayViewD<'_, F>; 3]) -> Result<Sizes> {
        let [query, key, value] = inputs;
        let [samples, queries] = sequences(NAME, "input", query.shape(), self.features)?;
        let [_, keys] = sequences(NAME, "key", key.shape(), self.features)?;
        let expected = [samples, keys, self.features];
        require_shape(NAME, ("key", key.shape()), ("expected", &expected))?;
        require_shape(NAME, ("value", value.shape()), ("key", key.shape()))?;
        Ok(Sizes { samples, queries, keys })
    }

    /// q, k or v as `[samples, time, heads, d]`.
    fn shape_of(&self, i: usize, Sizes { samples, queries, keys }: Sizes) -> [usize; 4] {
        match i {
            0 => [samples, queries, self.heads, self.width()],
            _ => [samples, keys, self.key_heads, self.width()],
        }
    }

    fn run(
        &self,
        kept: &mut Kept<F>,
        inputs: [ArrayViewD<'_, F>; 3],
        padding: Option<ArrayView2<'_, bool>>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        let sizes = self.sizes(&inputs)?;
        let Sizes { samples, queries, keys } = sizes;
        check_padding(NAME, padding, samples, keys)?;
        require_shape(NAME, ("output", y.shape()), ("expected", inputs[0].shape()))?;
        for (i, x) in inputs.iter().enumerate() {
            let (x, rows) = (x.as_standard_layout(), self.rows(i));
            let projected = &mut kept.projected[i];
            projected.reshape(&[samples, x.shape()[1], rows.len()]);
            let projected = matrix_mut(projected.slice_mut(), rows.len());
            self.in_proj.forward(rows, matrix(numbers(&x), self.features), projected);
        }
        let [q, k, v] = [0, 1, 2].map(|i| view(flat(&kept.projected[i]), self.shape_of(i, sizes)));
        let of_weights = [samples, self.heads, queries, keys];
        kept.weights.reshape(&of_weights);
        let mask = AttentionMask { causal: self.config.causal, padding };
        fill_weights([q, k], mask, four_mut(kept.weights.slice_mut(), of_weights));
        let weights = if self.drops(mode) {
            kept.dropped.reshape(&of_weights);
            let mut dropout = self.dropout;
            dropout.forward(kept.weights.view(), kept.dropped.view_mut(), mode)?;
            &kept.dropped
        } else {
            &kept.weights
        };
        kept.heads.reshape(inputs[0].shape());
        let heads = view_mut(kept.heads.slice_mut(), self.shape_of(0, sizes));
        mix(four(flat(weights), of_weights), v, heads);
        with_numbers(y, |y| {
            let (heads, y) = (flat(&kept.heads), matrix_mut(y, self.features));
            self.out_proj.forward(0..self.features, matrix(heads, self.features), y);
        });
        Ok(())
    }

    fn backward(
        &mut self,
        kept: &mut Kept<F>,
        inputs: [ArrayViewD<'_, F>; 3],
        dy: ArrayViewD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        let sizes = self.sizes(&inputs)?;
        require_shape(NAME, ("output gradient", dy.shape()), ("output", inputs[0].shape()))?;
        let of_weights = [sizes.samples, self.heads, sizes.queries, sizes.keys];
        let last = ("weights of the last forward pass", kept.weights.shape());
        require_shape(NAME, last, ("expected", &of_weights))?;

        let dy = dy.as_standard_layout();
        let dy = matrix(numbers(&dy), self.features);
        kept.dheads.reshape(inputs[0].shape());
        let dheads = matrix_mut(kept.dheads.slice_mut(), self.features);
        self.out_proj.input_gradient(0..self.features, dy, false, dheads);
        self.out_proj.gradients(0..self.features, matrix(flat(&kept.heads), self.features), dy);

        kept.dweights.reshape(&of_weights);
        for (d, of) in kept.dprojected.iter_mut().zip(&kept.projected) {
            d.reshape(of.shape());
        }
        let shapes = [0, 1, 2].map(|i| self.shape_of(i, sizes));
        let [q, k, v] = [0, 1, 2].map(|i| view(flat(&kept.projected[i]), shapes[i]));
        let [dq, dk, dv] = &mut kept.dprojected;
        let drops = self.drops(mode);
        let weights = four(flat(if drops { &kept.dropped } else { &kept.weights }), of_weights);
        let dheads = view(flat(&kept.dheads), shapes[0]);
        let dweights = four_mut(kept.dweights.slice_mut(), of_weights);
        unmix([weights, v, dheads], dweights, view_mut(dv.slice_mut(), shapes[2]));
        let mut dlogits = &mut kept.dweights;
        if drops {
            // The mask is that of the noise: what was dropped is not needed any more.
            let (x, dy, dx) = (&kept.weights, dlogits.view(), kept.dropped.view_mut());
            self.dropout.backward(x.view(), x.view(), dy, Some(dx), mode)?;
            dlogits = &mut kept.dropped;
        }
        let weights = four(flat(&kept.weights), of_weights);
        let dlogits = four_mut(dlogits.slice_mut(), of_weights);
        let outputs = [view_mut(dq.slice_mut(), shapes[0]), view_mut(dk.slice_mut(), shapes[1])];
        through_softmax([q, k, weights], dlogits, outputs);

        for (i, x) in inputs.iter().enumerate() {
            let (x, rows) = (x.as_standard_layout(), self.rows(i));
            let dprojected = matrix(flat(&kept.dprojected[i]), rows.len());
            self.in_proj.gradients(rows, matrix(numbers(&x), self.features), dprojected);
        }
        Ok(())
    }
}

/// `[samples, time, heads, d]` as `[samples, heads, time, d]`.
fn view<F>(x: &[F], shape: [usize; 4]) -> ArrayView4<'_, F> {
    four(x, shape).permuted_axes([0, 2, 1, 3])
}

fn view_mut<F>(x: &mut [F], shape: [usize; 4]) -> ArrayViewMut4<'_, F> {
    four_mut(x, shape).permuted_axes([0, 2, 1, 3])
}

fn four<F>(x: &[F], shape: [usize; 4]) -> ArrayView4<'_, F> {
    ArrayView4::from_shape(shape, x).expect("of this size")
}

fn four_mut<F>(x: &mut [F], shape: [usize; 4]) -> ArrayViewMut4<'_, F> {
    ArrayViewMut4::from_shape(shape, x).expect("of this size")
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
        self.forward_masked(x, None, y, mode)
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
        self.infer_attend([&x; 3].map(|x| x.view()), None, y)
    }
}
