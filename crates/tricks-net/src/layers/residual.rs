use super::sequential::{in_layer, require_kept};
use crate::buffer::Buffer;
use ndarray::{ArrayViewD, ArrayViewMutD, Dimension as _, IxDyn, Zip};
use std::fmt;
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{
    Float, Inside, Layer, LayerVisitor, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// A branch beside a connection that leaves its input as it is: the branch learns a difference.
///
/// # Formula
/// ```text
/// forward:   y  = f(x) + x                  with a shortcut s:   y  = f(x) + s(x)
/// backward:  dx = Jf(x)ᵀ dy + dy                                 dx = Jf(x)ᵀ dy + Js(x)ᵀ dy
/// ```
/// `f` must give the shape of `x`, or that of `s(x)`. A gradient reaches `x` whatever `f` does to
/// it: a stack of many such blocks can be trained.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | branch | f | – | a layer, usually a [`Sequential`](super::Sequential) |
/// | [`shortcut`](Residual::shortcut) | s | the identity | a layer, where the shape changes |
///
/// Parameters are named by position: `layers.0.…` are those of the branch, `layers.1.…` those of
/// the shortcut. Layer `i` sees the noise `mode.child(i)`.
///
/// # Memory
/// The outputs of the branch and of the shortcut, and one gradient of the input if there is a
/// shortcut; memory that only grows.
///
/// # Notes
/// No activation follows the sum, as in the pre-activation form; for the first form of the paper
/// push a [`ReLU`](super::ReLU) behind the block. Stochastic depth is a layer at the end of the
/// branch: `tricks_regularize::DropPath`.
///
/// # Source
/// He, Zhang, Ren, Sun: *Deep residual learning for image recognition*, CVPR 2016, equations 1
/// and 2; *Identity mappings in deep residual networks*, ECCV 2016.
///
/// ```
/// use tricks_net::layers::{Dense, Residual};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
/// let double = Dense::with_parameters(arr2(&[[2.0, 0.0], [0.0, 2.0]]), None)?;
/// let (x, mut y) = (arr2(&[[1.0, -3.0]]).into_dyn(), ArrayD::zeros(vec![1, 2]));
/// Residual::new(double).infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[3.0, -9.0]]).into_dyn());
///
/// let refused = Residual::<f64>::new(Dense::new(2, 3)).output_shape(&[1, 2]).unwrap_err();
/// assert_eq!(refused.to_string(), "Residual: branch has shape [1, 3], shortcut [1, 2]");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub struct Residual<F> {
    branch: Box<dyn Layer<F>>,
    shortcut: Option<Box<dyn Layer<F>>>,
    /// The outputs of the last forward pass.
    kept: [Buffer<F>; 2],
    /// The gradient of the input through the shortcut.
    gradient: Buffer<F>,
}

const NAME: &str = "Residual";

impl<F: Float> Residual<F> {
    /// `y = f(x) + x`.
    pub fn new(branch: impl Layer<F> + 'static) -> Self {
        let kept = [Buffer::new(), Buffer::new()];
        Self { branch: Box::new(branch), shortcut: None, kept, gradient: Buffer::new() }
    }

    /// `y = f(x) + s(x)`: a projection, where the branch changes the shape.
    #[must_use]
    pub fn shortcut(self, shortcut: impl Layer<F> + 'static) -> Self {
        Self { shortcut: Some(Box::new(shortcut)), ..self }
    }

    /// Checks the output of a forward pass before a layer changes.
    fn check_output(&self, x: &[usize], y: &[usize]) -> Result<()> {
        require_shape(NAME, ("output", y), ("expected", self.output_shape(x)?.slice()))
    }
}

/// `y ← a + b`
fn add<F: Float>(y: ArrayViewMutD<'_, F>, a: ArrayViewD<'_, F>, b: ArrayViewD<'_, F>) {
    Zip::from(y).and(a).and(b).for_each(|y, &a, &b| *y = a + b);
}

