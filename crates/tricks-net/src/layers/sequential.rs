use crate::buffer::Buffer;
use ndarray::{ArrayViewD, ArrayViewMutD, Dimension as _, IxDyn};
use std::fmt;
use tricks_tensor::views::require_shape;
use tricks_tensor::{
    Error, Float, Inside, Layer, LayerVisitor, Mode, ParamMut, Parameters, Path, Place, Result,
    ndarray,
};

/// Layers one after another.
///
/// Parameters are named `layers.0.weight`, `layers.0.bias`, `layers.2.weight`, … by position.
/// Layer `i` sees the noise `mode.child(i)`. The container keeps the outputs of all layers but
/// the last (that one is the caller's) and two gradients, in memory that only grows.
///
/// Layers in front of the first one with parameters take no part in a backward pass that wants
/// no `dx`: dropout on the input costs no gradient of the input.
///
/// ```
/// use tricks_net::layers::{Dense, ReLU, Sequential};
/// use tricks_tensor::Layer;
/// let net = Sequential::<f32>::new()
///     .push(Dense::new(784, 100))
///     .push(ReLU)
///     .push(Dense::new(100, 10));
/// assert_eq!(net.output_shape(&[128, 784])?, ndarray::IxDyn(&[128, 10]));
/// let refused = net.output_shape(&[128, 28]).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "layers.0 (Dense): input has shape [128, 28], weight [100, 784]",
/// );
/// # use tricks_tensor::ndarray;
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub struct Sequential<F> {
    layers: Vec<Box<dyn Layer<F>>>,
    /// The output of layer `i`, for all layers but the last.
    activations: Vec<Buffer<F>>,
    /// The gradients of a layer's output and of its input, in turn.
    gradients: [Buffer<F>; 2],
    /// The first layer with parameters.
    first_trained: usize,
}

impl<F: Float> Default for Sequential<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Float> Sequential<F> {
    /// No layer yet: the identity.
    pub fn new() -> Self {
        let gradients = [Buffer::new(), Buffer::new()];
        Self { layers: Vec::new(), activations: Vec::new(), gradients, first_trained: 0 }
    }

    /// Adds a layer at the end.
    #[must_use]
    pub fn push(mut self, mut layer: impl Layer<F> + 'static) -> Self {
        let mut has_parameters = false;
        layer.visit(&Path::ROOT, &mut |_, _| has_parameters = true);
        if self.first_trained == self.layers.len() && !has_parameters {
            self.first_trained += 1;
        }
        if !self.layers.is_empty() {
            self.activations.push(Buffer::new());
        }
        self.layers.push(Box::new(layer));
        self
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Box<dyn Layer<F>>] {
        &self.layers
    }

    /// The outputs of the last pass, layer by layer; that of the last layer is the caller's.
    pub fn activations(&self) -> impl ExactSizeIterator<Item = ArrayViewD<'_, F>> {
        self.activations.iter().map(Buffer::view)
    }

    /// Shapes as a backward pass must find them.
    fn check_backward(
        &self,
        x: &[usize],
        y: &[usize],
        dy: &[usize],
        dx: Option<&[usize]>,
    ) -> Result<()> {
        let mut shape = IxDyn(x);
        for (i, layer) in self.layers.iter().enumerate() {
            shape = layer.output_shape(shape.slice()).map_err(|e| in_layer(i, layer.name(), e))?;
            if let Some(kept) = self.activations.get(i) {
                require_kept(i, kept, shape.slice())?;
            }
        }
        require_shape(NAME, ("output", y), ("expected", shape.slice()))?;
        require_shape(NAME, ("output gradient", dy), ("expected", shape.slice()))?;
        dx.map_or(Ok(()), |dx| require_shape(NAME, ("input gradient", dx), ("expected", x)))
    }
}

const NAME: &str = "Sequential";

/// Refuses a backward pass without the output that layer `i` had in a forward pass.
///
/// One that was never computed has another shape; an older one of the same shape cannot be told
/// apart, but [`Net`](crate::Net) leaves no way to get there.
pub(super) fn require_kept<F: Float>(i: usize, kept: &Buffer<F>, expected: &[usize]) -> Result<()> {
    if kept.shape() == expected {
        return Ok(());
    }
    let what = ("output of the last forward pass", kept.shape());
    Err(Error::shape(format!("layers.{i}"), what, ("expected", expected)))
}

