use crate::{Float, Noise, Parameters, Path, Result};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};

/// Training or evaluation, said at every call: a mode that is remembered is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, dropout on. The noise is that of this forward pass; the backward pass is
    /// given the same, so masks are computed again instead of stored.
    Train(Noise),
    /// Running statistics, dropout off.
    Eval,
}

impl Mode {
    /// The mode for a child at `index` of a container: its own noise.
    #[must_use]
    pub fn child(self, index: usize) -> Self {
        match self {
            Mode::Train(noise) => Mode::Train(noise.child(index as u64)),
            Mode::Eval => Mode::Eval,
        }
    }

    /// Whether this is training.
    pub fn is_train(self) -> bool {
        matches!(self, Mode::Train(_))
    }
}

/// How the layers inside a layer are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inside {
    /// It is no container: there are none, or none that are shown.
    Nothing,
    /// One after another.
    Chain,
    /// Side by side.
    Branches,
}

/// What [`Layer::visit_layers`] calls with each layer and its path.
pub type LayerVisitor<'f, F> = dyn FnMut(&Path<'_>, &mut Box<dyn Layer<F>>) + 'f;

/// A differentiable function with parameters.
///
/// The caller owns the activations: `x`, `y` and their gradients are lent, in C order (the first
/// axis counts samples). A layer keeps its parameters, their gradients and small statistics, so a
/// steady training step allocates nothing.
///
/// The contract:
/// * [`output_shape`](Layer::output_shape) refuses an input the layer cannot take; `forward`,
///   `backward` and `infer` refuse views of other shapes than it says.
/// * `backward` is called after `forward` with the same `x`, `y` and `mode`. It *sets* (not adds
///   to) the gradients of the parameters, and fills `dx` if that is asked for.
/// * `infer` gives what `forward` gives in [`Mode::Eval`], through a shared reference.
/// * The same bits for every thread count.
pub trait Layer<F: Float>: Parameters<F> + Send + Sync {
    /// The field's name for it: `Dense`, `ReLU`.
    fn name(&self) -> &'static str;

    /// The shape of `y` for an `x` of this shape.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the layer cannot take such an input.
    fn output_shape(&self, x: &[usize]) -> Result<IxDyn>;

    /// Computes `y` from `x`.
    ///
    /// # Errors
    /// Wrong shapes; whatever the layer cannot do with this input (a batch of one sample in batch
    /// normalization).
    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()>;

    /// Sets the gradients of the parameters and `dx` from `dy`, the gradient of the loss with
    /// respect to `y`.
    ///
    /// # Errors
    /// Wrong shapes.
    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()>;

    /// Computes `y` from `x` in evaluation, from as many threads as you like.
    ///
    /// # Errors
    /// Wrong shapes.
    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()>;

    /// Shows every layer right inside a container once, in a fixed order, under its path, and says
    /// how they are joined. `f` may put another layer in the place of one. What is no container
    /// shows nothing.
    fn visit_layers(&mut self, _at: &Path<'_>, _f: &mut LayerVisitor<'_, F>) -> Inside {
        Inside::Nothing
    }
}

impl<F: Float> Layer<F> for Box<dyn Layer<F>> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        (**self).output_shape(x)
    }
    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        (**self).forward(x, y, mode)
    }
    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        (**self).backward(x, y, dy, dx, mode)
    }
    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        (**self).infer(x, y)
    }
    fn visit_layers(&mut self, at: &Path<'_>, f: &mut LayerVisitor<'_, F>) -> Inside {
        (**self).visit_layers(at, f)
    }
}