impl<F: Float> Parameters<F> for Residual<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let at = at.name("layers");
        self.branch.visit(&at.index(0), f);
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.visit(&at.index(1), f);
        }
    }
}

impl<F: Float> Layer<F> for Residual<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        let of = |i, layer: &dyn Layer<F>| {
            layer.output_shape(x).map_err(|e| in_layer(i, layer.name(), e))
        };
        let branch = of(0, &*self.branch)?;
        let shortcut = self.shortcut.as_ref().map_or(Ok(IxDyn(x)), |layer| of(1, &**layer))?;
        require_shape(NAME, ("branch", branch.slice()), ("shortcut", shortcut.slice()))?;
        Ok(branch)
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.check_output(x.shape(), y.shape())?;
        let [branch, shortcut] = &mut self.kept;
        branch.reshape(y.shape())?;
        self.branch
            .forward(x.view(), branch.view_mut(), mode.child(0))
            .map_err(|e| in_layer(0, self.branch.name(), e))?;
        match &mut self.shortcut {
            None => add(y, branch.view(), x),
            Some(layer) => {
                shortcut.reshape(y.shape())?;
                layer
                    .forward(x, shortcut.view_mut(), mode.child(1))
                    .map_err(|e| in_layer(1, layer.name(), e))?;
                add(y, branch.view(), shortcut.view());
            }
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
        let layers = 1 + usize::from(self.shortcut.is_some());
        for (i, kept) in self.kept.iter().take(layers).enumerate() {
            require_kept(i, kept, expected.slice())?;
        }
        let [branch, shortcut] = &self.kept;
        let into = dx.as_mut().map(|dx| dx.view_mut());
        self.branch.backward(x.view(), branch.view(), dy.view(), into, mode.child(0))?;
        match (&mut self.shortcut, dx) {
            (None, None) => {}
            (None, Some(mut dx)) => dx += &dy,
            (Some(layer), None) => layer.backward(x, shortcut.view(), dy, None, mode.child(1))?,
            (Some(layer), Some(mut dx)) => {
                self.gradient.reshape(x.shape())?;
                let into = Some(self.gradient.view_mut());
                layer.backward(x, shortcut.view(), dy, into, mode.child(1))?;
                dx += &self.gradient.view();
            }
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.check_output(x.shape(), y.shape())?;
        self.branch.infer(x.view(), y.view_mut())?;
        match &self.shortcut {
            None => y += &x,
            Some(layer) => {
                let mut shortcut = Buffer::new();
                shortcut.reshape(y.shape())?;
                layer.infer(x, shortcut.view_mut())?;
                y += &shortcut.view();
            }
        }
        Ok(())
    }

    fn visit_layers(&mut self, at: &Path<'_>, f: &mut LayerVisitor<'_, F>) -> Inside {
        let at = at.name("layers");
        f(&at.index(0), &mut self.branch);
        if let Some(shortcut) = &mut self.shortcut {
            f(&at.index(1), shortcut);
        }
        Inside::Branches
    }
}

