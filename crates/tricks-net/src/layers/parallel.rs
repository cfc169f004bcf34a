use super::sequential::{in_layer, require_kept};
use crate::buffer::Buffer;
use ndarray::{ArrayViewD, ArrayViewMutD, Axis, Dimension as _, IxDyn, Slice};
use std::fmt;
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{
    Error, Float, Inside, Layer, LayerVisitor, Mode, ParamMut, Parameters, Path, Place, Result,
    ndarray,
};

/// How the outputs of a [`Parallel`] become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// Their sum; all have the same shape.
    Sum,
    /// One after another along this axis; they differ in no other. Axis 1 is that of features and
    /// of channels.
    Concat(usize),
}

/// Layers side by side: each sees the same input, and their outputs become one.
///
/// # Formula
/// ```text
/// sum:       y = Σᵢ fᵢ(x)                        dx = Σᵢ Jfᵢ(x)ᵀ dy
/// concat:    y = [f₀(x), f₁(x), …]               dx = Σᵢ Jfᵢ(x)ᵀ dyᵢ      dy = [dy₀, dy₁, …]
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | layers | fᵢ | none | at least one |
/// | [`Combine`] | | – | a sum, or an axis of the outputs |
///
/// Parameters are named `layers.0.weight`, `layers.1.weight`, … by position. Layer `i` sees the
/// noise `mode.child(i)`. Sums are taken in the order of the layers.
///
/// # Memory
/// The outputs of all layers, a gradient of an output and one of the input; memory that only
/// grows.
///
/// # Notes
/// An empty [`Sequential`](super::Sequential) is the identity: beside another layer it makes the
/// block of a dense net, `[x, f(x)]`. For `x + f(x)` there is [`Residual`](super::Residual).
///
/// # Source
/// Szegedy and others: *Going deeper with convolutions*, CVPR 2015, figure 2 (concatenation).
///
/// ```
/// use tricks_net::layers::{Dense, Parallel, Sequential};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
/// let double = Dense::with_parameters(arr2(&[[2.0]]), None)?;
/// let both = Parallel::concat(1).push(Sequential::new()).push(double);
/// let (x, mut y) = (arr2(&[[1.0], [3.0]]).into_dyn(), ArrayD::zeros(vec![2, 2]));
/// both.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[1.0, 2.0], [3.0, 6.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub struct Parallel<F> {
    layers: Vec<Box<dyn Layer<F>>>,
    combine: Combine,
    /// The output of each layer in the last forward pass.
    kept: Vec<Buffer<F>>,
    /// Gradients: of an output, of the input.
    above: Buffer<F>,
    below: Buffer<F>,
}

const NAME: &str = "Parallel";

impl<F: Float> Parallel<F> {
    /// No layer yet; outputs will be combined like this.
    pub fn new(combine: Combine) -> Self {
        let (above, below) = (Buffer::new(), Buffer::new());
        Self { layers: Vec::new(), combine, kept: Vec::new(), above, below }
    }

    /// No layer yet; outputs will be summed.
    pub fn sum() -> Self {
        Self::new(Combine::Sum)
    }

    /// No layer yet; outputs will stand one after another along `axis`.
    pub fn concat(axis: usize) -> Self {
        Self::new(Combine::Concat(axis))
    }

    /// Adds a layer.
    #[must_use]
    pub fn push(mut self, layer: impl Layer<F> + 'static) -> Self {
        self.layers.push(Box::new(layer));
        self.kept.push(Buffer::new());
        self
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[Box<dyn Layer<F>>] {
        &self.layers
    }

    fn shape_of(&self, i: usize, x: &[usize]) -> Result<IxDyn> {
        let layer = &self.layers[i];
        layer.output_shape(x).map_err(|e| in_layer(i, layer.name(), e))
    }

    /// Checks the output of a forward pass before a layer changes.
    fn check_output(&self, x: &[usize], y: &[usize]) -> Result<()> {
        require_shape(NAME, ("output", y), ("expected", self.output_shape(x)?.slice()))
    }
}

impl Combine {
    /// The part of an output of all layers that is the next one's, of this shape; `from` is where
    /// it starts along the axis.
    fn part(self, from: &mut usize, shape: &[usize]) -> Option<(Axis, Slice)> {
        let Combine::Concat(axis) = self else { return None };
        let start = *from;
        *from += shape[axis];
        Some((Axis(axis), Slice::from(start..*from)))
    }

