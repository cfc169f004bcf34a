use crate::buffer::{Buffer, count};
use ndarray::{
    Array, ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, CowArray, Data, Dimension, IxDyn,
};
use tricks_tensor::{
    Float, Layer, Mode, Noise, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// A layer with the memory for its output and the gradient of it.
///
/// A training pass is a value that borrows the net: the backward pass consumes it. So a backward
/// pass before a forward pass, a second one, or one after the parameters were changed does not
/// compile.
///
/// ```
/// use tricks_net::{Net, layers::{Dense, Sequential, Tanh}, losses::{Loss, MeanSquaredError}};
/// use tricks_tensor::{Noise, ndarray::arr2};
///
/// let layers = Sequential::new().push(Dense::<f64>::new(2, 3)).push(Tanh).push(Dense::new(3, 1));
/// let mut net = Net::new(layers);
/// let (x, target) = (arr2(&[[1.0, 2.0], [3.0, 4.0]]), arr2(&[[1.0], [-3.0]]));
///
/// let pass = net.forward_train(&x, Noise::new(1))?;
/// assert_eq!(pass.output().shape(), [2, 1]);
/// let loss = pass.backward(|y, dy| MeanSquaredError::default().gradient(y, &target, dy))?;
/// assert_eq!(loss, 5.0); // all parameters are zero, so y is: (1² + 3²)/2
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// Twice does not compile:
///
/// ```compile_fail,E0382
/// # use tricks_net::{Net, layers::Dense};
/// # use tricks_tensor::{Noise, ndarray::arr2};
/// # let mut net = Net::new(Dense::<f64>::new(2, 1));
/// # let x = arr2(&[[1.0, 2.0]]);
/// let pass = net.forward_train(&x, Noise::new(1))?;
/// pass.backward(|_, _| Ok(()))?;
/// pass.backward(|_, _| Ok(()))?;
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// Nor after an edit:
///
/// ```compile_fail,E0499
/// # use tricks_net::{Net, layers::Dense};
/// # use tricks_tensor::{Noise, Parameters, Path, ndarray::arr2};
/// # let mut net = Net::new(Dense::<f64>::new(2, 1));
/// # let x = arr2(&[[1.0, 2.0]]);
/// let pass = net.forward_train(&x, Noise::new(1))?;
/// net.visit(&Path::ROOT, &mut |_, param| param.value.fill(0.0));
/// pass.backward(|_, _| Ok(()))?;
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Net<F, L> {
    /// The layer, or the container of layers. Its activations and the gradients of its parameters
    /// are those of the last pass.
    pub layer: L,
    y: Buffer<F>,
    dy: Buffer<F>,
}

/// A forward pass in training, waiting for its loss. See [`Net::forward_train`].
#[must_use = "a pass does nothing to the gradients until `backward`"]
#[derive(Debug)]
pub struct Pass<'a, F: Float, L> {
    net: &'a mut Net<F, L>,
    x: CowArray<'a, F, IxDyn>,
    mode: Mode,
}

impl<F: Float, L: Layer<F>> Net<F, L> {
    /// A net of this layer.
    pub fn new(layer: L) -> Self {
        Self { layer, y: Buffer::new(), dy: Buffer::new() }
    }

    /// Runs the layer in training: batch statistics, dropout with this noise.
    ///
    /// Once it has seen its largest batch nothing is allocated, except by the matrix product, which
    /// packs its operands; `x` is copied if it is not in C order.
    ///
    /// # Errors
    /// A shape the layer cannot take; whatever it cannot do with this batch.
    pub fn forward_train<'a, S: Data<Elem = F>, D: Dimension>(
        &'a mut self,
        x: &'a ArrayBase<S, D>,
        noise: Noise,
    ) -> Result<Pass<'a, F, L>> {
        let x = x.view().into_dyn();
        let x = match x.is_standard_layout() {
            true => CowArray::from(x),
            false => CowArray::from(x.as_standard_layout().into_owned()),
        };
        let mode = Mode::Train(noise);
        self.y.reshape(self.layer.output_shape(x.shape())?.slice())?;
        self.layer.forward(x.view(), self.y.view_mut(), mode)?;
        Ok(Pass { net: self, x, mode })
    }

    /// The output of the last training pass.
    pub fn output(&self) -> ArrayViewD<'_, F> {
        self.y.view()
    }

    /// Runs the layer in evaluation: running statistics, no dropout.
    ///
    /// # Errors
    /// A shape the layer cannot take.
    pub fn predict<S: Data<Elem = F>, D: Dimension>(
        &self,
        x: &ArrayBase<S, D>,
    ) -> Result<ArrayD<F>> {
        let x = x.view().into_dyn();
        let shape = self.layer.output_shape(x.shape())?;
        count(shape.slice())?;
        let mut y = Array::zeros(shape);
        self.infer(x, y.view_mut())?;
        Ok(y)
    }

    /// [`Net::predict`] into memory of the caller's.
    ///
    /// # Errors
    /// Wrong shapes.
    pub fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.layer.infer(x.as_standard_layout().view(), y)
    }
}

impl<F: Float, L: Layer<F>> Pass<'_, F, L> {
    /// What the net says.
    pub fn output(&self) -> ArrayViewD<'_, F> {
        self.net.y.view()
    }

    /// Sets the gradients of all parameters.
    ///
    /// `loss` is lent the output and fills the gradient of the loss with respect to it; what it
    /// returns is passed on.
    ///
    /// # Errors
    /// Those of `loss`: no gradient has changed then.
    pub fn backward<T>(
        self,
        loss: impl FnOnce(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>) -> Result<T>,
    ) -> Result<T> {
        let Self { net: Net { layer, y, dy }, x, mode } = self;
        dy.reshape(y.shape())?;
        let result = loss(y.view(), dy.view_mut())?;
        layer.backward(x.view(), y.view(), dy.view(), None, mode)?;
        Ok(result)
    }
}

impl<F: Float, L: Parameters<F>> Parameters<F> for Net<F, L> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.layer.visit(at, f);
    }
}
