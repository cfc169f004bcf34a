use crate::{Float, Grad, ParamKind, ParamMut, Parameters, Path, Place, RowGrad};

/// A parameter that lives elsewhere, with its name, role and shape: how another framework's
/// tensors reach an optimizer.
///
/// A slice, an array or a `Vec` of them is a set of [`Parameters`], and so is one of plain
/// `(name, values, gradient)`: of these each is a [`ParamKind::Weight`] of one dimension, too
/// little for what looks at shapes (Muon, Adafactor) or roles (weight decay).
///
/// ```
/// use tricks_tensor::{Named, ParamKind, Parameters, Path};
/// let (mut w, mut dw) = ([1.0; 6], [0.5; 6]);
/// let (mut b, mut db) = ([0.0; 2], [0.1; 2]);
/// let mut params = [
///     Named::new("dense.weight", &[2, 3], &mut w, &mut dw),
///     Named::new("dense.bias", &[2], &mut b, &mut db).kind(ParamKind::Bias),
/// ];
/// let mut seen = Vec::new();
/// params.visit(&Path::ROOT, &mut |place, _| seen.push((place.kind, place.shape.len())));
/// assert_eq!(seen, [(ParamKind::Weight, 2), (ParamKind::Bias, 1)]);
/// ```
#[derive(Debug)]
pub struct Named<'a, F> {
    /// Where it is.
    pub name: &'a str,
    /// What it is for.
    pub kind: ParamKind,
    /// Its shape; the numbers stand in C order.
    pub shape: &'a [usize],
    /// Its values.
    pub value: &'a mut [F],
    /// Its gradient.
    pub grad: Grad<'a, F>,
}

impl<'a, F> Named<'a, F> {
    /// A weight with all the numbers of its gradient.
    pub fn new(name: &'a str, shape: &'a [usize], value: &'a mut [F], grad: &'a mut [F]) -> Self {
        Self { name, kind: ParamKind::Weight, shape, value, grad: Grad::Dense(grad) }
    }

    /// A table of embeddings with the rows of its gradient.
    pub fn rows(
        name: &'a str,
        shape: &'a [usize],
        value: &'a mut [F],
        grad: &'a mut RowGrad<F>,
    ) -> Self
    where
        F: Float,
    {
        Self { name, kind: ParamKind::Embedding, shape, value, grad: grad.lend() }
    }

    /// The same in another role.
    pub fn kind(self, kind: ParamKind) -> Self {
        Self { kind, ..self }
    }
}

impl<F: Float> Parameters<F> for [Named<'_, F>] {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        for Named { name, kind, shape, value, grad } in self {
            let grad = match grad {
                Grad::Dense(values) => Grad::Dense(values),
                Grad::Rows { rows, values } => Grad::Rows { rows, values },
                Grad::Absent => Grad::Absent,
            };
            let path = at.name(name);
            f(Place { path: &path, kind: *kind, shape }, ParamMut { value, grad });
        }
    }
}

impl<F: Float> Parameters<F> for [(&str, &mut [F], &mut [F])] {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        for (name, value, grad) in self {
            let (path, shape) = (at.name(name), [value.len()]);
            let place = Place { path: &path, kind: ParamKind::Weight, shape: &shape };
            f(place, ParamMut::dense(value, grad));
        }
    }
}

macro_rules! as_a_slice {
    ($item:ty) => {
        impl<F: Float, const N: usize> Parameters<F> for [$item; N] {
            fn visit<'p>(
                &'p mut self,
                at: &Path<'_>,
                f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
            ) {
                self.as_mut_slice().visit(at, f);
            }
        }

        impl<F: Float> Parameters<F> for Vec<$item> {
            fn visit<'p>(
                &'p mut self,
                at: &Path<'_>,
                f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
            ) {
                self.as_mut_slice().visit(at, f);
            }
        }
    };
}
as_a_slice!(Named<'_, F>);
as_a_slice!((&str, &mut [F], &mut [F]));