    /// `y ← part`, or `y ← y + part` for a sum that has begun.
    fn put<F: Float>(
        self,
        from: &mut usize,
        first: bool,
        part: ArrayViewD<'_, F>,
        y: &mut ArrayViewMutD<'_, F>,
    ) {
        match self.part(from, part.shape()) {
            Some((axis, slice)) => y.slice_axis_mut(axis, slice).assign(&part),
            None if first => y.assign(&part),
            None => *y += &part,
        }
    }
}

impl<F: Float> Parameters<F> for Parallel<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let at = at.name("layers");
        for (i, layer) in self.layers.iter_mut().enumerate() {
            layer.visit(&at.index(i), f);
        }
    }
}

impl<F: Float> Layer<F> for Parallel<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        if self.layers.is_empty() {
            return Err(Error::invalid(NAME, "it has no layers, must have at least 1"));
        }
        let mut whole = self.shape_of(0, x)?;
        if let Combine::Concat(axis) = self.combine
            && axis >= whole.ndim()
        {
            let message = format!("axis is {axis}, outputs have shape {:?}", whole.slice());
            return Err(Error::invalid(NAME, message));
        }
        for i in 1..self.layers.len() {
            let mut next = self.shape_of(i, x)?;
            let (found, expected) = (next.clone(), whole.clone());
            if let Combine::Concat(axis) = self.combine
                && next.ndim() == whole.ndim()
            {
                whole[axis] += next[axis];
                next[axis] = whole[axis];
            }
            if next != whole {
                let what = ("output", found.slice());
                let expected = ("those before", expected.slice());
                return Err(Error::shape(format!("layers.{i}"), what, expected));
            }
        }
        Ok(whole)
    }

    fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.check_output(x.shape(), y.shape())?;
        let mut from = 0;
        for (i, (layer, kept)) in self.layers.iter_mut().zip(&mut self.kept).enumerate() {
            kept.reshape(layer.output_shape(x.shape())?.slice())?;
            layer
                .forward(x.view(), kept.view_mut(), mode.child(i))
                .map_err(|e| in_layer(i, layer.name(), e))?;
            self.combine.put(&mut from, i == 0, kept.view(), &mut y);
        }
        Ok(())
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        mut dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        let expected = self.output_shape(x.shape())?;
        require_backward(NAME, expected.slice(), &x, &y, &dy, dx.as_ref())?;
        for (i, kept) in self.kept.iter().enumerate() {
            let expected = self.shape_of(i, x.shape())?;
            require_kept(i, kept, expected.slice())?;
        }
        let mut from = 0;
        let Self { layers, combine, kept, above, below } = self;
        for (i, (layer, kept)) in layers.iter_mut().zip(&*kept).enumerate() {
            let upstream = match combine.part(&mut from, kept.shape()) {
                Some((axis, slice)) => {
                    above.reshape(kept.shape())?;
                    above.view_mut().assign(&dy.slice_axis(axis, slice));
                    above.view()
                }
                None => dy.view(),
            };
            let into = match &mut dx {
                None => None,
                Some(dx) if i == 0 => Some(dx.view_mut()),
                Some(_) => {
                    below.reshape(x.shape())?;
                    Some(below.view_mut())
                }
            };
            layer.backward(x.view(), kept.view(), upstream, into, mode.child(i))?;
            if let Some(dx) = dx.as_mut().filter(|_| i > 0) {
                *dx += &below.view();
            }
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.check_output(x.shape(), y.shape())?;
        let (mut from, mut output) = (0, Buffer::new());
        for (i, layer) in self.layers.iter().enumerate() {
            output.reshape(layer.output_shape(x.shape())?.slice())?;
            layer.infer(x.view(), output.view_mut())?;
            self.combine.put(&mut from, i == 0, output.view(), &mut y);
        }
        Ok(())
    }

    fn visit_layers(&mut self, at: &Path<'_>, f: &mut LayerVisitor<'_, F>) -> Inside {
        let at = at.name("layers");
        for (i, layer) in self.layers.iter_mut().enumerate() {
            f(&at.index(i), layer);
        }
        Inside::Branches
    }
}

