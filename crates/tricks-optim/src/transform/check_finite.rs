use super::{Pending, Transform};
use tricks_tensor::{Error, Float, Parameters, Path, Result, kernel};

/// Refuses gradients that are NaN or infinite, and names the parameter and the position.
///
/// # Notes
/// A step refuses them anyway; this is for those who step by other means, and for the front of a
/// chain whose other parts would hide them.
///
/// # Example
/// ```
/// use tricks_optim::{CheckFinite, Pending, Transform};
/// let (mut w, mut dw) = ([0.0f64; 3], [1.0, f64::NAN, 2.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let refused = CheckFinite.apply(&mut params, Pending::NONE).unwrap_err();
/// assert_eq!(refused.to_string(), "w: gradient is NaN at flat index 1");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckFinite;

impl<F: Float> Transform<F> for CheckFinite {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        first_non_finite(params).map_or(Ok(pending), Err)
    }
}

/// The first gradient that is not finite, as an error.
pub(crate) fn first_non_finite<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
) -> Option<Error> {
    let mut found = None;
    params.visit(&Path::ROOT, &mut |place, mut param| {
        let Some(grad) = param.grad.values().filter(|_| found.is_none()) else { return };
        if let Some(index) = kernel::first_non_finite(grad) {
            let (name, value) = (place.path.to_string(), grad[index].widen());
            found = Some(Error::NonFinite { name, what: "gradient", index, value });
        }
    });
    found
}