/// Says which layer refused a shape or a number.
pub(super) fn in_layer(i: usize, layer: &str, mut error: Error) -> Error {
    if let Error::Shape { name, .. } | Error::NonFinite { name, .. } = &mut error {
        // A container inside names its own layer already.
        *name = match name.strip_prefix("layers.") {
            Some(_) => format!("layers.{i}.{name}"),
            None => format!("layers.{i} ({layer})"),
        };
    }
    error
}

impl<F: Float> Parameters<F> for Sequential<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let at = at.name("layers");
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.visit(&at.index(i), f);
        }
    }
}

impl<F: Float> Layer<F> for Sequential<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        self.layers.iter().enumerate().try_fold(IxDyn(x), |shape, (i, layer)| {
            layer.output_shape(shape.slice()).map_err(|e| in_layer(i, layer.name(), e))
        })
    }

    fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        // Everything is checked before the first layer changes.
        require_shape(
            NAME,
            ("output", y.shape()),
            ("expected", self.output_shape(x.shape())?.slice()),
        )?;
        let Some((last, inner)) = self.layers.split_last_mut() else {
            y.assign(&x);
            return Ok(());
        };
        for (i, layer) in inner.iter_mut().enumerate() {
            let (before, after) = self.activations.split_at_mut(i);
            let input = before.last().map_or(x.view(), Buffer::view);
            after[0].reshape(layer.output_shape(input.shape())?.slice())?;
            layer
                .forward(input, after[0].view_mut(), mode.child(i))
                .map_err(|e| in_layer(i, layer.name(), e))?;
        }
        let input = self.activations.last().map_or(x.view(), Buffer::view);
        last.forward(input, y, mode.child(inner.len()))
            .map_err(|e| in_layer(inner.len(), last.name(), e))
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        mut dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        let dx_shape = dx.as_ref().map(|dx| dx.shape());
        self.check_backward(x.shape(), y.shape(), dy.shape(), dx_shape)?;
        let end = self.layers.len();
        let first = if dx.is_some() { 0 } else { self.first_trained };
        if end == 0 {
            if let Some(dx) = &mut dx {
                dx.assign(&dy);
            }
            return Ok(());
        }
        let [above, below] = &mut self.gradients;
        let (mut above, mut below) = (above, below);
        for i in (first..end).rev() {
            let input = if i == 0 { x.view() } else { self.activations[i - 1].view() };
            let output = if i + 1 == end { y.view() } else { self.activations[i].view() };
            let upstream = if i + 1 == end { dy.view() } else { above.view() };
            let downstream = if i == first {
                dx.as_mut().map(|dx| dx.view_mut())
            } else {
                below.reshape(input.shape())?;
                Some(below.view_mut())
            };
            self.layers[i].backward(input, output, upstream, downstream, mode.child(i))?;
            std::mem::swap(&mut above, &mut below);
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_shape(
            NAME,
            ("output", y.shape()),
            ("expected", self.output_shape(x.shape())?.slice()),
        )?;
        let Some((last, inner)) = self.layers.split_last() else {
            y.assign(&x);
            return Ok(());
        };
        let (mut input, mut output) = (Buffer::new(), Buffer::new());
        for (i, layer) in inner.iter().enumerate() {
            let x = if i == 0 { x.view() } else { input.view() };
            output.reshape(layer.output_shape(x.shape())?.slice())?;
            layer.infer(x, output.view_mut())?;
            std::mem::swap(&mut input, &mut output);
        }
        last.infer(if inner.is_empty() { x.view() } else { input.view() }, y)
    }

    fn visit_layers(&mut self, at: &Path<'_>, f: &mut LayerVisitor<'_, F>) -> Inside {
        let at = at.name("layers");
        for (i, layer) in self.layers.iter_mut().enumerate() {
            f(&at.index(i), layer);
        }
        Inside::Chain
    }
}

impl<F: Float> fmt::Debug for Sequential<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.layers.iter().map(|layer| layer.name())).finish()
    }
}