impl<F: Float> fmt::Debug for Parallel<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<_> = self.layers.iter().map(|layer| layer.name()).collect();
        f.debug_struct(NAME)
            .field("combine", &self.combine)
            .field("layers", &layers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Dense, Flatten, Sequential, Tanh};
    use ndarray::{ArrayD, ShapeBuilder as _, arr2};
    use tricks_tensor::{Noise, gradcheck};

    fn dense(rows: &[[f64; 2]]) -> Dense<f64> {
        Dense::with_parameters(ndarray::Array2::from(rows.to_vec()), None).unwrap()
    }

    fn pass(net: &mut Parallel<f64>, dy: &ArrayD<f64>) -> (Vec<f64>, Vec<f64>) {
        let x = arr2(&[[1.0, 10.0]]).into_dyn();
        let (mut y, mut dx) = (ArrayD::zeros(dy.raw_dim()), ArrayD::zeros(x.raw_dim()));
        net.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        net.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        (y.into_iter().collect(), dx.into_iter().collect())
    }

    #[test]
    fn both_by_hand() {
        let mut sum = Parallel::sum()
            .push(dense(&[[1.0, 2.0], [3.0, 4.0]]))
            .push(Sequential::new())
            .push(dense(&[[0.0, -1.0], [1.0, 0.0]]));
        let (y, dx) = pass(&mut sum, &arr2(&[[1.0, -1.0]]).into_dyn());
        assert_eq!(y, [21.0 + 1.0 - 10.0, 43.0 + 10.0 + 1.0]);
        assert_eq!(dx, [-2.0 + 1.0 - 1.0, -2.0 - 1.0 - 1.0]);

        let mut concat = Parallel::concat(1).push(dense(&[[1.0, 2.0]])).push(Sequential::new());
        let (y, dx) = pass(&mut concat, &arr2(&[[2.0, 5.0, 7.0]]).into_dyn());
        assert_eq!((y, dx), (vec![21.0, 1.0, 10.0], vec![2.0 + 5.0, 4.0 + 7.0]));
        let mut grads = Vec::new();
        concat.visit(&Path::ROOT, &mut |place, mut param| {
            grads.push((place.path.to_string(), param.grad.values().unwrap().to_vec()));
        });
        assert_eq!(grads, [("layers.0.weight".to_string(), vec![2.0, 20.0])]);
    }

    #[test]
    fn along_every_axis_and_in_every_layout() {
        let x = ArrayD::from_shape_fn(vec![2, 3, 2], |at| {
            0.1 * (at[0] * 6 + at[1] * 2 + at[2]) as f64 - 0.4
        });
        for axis in 0..3 {
            let mut net = Parallel::concat(axis)
                .push(Tanh)
                .push(dense(&[[1.0, 2.0], [3.0, 4.0]]))
                .push(Sequential::new());
            let report = gradcheck::layer(&mut net, &x, Mode::Eval, Noise::new(1)).unwrap();
            report.within(1e-8).unwrap();
            let shape = net.output_shape(&[2, 3, 2]).unwrap();
            assert_eq!(shape[axis], 3 * x.shape()[axis]);
            let mut y = ArrayD::zeros(shape.clone());
            net.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
            let mut z = ArrayD::zeros(shape.f());
            net.infer(x.view(), z.view_mut()).unwrap();
            assert_eq!(y, z);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = |e: Error| e.to_string();
        let of = |net: &Parallel<f64>, x: &[usize]| text(net.output_shape(x).unwrap_err());
        assert_eq!(of(&Parallel::sum(), &[1]), "Parallel: it has no layers, must have at least 1");
        let two = |combine| Parallel::new(combine).push(Dense::new(2, 3)).push(Dense::new(2, 2));
        let refused = "layers.1: output has shape [4, 2], those before [4, 3]";
        assert_eq!(of(&two(Combine::Sum), &[4, 2]), refused);
        assert_eq!(of(&two(Combine::Concat(0)), &[4, 2]), refused);
        let refused = "Parallel: axis is 2, outputs have shape [4, 3]";
        assert_eq!(of(&two(Combine::Concat(2)), &[4, 2]), refused);
        let refused = "layers.0 (Dense): input has shape [4, 5], weight [3, 2]";
        assert_eq!(of(&two(Combine::Concat(1)), &[4, 5]), refused);
        let ranks = Parallel::concat(1).push(Tanh).push(Flatten);
        let refused = "layers.1: output has shape [4, 6], those before [4, 2, 3]";
        assert_eq!(of(&ranks, &[4, 2, 3]), refused);

        let mut net = two(Combine::Concat(1));
        let (x, mut y) = (ArrayD::zeros(vec![4, 2]), ArrayD::zeros(vec![4, 4]));
        let refused = "Parallel: output has shape [4, 4], expected [4, 5]";
        assert_eq!(text(net.forward(x.view(), y.view_mut(), Mode::Eval).unwrap_err()), refused);
        assert_eq!(text(net.infer(x.view(), y.view_mut()).unwrap_err()), refused);
        let y = ArrayD::zeros(vec![4, 5]);
        let refused = net.backward(x.view(), y.view(), y.view(), None, Mode::Eval).unwrap_err();
        let want = "layers.0: output of the last forward pass has shape [0], expected [4, 3]";
        assert_eq!(text(refused), want);
    }
}
