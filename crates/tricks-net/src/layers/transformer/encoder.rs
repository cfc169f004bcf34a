use super::{FeedForward, Residual, TransformerConfig};
use crate::buffer::Buffer;
use crate::layers::{AttentionMask, MultiheadAttention};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray};

/// A block of a Transformer's encoder: places look at each other, then each thinks by itself.
///
/// # Formula
/// ```text
/// a(x) = MultiheadAttention(x)          f(x) = W₂ dropout(φ(W₁ x + b₁)) + b₂
///
/// post-norm:  u = norm₁(x + dropout(a(x)))      y = norm₂(u + dropout(f(u)))
/// pre-norm:   u = x + dropout(a(norm₁(x)))      y = u + dropout(f(norm₂(u)))
/// ```
/// `backward` is the chain rule through these lines. Hyper-parameters: [`TransformerConfig`].
///
/// | parameters | path |
/// |---|---|
/// | of [`MultiheadAttention`] | `self_attn.in_proj_weight`, … |
/// | W₁, b₁, W₂, b₂ | `linear1.weight`, `linear1.bias`, `linear2.weight`, `linear2.bias` |
/// | of the normalizations | `norm1.weight`, `norm1.bias`, `norm2.weight`, `norm2.bias` |
///
/// Linear maps start at zero: give them values with `tricks_init`.
///
/// # Memory
/// That of attention, and about 10 arrays of the input's size and 5 of `dim_feedforward` features.
///
/// # Notes
/// * The order and the places of dropout are those of PyTorch's `TransformerEncoderLayer` with
///   `batch_first`.
/// * A causal encoder layer is what is called a decoder-only block: a language model's.
/// * Pre-norm trains without a warmup of the learning rate; a normalization is then due after the
///   last block.
///
/// # Source
/// Vaswani and others: *Attention is all you need*, 2017, section 3.1 (post-norm); Xiong and
/// others: *On layer normalization in the Transformer architecture*, 2020 (pre-norm).
///
/// ```
/// use tricks_net::layers::{TransformerConfig, TransformerEncoderLayer};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr3}};
/// let config = TransformerConfig { dim_feedforward: 8, ..TransformerConfig::default() };
/// let block = TransformerEncoderLayer::<f64>::new(2, config)?;
/// // All maps are zero: x is normalized twice.
/// let (x, mut y) = (arr3(&[[[1.0, 5.0], [7.0, -1.0]]]).into_dyn(), ArrayD::zeros(vec![1, 2, 2]));
/// block.infer(x.view(), y.view_mut())?;
/// assert!(y.iter().zip([-1.0, 1.0, 1.0, -1.0]).all(|(y, want)| (y - want).abs() < 1e-4));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct TransformerEncoderLayer<F> {
    config: TransformerConfig,
    attention: MultiheadAttention<F>,
    feed_forward: FeedForward<F>,
    around: [Residual<F>; 2],
    /// `u`, and its gradient.
    middle: [Buffer<F>; 2],
    /// For a backward pass that is asked for no `dx`.
    dx: Buffer<F>,
}

const NAME: &str = "TransformerEncoderLayer";

impl<F: Float> TransformerEncoderLayer<F> {
    /// A block over `d_model` features.
    ///
    /// # Errors
    /// A hyper-parameter out of its range.
    pub fn new(d_model: usize, config: TransformerConfig) -> Result<Self> {
        config.check(NAME)?;
        Ok(Self {
            config,
            attention: config.attention(d_model, true)?,
            feed_forward: FeedForward::new(d_model, &config)?,
            around: [Residual::new(d_model, &config)?, Residual::new(d_model, &config)?],
            middle: [Buffer::new(), Buffer::new()],
            dx: Buffer::new(),
        })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> TransformerConfig {
        self.config
    }

    /// The part that looks at other places; its weights are of interest.
    pub fn attention(&self) -> &MultiheadAttention<F> {
        &self.attention
    }

    /// `forward` with a mask of the attention. `backward` is that of the layer.
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
        self.check(&x, &y)?;
        let Self { attention, feed_forward, around: [first, second], middle: [u, _], .. } = self;
        u.reshape(x.shape())?;
        first.forward(x, u.view_mut(), mode.child(1), |x, y| {
            attention.forward_masked(x, mask, y, mode.child(0))
        })?;
        second.forward(u.view(), y, mode.child(3), |x, y| {
            feed_forward.layers.forward(x, y, mode.child(2))
        })
    }

    /// [`forward_masked`](Self::forward_masked) in evaluation, through a shared reference.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn infer_masked(
        &self,
        x: ArrayViewD<'_, F>,
        mask: AttentionMask<'_, F>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.check(&x, &y)?;
        let mut u = Buffer::new();
        u.reshape(x.shape())?;
        let [first, second] = &self.around;
        first.infer(x, u.view_mut(), |x, y| {
            self.attention.infer_attend([&x; 3].map(|x| x.view()), mask, y)
        })?;
        second.infer(u.view(), y, |x, y| self.feed_forward.layers.infer(x, y))
    }

    fn check(&self, x: &ArrayViewD<'_, F>, y: &ArrayViewMutD<'_, F>) -> Result<()> {
        self.attention.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))
    }
}

impl<F: Float> Parameters<F> for TransformerEncoderLayer<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.attention.visit(&at.name("self_attn"), f);
        self.feed_forward.visit(at, f);
        for (around, name) in self.around.iter_mut().zip(["norm1", "norm2"]) {
            around.norm.visit(&at.name(name), f);
        }
    }
}

impl<F: Float> Layer<F> for TransformerEncoderLayer<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        self.attention.output_shape(x)
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
        self.output_shape(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let Self { attention, feed_forward, around: [first, second], middle: [u, du], .. } = self;
        let last = ("middle of the last forward pass", u.shape());
        require_shape(NAME, last, ("expected", x.shape()))?;
        du.reshape(x.shape())?;
        second.backward(
            [u.view(), y.view(), dy.view()],
            du.view_mut(),
            mode.child(3),
            |[x, y, dy], dx| feed_forward.layers.backward(x, y, dy, Some(dx), mode.child(2)),
        )?;
        let mut dx = dx;
        let dx = match &mut dx {
            Some(dx) => dx.view_mut(),
            None => {
                self.dx.reshape(x.shape())?;
                self.dx.view_mut()
            }
        };
        first.backward([x.view(), u.view(), du.view()], dx, mode.child(1), |[x, y, dy], dx| {
            attention.backward(x, y, dy, Some(dx), mode.child(0))
        })
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.infer_masked(x, AttentionMask::default(), y)
    }
}
