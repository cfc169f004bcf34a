//! What every layer needs of its views: shapes that match, and numbers in C order.

use crate::{Error, Float, Result};
use ndarray::{ArrayViewD, ArrayViewMutD, CowArray, IxDyn};

/// Refuses a shape other than the one expected; both are in the message.
///
/// # Errors
/// [`Error::Shape`].
pub fn require_shape(
    owner: &'static str,
    (what, found): (&'static str, &[usize]),
    (of, expected): (&'static str, &[usize]),
) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::shape(owner, (what, found), (of, expected)))
}

/// Refuses views that a backward pass cannot take: `y` and `dy` must have the output's shape,
/// `dx` that of `x`.
///
/// # Errors
/// [`Error::Shape`].
pub fn require_backward<F: Float>(
    owner: &'static str,
    output: &[usize],
    x: &ArrayViewD<'_, F>,
    y: &ArrayViewD<'_, F>,
    dy: &ArrayViewD<'_, F>,
    dx: Option<&ArrayViewMutD<'_, F>>,
) -> Result<()> {
    require_shape(owner, ("output", y.shape()), ("expected", output))?;
    require_shape(owner, ("output gradient", dy.shape()), ("output", output))?;
    match dx {
        Some(dx) => require_shape(owner, ("input gradient", dx.shape()), ("input", x.shape())),
        None => Ok(()),
    }
}

/// The numbers of what `as_standard_layout` gave: the view itself, or its copy in C order.
pub fn numbers<'a, F: Float>(x: &'a CowArray<'_, F, IxDyn>) -> &'a [F] {
    x.as_slice().expect("as_standard_layout gives C order")
}

/// Lends a view of any layout as a slice in C order: itself, or a copy that is written back.
pub fn with_numbers<F: Float, R>(
    mut view: ArrayViewMutD<'_, F>,
    f: impl FnOnce(&mut [F]) -> R,
) -> R {
    if let Some(numbers) = view.as_slice_mut() {
        return f(numbers);
    }
    let mut copy = view.as_standard_layout().into_owned();
    let result = f(copy.as_slice_mut().expect("as_standard_layout gives C order"));
    view.assign(&copy);
    result
}
