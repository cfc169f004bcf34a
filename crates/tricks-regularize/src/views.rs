use tricks_tensor::ndarray::{ArrayD, ArrayViewMutD, CowArray, IxDyn};
use tricks_tensor::{Error, Float, Result};

/// The numbers of what `as_standard_layout` gave: the view itself, or its copy in C order.
pub(crate) fn numbers<'a, F: Float>(x: &'a CowArray<'_, F, IxDyn>) -> &'a [F] {
    x.as_slice().expect("as_standard_layout gives standard layout")
}

/// Lets `f` fill a view of any layout as a slice in C order.
pub(crate) fn fill<F: Float>(mut view: ArrayViewMutD<'_, F>, f: impl FnOnce(&mut [F])) {
    match view.as_slice_mut() {
        Some(numbers) => f(numbers),
        None => {
            let mut copy = ArrayD::zeros(view.raw_dim());
            f(copy.as_slice_mut().expect("a new array has standard layout"));
            view.assign(&copy);
        }
    }
}

/// Refuses a shape other than the one expected; both are in the message.
pub(crate) fn require_shape(
    owner: &'static str,
    (what, found): (&'static str, &[usize]),
    (of, expected): (&'static str, &[usize]),
) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::shape(owner, (what, found), (of, expected)))
}
