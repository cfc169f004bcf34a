use super::{FeedForward, Residual, TransformerConfig};
use crate::buffer::Buffer;
use crate::layers::{AttentionMask, MultiheadAttention};
use ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{require_backward, require_shape, with_numbers};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray};

/// A block of a Transformer's decoder: places look at each other, then at the encoder's output,
/// then each thinks by itself.
///
/// # Formula
/// ```text
/// a(x) = MultiheadAttention(x)    c(x) = MultiheadAttention(query x, keys and values m)
/// f(x) = W₂ dropout(φ(W₁ x + b₁)) + b₂
///
/// post-norm:  u = norm₁(x + dropout(a(x)))    v = norm₂(u + dropout(c(u)))
///             y = norm₃(v + dropout(f(v)))
/// pre-norm:   u = x + dropout(a(norm₁(x)))    v = u + dropout(c(norm₂(u)))
///             y = v + dropout(f(norm₃(v)))
/// ```
/// `x` is `[samples, time, features]`, the memory `m` `[samples, places, features]`. `backward` is
/// the chain rule through these lines. Hyper-parameters: [`TransformerConfig`]; `causal` and
/// `rotary` concern `a` only.
///
/// | parameters | path |
/// |---|---|
/// | of `a` and `c` | `self_attn.in_proj_weight`, …, `multihead_attn.in_proj_weight`, … |
/// | W₁, b₁, W₂, b₂ | `linear1.weight`, `linear1.bias`, `linear2.weight`, `linear2.bias` |
/// | of the normalizations | `norm1.weight`, `norm1.bias`, … `norm3.bias` |
///
/// Linear maps start at zero: give them values with `tricks_init`.
///
/// # Memory
/// That of both attentions, and about 16 arrays of the input's size and 5 of `dim_feedforward`
/// features.
///
/// # Notes
/// * Two inputs: this is no [`Layer`]. Its methods keep the contract of one.
/// * The order and the places of dropout are those of PyTorch's `TransformerDecoderLayer` with
///   `batch_first`. There, `causal` is an argument of each call.
///
/// # Source
/// Vaswani and others: *Attention is all you need*, 2017, section 3.1.
///
/// ```
/// use tricks_net::layers::{TransformerConfig, TransformerDecoderLayer};
/// use tricks_tensor::ndarray::{ArrayD, arr3};
/// let config = TransformerConfig { causal: true, norm_first: true, ..Default::default() };
/// let block = TransformerDecoderLayer::<f64>::new(2, config)?;
/// // All maps are zero: nothing is added to x.
/// let (x, memory) = (arr3(&[[[1.0, 5.0]]]).into_dyn(), ArrayD::ones(vec![1, 7, 2]));
/// let mut y = ArrayD::zeros(x.raw_dim());
/// block.infer([x.view(), memory.view()], Default::default(), y.view_mut())?;
/// assert_eq!(y, x);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Debug)]
pub struct TransformerDecoderLayer<F> {
    config: TransformerConfig,
    own: MultiheadAttention<F>,
    cross: MultiheadAttention<F>,
    feed_forward: FeedForward<F>,
    around: [Residual<F>; 3],
    /// `u`, `v`, and their gradients.
    middle: [Buffer<F>; 2],
    gradients: [Buffer<F>; 2],
    /// For a backward pass that is asked for no `dx`.
    dx: Buffer<F>,
}

const NAME: &str = "TransformerDecoderLayer";

