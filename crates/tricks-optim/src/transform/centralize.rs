use super::{Pending, Transform};
use tricks_tensor::{Float, Parameters, Path, Result, kernel};

/// Gradient centralization: takes the mean off the gradient of each output.
///
/// # Formula
/// ```text
/// g_i ← g_i − mean(g_i)     g_i: the gradient of row i, for parameters of two or more dimensions
/// ```
/// Rows are indices of the first dimension: outputs in `[out, in, …]`. No hyper-parameter. Vectors
/// and scalars stay as they are.
///
/// # Notes
/// Optax' `centralize`. In a layout `[in, out]` the rows are inputs: then it does something else.
///
/// # Source
/// Yong, Huang, Hua, Zhang: *Gradient centralization*, ECCV 2020, equation 1.
///
/// # Example
/// ```
/// use tricks_optim::{Centralize, Pending, Transform};
/// use tricks_tensor::{Dict, ndarray::arr2};
/// let mut params = Dict::new();
/// params.insert("w", arr2(&[[0.0f64, 0.0], [0.0, 0.0]]));
/// params.grad_mut("w").unwrap().assign(&arr2(&[[1.0, 3.0], [10.0, 20.0]]));
/// let _ = Centralize.apply(&mut params, Pending::NONE)?;
/// assert_eq!(params.grad_mut("w").unwrap(), arr2(&[[-1.0, 1.0], [-5.0, 5.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Centralize;

impl<F: Float> Transform<F> for Centralize {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        params.visit(&Path::ROOT, &mut |place, mut param| {
            let [_, row @ ..] = place.shape else { return };
            let width: usize = row.iter().product();
            let Some(grad) = param.grad.values().filter(|_| !row.is_empty() && width > 0) else {
                return;
            };
            for row in grad.chunks_exact_mut(width) {
                let sum = kernel::sum_blocks(
                    row,
                    #[inline(always)]
                    |g| g,
                );
                let mean = F::of(sum / width as f64);
                row.iter_mut().for_each(|g| *g -= mean);
            }
        });
        Ok(Pending::new(pending.factor()))
    }
}
