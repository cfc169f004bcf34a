use crate::Penalty;
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result,
};

/// A penalty on activations: a layer that lets everything through and adds a term to the loss.
///
/// # Formula
/// ```text
/// y = x
/// value = R(x)/n        for a penalty R and a batch of n samples, in training
/// backward: dx = dy + ∂R/∂x / n in training, dx = dy in evaluation
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `penalty` | R | none; [`L1`](crate::L1) for few active units, [`L2`](crate::L2) for small ones | its own |
///
/// # Memory
/// No parameters. A copy of the gradient is scratch.
///
/// # Notes
/// * The gradient is that of the loss plus the value: the value is not in the output. Who reports a
///   loss adds [`value`](Self::value) to it after the forward pass.
/// * Keras' `ActivityRegularization`. The mean over the samples makes the strength independent of
///   the batch's size; it belongs to a loss that is a mean over samples.
///
/// # Source
/// Sparse activations by a penalty: Glorot, Bordes, Bengio: *Deep sparse rectifier neural
/// networks*, AISTATS 2011, section 3.1.
///
/// ```
/// use tricks_regularize::{ActivityPenalty, L1};
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::{ArrayD, arr2}};
///
/// let mut layer = ActivityPenalty::<f64, _>::new(L1 { lambda: 0.5 })?;
/// let x = arr2(&[[1.0, -2.0], [0.0, 3.0]]).into_dyn();
/// let (mut y, dy, mut dx) = (x.clone(), ArrayD::zeros(x.raw_dim()), x.clone());
/// let mode = Mode::Train(Noise::new(0));
/// layer.forward(x.view(), y.view_mut(), mode)?;
/// layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode)?;
/// assert_eq!((y, layer.value()), (x, 0.5 * 6.0 / 2.0));
/// assert_eq!(dx, arr2(&[[0.25, -0.25], [0.0, 0.25]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ActivityPenalty<F, P> {
    penalty: P,
    value: f64,
    // Scratch: the gradient of the penalty.
    slope: Vec<F>,
}

const NAME: &str = "ActivityPenalty";

impl<F: Float, P: Penalty<F>> ActivityPenalty<F, P> {
    /// With this penalty.
    ///
    /// # Errors
    /// What the penalty refuses of itself.
    pub fn new(penalty: P) -> Result<Self> {
        penalty.validate()?;
        Ok(Self { penalty, value: 0.0, slope: vec![] })
    }

    /// The penalty.
    pub fn penalty(&self) -> &P {
        &self.penalty
    }

    /// The term of the loss that the last forward pass in training adds; 0 before one, and after
    /// one in evaluation.
    pub fn value(&self) -> f64 {
        self.value
    }

    fn samples(&self, x: &[usize]) -> Result<f64> {
        let Some(samples) = x.first() else {
            return Err(Error::invalid(NAME, "input has no axis of samples"));
        };
        let path = &Path::ROOT.name("input");
        self.penalty.check(&Place { path, kind: ParamKind::Weight, shape: x })?;
        // None have no penalty.
        Ok((*samples).max(1) as f64)
    }
}

impl<F: Float, P: Penalty<F>> Parameters<F> for ActivityPenalty<F, P> {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float, P: Penalty<F>> Layer<F> for ActivityPenalty<F, P> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        self.samples(x)?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.infer(x.view(), y)?;
        self.value = 0.0;
        if mode.is_train() {
            let (samples, x) = (self.samples(x.shape())?, x.as_standard_layout());
            self.value = self.penalty.value(numbers(&x), x.shape()) / samples;
        }
        Ok(())
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        let samples = F::of(self.samples(x.shape())?);
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let Some(mut dx) = dx else {
            return Ok(());
        };
        if !mode.is_train() {
            dx.assign(&dy);
            return Ok(());
        }
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        self.slope.clear();
        self.slope.resize(x.len(), F::zero());
        self.penalty.add_grad(numbers(&x), x.shape(), &mut self.slope);
        with_numbers(dx, |dx| {
            for ((dx, dy), slope) in dx.iter_mut().zip(numbers(&dy)).zip(&self.slope) {
                *dx = *dy + *slope / samples;
            }
        });
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.samples(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        y.assign(&x);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GroupLasso, L1, L2};
    use tricks_tensor::Noise;
    use tricks_tensor::ndarray::{ArrayD, arr2};

    const TRAIN: fn() -> Mode = || Mode::Train(Noise::new(0));

    /// The gradient is that of Σ y·dy plus the value, in any layout.
    #[test]
    fn gradients_are_those_of_central_differences() {
        const H: f64 = 1e-6;
        let mut layer = ActivityPenalty::new(L2 { lambda: 0.7 }).unwrap();
        let x = arr2(&[[0.5, -1.0, 2.0], [0.3, 0.2, -0.7]]).into_dyn();
        let dy = arr2(&[[0.3, -0.2, 0.9], [1.1, -0.4, 0.6]]).into_dyn();
        let mut turned = ArrayD::zeros(vec![3, 2]);
        let into = Some(turned.view_mut().reversed_axes());
        layer.backward(x.view(), x.view(), dy.view(), into, TRAIN()).unwrap();
        let dx = turned.reversed_axes();
        for i in 0..x.len() {
            let mut at = |d: f64| {
                let (mut x, mut y) = (x.clone(), x.clone());
                *x.iter_mut().nth(i).unwrap() += d;
                layer.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
                (&y * &dy).sum() + layer.value()
            };
            let measured = (at(H) - at(-H)) / (2.0 * H);
            assert!((measured - dx.iter().nth(i).unwrap()).abs() < 1e-9);
        }
    }

    #[test]
    fn evaluation_adds_nothing() {
        let mut layer = ActivityPenalty::new(L1 { lambda: 0.5 }).unwrap();
        let x = arr2(&[[1.0, -2.0]]).into_dyn();
        let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
        layer.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
        assert_eq!(layer.value(), 1.5);
        layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        layer.backward(x.view(), y.view(), x.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert_eq!((layer.value(), &y, &dx), (0.0, &x, &x));
        let none = ArrayD::<f64>::zeros(vec![0, 3]);
        layer.forward(none.view(), none.clone().view_mut(), TRAIN()).unwrap();
        assert_eq!(layer.value(), 0.0);
    }

    #[test]
    fn what_is_refused() {
        let refused = ActivityPenalty::<f64, _>::new(L1 { lambda: -1.0 }).unwrap_err().to_string();
        assert_eq!(refused, "L1: lambda is -1, must be finite and at least 0");
        let mut layer = ActivityPenalty::new(L1 { lambda: 0.5 }).unwrap();
        let (x, mut y) = (ArrayD::<f64>::zeros(vec![2, 3]), ArrayD::zeros(vec![3, 2]));
        let refused = layer.forward(x.view(), y.view_mut(), TRAIN()).unwrap_err().to_string();
        assert_eq!(refused, "ActivityPenalty: output has shape [3, 2], input [2, 3]");
        let refused = layer.output_shape(&[]).unwrap_err().to_string();
        assert_eq!(refused, "ActivityPenalty: input has no axis of samples");
        let columns = ActivityPenalty::<f64, _>::new(GroupLasso { lambda: 0.5, dim: 1 }).unwrap();
        let refused = columns.output_shape(&[4]).unwrap_err().to_string();
        assert_eq!(refused, "GroupLasso: input has shape [4], which has no axis 1");
    }
}
