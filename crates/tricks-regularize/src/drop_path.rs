use crate::Dropout;
use crate::unit_dropout::unit_dropout;
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::{Error, Result};

/// Stochastic depth: a residual branch is left out for whole samples.
///
/// # Formula
/// ```text
/// training:   y = b/(1 − p)  with probability 1 − p,  else 0      for every sample's branch b
/// evaluation: y = b
/// backward:   dy in place of b, with the same mask
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none | [0, 1] |
///
/// # Memory
/// None. The mask is a function of the noise: `backward` computes it again.
///
/// # Notes
/// Put it at the end of a branch: `x + drop_path(b(x))`. The expectation of `y` is `b`; in the
/// paper nothing is scaled in training, and the branch is scaled by `1 − p` in evaluation. Usual is
/// a p that grows with depth, from 0 to its largest.
///
/// # Source
/// Huang, Sun, Liu, Sedra, Weinberger: *Deep networks with stochastic depth*, ECCV 2016, equation
/// 2.
///
/// ```
/// use tricks_regularize::DropPath;
/// use tricks_tensor::ndarray::{ArrayD, arr1, arr2};
///
/// let (branch, keep) = (arr2(&[[1.0, 2.0], [3.0, 4.0]]).into_dyn(), arr1(&[false, true]).into_dyn());
/// let mut y = ArrayD::zeros(branch.raw_dim());
/// DropPath::new(0.5)?.apply(branch.view(), keep.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[0.0, 0.0], [6.0, 8.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropPath {
    dropout: Dropout,
}

const NAME: &str = "DropPath";

impl DropPath {
    fn check(self, x: &[usize]) -> Result<()> {
        if x.is_empty() {
            return Err(Error::invalid(NAME, "input has no axis of samples"));
        }
        Ok(())
    }
}

unit_dropout! { impl Layer<F> for DropPath, of "branch", axes: 1, mask: "[samples]" }
