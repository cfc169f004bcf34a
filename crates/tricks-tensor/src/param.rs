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
    /// Numbers for some rows, an index into the first dimension being a row; 0 everywhere else.
    ///
    /// Only these rows of the parameter and of its memory are read or written. What a table of
    /// embeddings has after a batch; [`RowGrad`](crate::RowGrad) makes one.
    Rows {
        /// Which rows, strictly increasing.
        rows: &'p [usize],
        /// Their numbers, row after row.
        values: &'p mut [F],
    },
    /// None this step: the parameter, its memory and its count stay untouched.
    Absent,
}

impl<F> Grad<'_, F> {
    /// The numbers of the gradient that are not known to be 0; none if it is absent.
    pub fn values(&mut self) -> Option<&mut [F]> {
        match self {
            Grad::Dense(values) | Grad::Rows { values, .. } => Some(values),
            Grad::Absent => None,
        }
    }
}

impl<F: Float> Grad<'_, F> {
    /// A copy with every number, for a parameter of `len` numbers whose first dimension is `count`;
    /// none if it is absent.
    pub fn to_dense(&self, count: usize, len: usize) -> Option<Vec<F>> {
        match self {
            Grad::Dense(values) => Some(values.to_vec()),
            Grad::Rows { rows, values } => {
                let width = len / count.max(1);
                let mut dense = vec![F::zero(); len];
                for (row, values) in rows.iter().zip(values.chunks_exact(width.max(1))) {
                    dense[row * width..][..width].copy_from_slice(values);
                }
                Some(dense)
            }
            Grad::Absent => None,
        }
    }
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

/// A product that no shape can overflow.
fn product(shape: &[usize]) -> usize {
    shape.iter().fold(1, |len: usize, n| len.saturating_mul(*n))
}

impl Place<'_> {
    /// The number of values the shape asks for; more than a `usize` holds is the largest one.
    pub fn len(&self) -> usize {
        product(self.shape)
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
            Grad::Dense(_) | Grad::Absent => Ok(()),
            Grad::Rows { rows, values } => self.check_rows(rows, values.len()),
        }
    }

    fn check_rows(&self, rows: &[usize], found: usize) -> Result<()> {
        let [count, row @ ..] = self.shape else {
            return Err(Error::invalid("Grad::Rows", format!("{} has no rows", self.path)));
        };
        let expected = rows.len().saturating_mul(product(row));
        if found != expected {
            let of = format!("{} rows of shape {row:?}", rows.len());
            let message = format!("{}: {found} numbers for {of}, which hold {expected}", self.path);
            return Err(Error::invalid("Grad::Rows", message));
        }
        if let Some(pair) = rows.windows(2).find(|pair| pair[0] >= pair[1]) {
            let message = format!("{}: row {} stands before row {}", self.path, pair[0], pair[1]);
            return Err(Error::invalid("Grad::Rows", message));
        }
        match rows.last() {
            Some(last) if last >= count => {
                let message = format!("{}: row {last} of {count}", self.path);
                Err(Error::invalid("Grad::Rows", message))
            }
            _ => Ok(()),
        }
    }
}
