use ndarray::{ArrayViewD, ArrayViewMutD, Axis, IxDyn};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// A layer that reads its sequences from the end: the other half of a bidirectional layer.
///
/// # Formula
/// ```text
/// y = R f(R x)         dx = R Jfᵀ R dy        R: the order of axis 1, time, turned around
/// ```
/// Bidirectional is [`Parallel::concat`](super::Parallel::concat) of a layer and a reversed one;
/// more of them on top of each other are a [`Sequential`](super::Sequential). Parameters are those
/// of the layer.
///
/// # Memory
/// None of its own: it hands on views.
///
/// # Notes
/// The outputs of both directions side by side are those of PyTorch's recurrent layers with
/// `bidirectional`, and of Keras' `Bidirectional`.
///
/// # Source
/// Schuster, Paliwal: *Bidirectional recurrent neural networks*, 1997.
///
/// ```
/// use tricks_net::layers::{Lstm, Parallel, Reversed, Sequential};
/// use tricks_tensor::{Layer, Result, ndarray::IxDyn};
/// let both = |inputs, hidden| -> Result<Parallel<f32>> {
///     let backwards = Reversed::new(Lstm::new(inputs, hidden)?);
///     Ok(Parallel::concat(2).push(Lstm::new(inputs, hidden)?).push(backwards))
/// };
/// let two_layers = Sequential::new().push(both(3, 4)?).push(both(8, 4)?);
/// assert_eq!(two_layers.output_shape(&[5, 7, 3])?, IxDyn(&[5, 7, 8]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reversed<L> {
    /// The layer.
    pub layer: L,
}

const NAME: &str = "Reversed";

impl<L> Reversed<L> {
    /// `layer` from the end to the start.
    pub fn new(layer: L) -> Self {
        Self { layer }
    }
}

/// Axis 1 turned around. Arrays without one are left to the layer, which has refused the input.
fn turn<F>(mut x: ArrayViewD<'_, F>) -> ArrayViewD<'_, F> {
    if x.ndim() > 1 {
        x.invert_axis(Axis(1));
    }
    x
}

/// The same, to be written.
fn turn_mut<F>(mut x: ArrayViewMutD<'_, F>) -> ArrayViewMutD<'_, F> {
    if x.ndim() > 1 {
        x.invert_axis(Axis(1));
    }
    x
}

impl<F: Float, L: Parameters<F>> Parameters<F> for Reversed<L> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.layer.visit(at, f);
    }
}

impl<F: Float, L: Layer<F>> Layer<F> for Reversed<L> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        let y = self.layer.output_shape(x)?;
        if x.len() < 2 || ndarray::Dimension::slice(&y).get(1) != x.get(1) {
            let (of, y) = (self.layer.name(), ndarray::Dimension::slice(&y));
            let message = format!("{of} makes {y:?} of {x:?}, must keep axis 1, time");
            return Err(Error::invalid(NAME, message));
        }
        Ok(y)
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.output_shape(x.shape())?;
        self.layer.forward(turn(x), turn_mut(y), mode)
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
        self.layer.backward(turn(x), turn(y), turn(dy), dx.map(turn_mut), mode)
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.output_shape(x.shape())?;
        self.layer.infer(turn(x), turn_mut(y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Flatten, Rnn, RnnActivation};
    use ndarray::{ArrayD, arr3};

    /// hₜ = xₜ + hₜ₋₁, if nothing is negative.
    fn sums() -> Rnn<f64> {
        let mut rnn = Rnn::new(1, 1).unwrap().activation(RnnActivation::ReLU);
        rnn.visit(&Path::ROOT, &mut |place, param| {
            param.value.fill(if place.shape.len() == 2 { 1.0 } else { 0.0 });
        });
        rnn
    }

    #[test]
    fn sums_from_the_end() {
        let mut layer = Reversed::new(sums());
        let x = arr3(&[[[1.0], [2.0], [4.0]]]).into_dyn();
        let (mut y, mut dx) = (ArrayD::zeros(vec![1, 3, 1]), ArrayD::zeros(vec![1, 3, 1]));
        layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        assert_eq!(y, arr3(&[[[7.0], [6.0], [4.0]]]).into_dyn());
        assert_eq!(layer.layer.state()[0][[0, 0]], 7.0);
        let dy = arr3(&[[[1.0], [10.0], [100.0]]]).into_dyn();
        layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert_eq!(dx, arr3(&[[[1.0], [11.0], [111.0]]]).into_dyn());
    }

    #[test]
    fn what_has_no_time_is_refused() {
        let layer = Reversed::new(Flatten);
        let refused = Layer::<f64>::output_shape(&layer, &[2, 3, 4]).unwrap_err().to_string();
        assert_eq!(refused, "Reversed: Flatten makes [2, 12] of [2, 3, 4], must keep axis 1, time");
        assert!(Layer::<f64>::output_shape(&layer, &[2]).is_err());
        assert!(Reversed::new(sums()).output_shape(&[2, 3]).is_err());
    }
}
