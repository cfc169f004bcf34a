use tricks_tensor::{Float, ParamKind, ParamMut, Path, Place, Result, hyper};

/// γ and β, a number of each per channel. They are always there, as 1 and 0 if they are not
/// parameters.
#[derive(Clone, Debug)]
pub(crate) struct Affine<F> {
    shape: Vec<usize>,
    pub(super) scale: bool,
    pub(super) shift: bool,
    pub(super) weight: Vec<F>,
    pub(super) weight_grad: Vec<F>,
    pub(super) bias: Vec<F>,
    pub(super) bias_grad: Vec<F>,
    // Scratch of the backward pass: Σ dy and Σ dy·x̂ per channel.
    pub(super) sums: Vec<f64>,
    pub(super) products: Vec<f64>,
}

impl<F: Float> Affine<F> {
    /// Refuses a shape without numbers. `scale` and `shift` say what is a parameter.
    pub(crate) fn new(
        owner: &'static str,
        field: &'static str,
        shape: &[usize],
        (scale, shift): (bool, bool),
    ) -> Result<Self> {
        let count = shape.iter().product::<usize>();
        hyper::require(owner, field, count as f64, count > 0, "at least 1")?;
        Ok(Self {
            shape: shape.to_vec(),
            scale,
            shift,
            weight: vec![F::one(); count],
            weight_grad: vec![F::zero(); count],
            bias: vec![F::zero(); count],
            bias_grad: vec![F::zero(); count],
            sums: vec![0.0; count],
            products: vec![0.0; count],
        })
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn visit<'p>(
        &'p mut self,
        at: &Path<'_>,
        f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
    ) {
        let shape = &self.shape;
        if self.scale {
            let place = Place { path: &at.name("weight"), kind: ParamKind::Scale, shape };
            f(place, ParamMut::dense(&mut self.weight, &mut self.weight_grad));
        }
        if self.shift {
            let place = Place { path: &at.name("bias"), kind: ParamKind::Shift, shape };
            f(place, ParamMut::dense(&mut self.bias, &mut self.bias_grad));
        }
    }
}
