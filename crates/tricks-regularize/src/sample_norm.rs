//! What layer and root-mean-square normalization share: the last axes of a sample are a group,
//! every number of it a channel.

use crate::groups::{Affine, Groups, Moments};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Float, Mode, ParamMut, Path, Place, Result, hyper};

/// The layer of both, under the name of its owner.
#[derive(Clone, Debug)]
pub(crate) struct SampleNorm<F> {
    owner: &'static str,
    groups: Groups,
    affine: Affine<F>,
    // Scratch of the backward pass.
    moments: Vec<Moments>,
}

impl<F: Float> SampleNorm<F> {
    /// `center` says whether the mean is taken off, `scale` and `shift` what is a parameter.
    pub(crate) fn new(
        owner: &'static str,
        shape: &[usize],
        (center, eps): (bool, f64),
        (scale, shift): (bool, bool),
    ) -> Result<Self> {
        hyper::positive(owner, "eps", eps)?;
        let affine = Affine::new(owner, "features", shape, (scale, shift))?;
        let groups = Groups::new(shape.iter().product(), 1, center, eps);
        Ok(Self { owner, groups, affine, moments: vec![] })
    }

    pub(crate) fn visit<'p>(
        &'p mut self,
        at: &Path<'_>,
        f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
    ) {
        self.affine.visit(at, f);
    }

    pub(crate) fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        let shape = self.affine.shape();
        if !x.ends_with(shape) {
            let leading = x.len().saturating_sub(shape.len());
            let expected = [&x[..leading], shape].concat();
            require_shape(self.owner, ("input", x), ("expected", &expected))?;
        }
        Ok(IxDyn(x))
    }

    pub(crate) fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        _: Mode,
    ) -> Result<()> {
        self.infer(x, y)
    }

    pub(crate) fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        self.output_shape(x.shape())?;
        require_backward(self.owner, x.shape(), &x, &y, &dy, dx.as_ref())?;
        self.groups.backward_views(x, dy, &mut self.moments, &mut self.affine, dx);
        Ok(())
    }

    pub(crate) fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.output_shape(x.shape())?;
        require_shape(self.owner, ("output", y.shape()), ("input", x.shape()))?;
        let x = x.as_standard_layout();
        with_numbers(y, |y| self.groups.forward(numbers(&x), &self.affine, None, y));
        Ok(())
    }
}