impl<F: Float> fmt::Debug for Residual<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortcut = self.shortcut.as_ref().map_or("identity", |layer| layer.name());
        f.debug_struct(NAME)
            .field("branch", &self.branch.name())
            .field("shortcut", &shortcut)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Dense, Sequential, Tanh};
    use ndarray::{ArrayD, arr1, arr2};
    use tricks_regularize::DropPath;
    use tricks_tensor::{Noise, gradcheck};

    fn block() -> Residual<f64> {
        let f = Dense::with_parameters(arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), None).unwrap();
        let s = Dense::with_parameters(arr2(&[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), None).unwrap();
        Residual::new(f).shortcut(s)
    }

    #[test]
    fn a_projection_by_hand() {
        let mut block = block();
        let (x, mut y) = (arr2(&[[1.0, 10.0]]).into_dyn(), ArrayD::zeros(vec![1, 3]));
        block.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        assert_eq!(y.as_slice().unwrap(), [21.0 + 1.0, 43.0 + 10.0, 65.0 + 11.0]);
        let (dy, mut dx) = (arr2(&[[1.0, 0.0, -1.0]]).into_dyn(), ArrayD::zeros(vec![1, 2]));
        block.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert_eq!(dx.as_slice().unwrap(), [-4.0, -5.0]);
        let mut seen = Vec::new();
        block.visit(&Path::ROOT, &mut |place, mut param| {
            seen.push((place.path.to_string(), param.grad.values().unwrap().to_vec()));
        });
        let grad = vec![1.0, 10.0, 0.0, 0.0, -1.0, -10.0];
        assert_eq!(
            seen,
            [("layers.0.weight".into(), grad.clone()), ("layers.1.weight".into(), grad)]
        );
    }

    #[test]
    fn a_dropped_branch_leaves_the_input() {
        let f = Sequential::new()
            .push(Dense::with_parameters(arr2(&[[2.0]]), Some(arr1(&[1.0]))).unwrap())
            .push(DropPath::new(0.5).unwrap());
        let mut block = Residual::new(f);
        let x = ArrayD::from_shape_fn(vec![40, 1], |at| at[0] as f64);
        let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
        let mode = Mode::Train(Noise::new(3));
        block.forward(x.view(), y.view_mut(), mode).unwrap();
        let dy = ArrayD::ones(x.raw_dim());
        block.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
        let mut dropped = 0;
        for ((x, y), dx) in x.iter().zip(&y).zip(&dx) {
            let out = *y == *x && *dx == 1.0;
            assert!(out || (*y == x + 2.0 * (2.0 * x + 1.0) && *dx == 5.0), "{x} {y} {dx}");
            dropped += usize::from(out);
        }
        assert!((5..35).contains(&dropped), "{dropped}");
    }

    #[test]
    fn a_block_in_a_block() {
        let inner = Residual::new(Dense::with_parameters(arr2(&[[0.5]]), None).unwrap());
        let f = Sequential::new().push(Tanh).push(inner).push(Tanh);
        let mut block = Residual::new(f);
        let x = arr2(&[[0.3], [-0.7]]).into_dyn();
        gradcheck::layer(&mut block, &x, Mode::Eval, Noise::new(1)).unwrap().within(1e-8).unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut block = block();
        let text = |e: Result<()>| e.unwrap_err().to_string();
        let refused = block.output_shape(&[1, 3]).unwrap_err().to_string();
        assert_eq!(refused, "layers.0 (Dense): input has shape [1, 3], weight [3, 2]");
        let (x, mut y) = (ArrayD::zeros(vec![4, 2]), ArrayD::zeros(vec![4, 2]));
        let refused = "Residual: output has shape [4, 2], expected [4, 3]";
        assert_eq!(text(block.forward(x.view(), y.view_mut(), Mode::Eval)), refused);
        assert_eq!(text(block.infer(x.view(), y.view_mut())), refused);
        let dy = ArrayD::zeros(vec![4, 3]);
        let refused = text(block.backward(x.view(), dy.view(), dy.view(), None, Mode::Eval));
        let want = "layers.0: output of the last forward pass has shape [0], expected [4, 3]";
        assert_eq!(refused, want);
        let refused = text(block.backward(x.view(), dy.view(), x.view(), None, Mode::Eval));
        assert_eq!(refused, "Residual: output gradient has shape [4, 2], output [4, 3]");
        let odd = Residual::new(Dense::<f64>::new(2, 2)).shortcut(Dense::new(3, 2));
        let refused = odd.output_shape(&[1, 2]).unwrap_err().to_string();
        assert_eq!(refused, "layers.1 (Dense): input has shape [1, 2], weight [2, 3]");
    }
}
