use crate::{Error, Float, Path, Result};

/// What a parameter is for: decides weight decay, initialization and what an optimizer touches.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// A matrix or a convolution kernel. Decayed by default.
    Weight,
    /// An offset.
    Bias,
    /// The γ of a normalization.
    Scale,
    /// The β of a normalization.
    Shift,
    /// A table of vectors.
    Embedding,
    /// Not trained, but saved: running statistics.
    Buffer,
}

/// Where a parameter is and what it is.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its name.
    pub path: &'a Path<'a>,
    /// Its role.
    pub kind: ParamKind,
    /// Its shape; the data is in C order.
    pub shape: &'a [usize],
}

/// The gradient that comes with a parameter.
#[non_exhaustive]
#[derive(Debug)]
pub enum Grad<'p, F> {
    /// One number for each of the parameter's.
    Dense(&'p mut [F]),
    /// None this step: the parameter, its memory and its count stay untouched.
    Absent,
}

/// The numbers of a parameter, for as long as their owner is borrowed.
#[derive(Debug)]
pub struct ParamMut<'p, F> {
    /// The values, C order.
    pub value: &'p mut [F],
    /// The gradient.
    pub grad: Grad<'p, F>,
}

impl<'p, F> ParamMut<'p, F> {
    /// A parameter with a gradient.
    pub fn dense(value: &'p mut [F], grad: &'p mut [F]) -> Self {
        Self { value, grad: Grad::Dense(grad) }
    }

    /// Values without a gradient: a buffer, or a parameter this step did not reach.
    pub fn absent(value: &'p mut [F]) -> Self {
        Self { value, grad: Grad::Absent }
    }
}

/// Anything that has parameters.
///
/// `visit` shows each of them once, always in the same order, under a path below `at`. A visitor
/// needs no ids, no reflection and no derive, and one optimizer serves slices, maps and layers.
pub trait Parameters<F: Float> {
    /// Calls `f` with every parameter and buffer.
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>));
}

impl<F: Float, P: Parameters<F> + ?Sized> Parameters<F> for &mut P {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        (**self).visit(at, f);
    }
}

impl<F: Float, P: Parameters<F> + ?Sized> Parameters<F> for Box<P> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        (**self).visit(at, f);
    }
}

/// Named slices `(name, values, gradient)`; each is a [`ParamKind::Weight`] of one dimension.
impl<F: Float> Parameters<F> for [(&str, &mut [F], &mut [F])] {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        for (name, value, grad) in self {
            let (path, shape) = (at.name(name), [value.len()]);
            let place = Place { path: &path, kind: ParamKind::Weight, shape: &shape };
            f(place, ParamMut::dense(value, grad));
        }
    }
}

impl<F: Float, const N: usize> Parameters<F> for [(&str, &mut [F], &mut [F]); N] {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.as_mut_slice().visit(at, f);
    }
}

impl<F: Float> Parameters<F> for Vec<(&str, &mut [F], &mut [F])> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.as_mut_slice().visit(at, f);
    }
}

impl Place<'_> {
    /// The number of values the shape asks for.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether the shape holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Refuses values or a gradient of another length than the shape's.
    ///
    /// # Errors
    /// [`Error::Shape`], naming the parameter.
    pub fn check<F>(&self, param: &ParamMut<'_, F>) -> Result<()> {
        let wrong = |what, found: usize| {
            Err(Error::shape(self.path, (what, &[found]), ("shape", self.shape)))
        };
        if param.value.len() != self.len() {
            return wrong("value", param.value.len());
        }
        match &param.grad {
            Grad::Dense(grad) if grad.len() != self.len() => wrong("gradient", grad.len()),
            _ => Ok(()),
        }
    }
}