impl<F: Float> TransformerDecoderLayer<F> {
    /// A block over `d_model` features.
    ///
    /// # Errors
    /// A hyper-parameter out of its range.
    pub fn new(d_model: usize, config: TransformerConfig) -> Result<Self> {
        config.check(NAME)?;
        let around = || Residual::new(d_model, &config);
        Ok(Self {
            config,
            own: config.attention(d_model, true)?,
            cross: config.attention(d_model, false)?,
            feed_forward: FeedForward::new(d_model, &config)?,
            around: [around()?, around()?, around()?],
            middle: [Buffer::new(), Buffer::new()],
            gradients: [Buffer::new(), Buffer::new()],
            dx: Buffer::new(),
        })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> TransformerConfig {
        self.config
    }

    /// Attention to the own sequence and to the memory; their weights are of interest.
    pub fn attentions(&self) -> [&MultiheadAttention<F>; 2] {
        [&self.own, &self.cross]
    }

    /// Computes `y` from `[x, memory]`, with a mask for the attention to each.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn forward(
        &mut self,
        [x, memory]: [ArrayViewD<'_, F>; 2],
        [of_x, of_memory]: [AttentionMask<'_, F>; 2],
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.check(&x, &y)?;
        let Self { own, cross, feed_forward, around: [first, second, third], .. } = self;
        let [u, v] = &mut self.middle;
        u.reshape(x.shape())?;
        v.reshape(x.shape())?;
        first.forward(x, u.view_mut(), mode.child(1), |x, y| {
            own.forward_masked(x, of_x, y, mode.child(0))
        })?;
        second.forward(u.view(), v.view_mut(), mode.child(3), |x, y| {
            cross.attend([x.view(), memory.view(), memory.view()], of_memory, y, mode.child(2))
        })?;
        third.forward(v.view(), y, mode.child(5), |x, y| {
            feed_forward.layers.forward(x, y, mode.child(4))
        })
    }

    /// [`forward`](Self::forward) in evaluation, through a shared reference.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn infer(
        &self,
        [x, memory]: [ArrayViewD<'_, F>; 2],
        [of_x, of_memory]: [AttentionMask<'_, F>; 2],
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.check(&x, &y)?;
        let [first, second, third] = &self.around;
        let (mut u, mut v) = (Buffer::new(), Buffer::new());
        u.reshape(x.shape())?;
        v.reshape(x.shape())?;
        first.infer(x, u.view_mut(), |x, y| {
            self.own.infer_attend([&x; 3].map(|x| x.view()), of_x, y)
        })?;
        second.infer(u.view(), v.view_mut(), |x, y| {
            self.cross.infer_attend([x.view(), memory.view(), memory.view()], of_memory, y)
        })?;
        third.infer(v.view(), y, |x, y| self.feed_forward.layers.infer(x, y))
    }

    /// The backward pass of [`forward`](Self::forward), with the same `[x, memory]` and `mode`:
    /// sets the gradients of the parameters, and those of the inputs that are asked for.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn backward(
        &mut self,
        [x, memory]: [ArrayViewD<'_, F>; 2],
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        [dx, dmemory]: [Option<ArrayViewMutD<'_, F>>; 2],
        mode: Mode,
    ) -> Result<()> {
        self.own.output_shape(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        if let Some(dmemory) = &dmemory {
            let of = ("memory", memory.shape());
            require_shape(NAME, ("memory gradient", dmemory.shape()), of)?;
        }
        let Self { own, cross, feed_forward, around: [first, second, third], .. } = self;
        let ([u, v], [du, dv]) = (&self.middle, &mut self.gradients);
        let last = ("middle of the last forward pass", u.shape());
        require_shape(NAME, last, ("expected", x.shape()))?;
        du.reshape(x.shape())?;
        dv.reshape(x.shape())?;
        third.backward(
            [v.view(), y.view(), dy.view()],
            dv.view_mut(),
            mode.child(5),
            |[x, y, dy], dx| feed_forward.layers.backward(x, y, dy, Some(dx), mode.child(4)),
        )?;
        let views = [u.view(), v.view(), dv.view()];
        second.backward(views, du.view_mut(), mode.child(3), |[x, _, dy], dx| {
            cross.parameter_gradients(
                [x.view(), memory.view(), memory.view()],
                dy,
                mode.child(2),
            )?;
            with_numbers(dx, |dx| cross.input_gradient(0, false, dx));
            if let Some(dmemory) = dmemory {
                with_numbers(dmemory, |dmemory| {
                    cross.input_gradient(1, false, dmemory);
                    cross.input_gradient(2, true, dmemory);
                });
            }
            Ok(())
        })?;
        let mut dx = dx;
        let dx = match &mut dx {
            Some(dx) => dx.view_mut(),
            None => {
                self.dx.reshape(x.shape())?;
                self.dx.view_mut()
            }
        };
        first.backward([x.view(), u.view(), du.view()], dx, mode.child(1), |[x, y, dy], dx| {
            own.backward(x, y, dy, Some(dx), mode.child(0))
        })
    }

    fn check(&self, x: &ArrayViewD<'_, F>, y: &ArrayViewMutD<'_, F>) -> Result<()> {
        self.own.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))
    }
}

impl<F: Float> Parameters<F> for TransformerDecoderLayer<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.own.visit(&at.name("self_attn"), f);
        self.cross.visit(&at.name("multihead_attn"), f);
        self.feed_forward.visit(at, f);
        for (around, name) in self.around.iter_mut().zip(["norm1", "norm2", "norm3"]) {
            around.norm.visit(&at.name(name), f);
        }
    }
}
