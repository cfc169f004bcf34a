use crate::Dropout;
use crate::masked::{Pass, masked_layer};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::require_shape;
use tricks_tensor::{Error, Float, Mode, Result, hyper};

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
/// Put it at the end of a branch: `x + drop_path(b(x))`. The expectation of `y` is `b`; in the paper
/// nothing is scaled in training, and the branch is scaled by `1 − p` in evaluation. Usual is a p
/// that grows with depth, from 0 to its largest.
///
/// # Source
/// Huang, Sun, Liu, Sedra, Weinberger: *Deep networks with stochastic depth*, ECCV 2016, equation 2.
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
    /// With the probability `p` to drop a branch.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `p` is not in [0, 1].
    pub fn new(p: f64) -> Result<Self> {
        hyper::probability(NAME, "p", p)?;
        Ok(Self { dropout: Dropout::new(p)? })
    }

    /// The probability to drop a branch.
    pub fn p(self) -> f64 {
        self.dropout.p()
    }

    /// The forward pass with a mask of your own, `[samples]`; the backward pass is the same
    /// call with gradients.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn apply<F: Float>(
        self,
        x: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.check(x.shape())?;
        require_shape(NAME, ("mask", keep.shape()), ("expected", &x.shape()[..1]))?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        self.dropout.apply_units(unit(x.shape()), x, keep, y);
        Ok(())
    }

    fn check(self, x: &[usize]) -> Result<()> {
        if x.is_empty() {
            return Err(Error::invalid(NAME, "input has no axis of samples"));
        }
        Ok(())
    }

    fn pass<F: Float>(self, _: Pass, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) {
        self.dropout.drop_units(unit(x.shape()), x, y, mode);
    }
}

/// Numbers that are kept or dropped together.
fn unit(x: &[usize]) -> usize {
    x[1..].iter().product()
}

masked_layer! { impl Layer<F> for DropPath }
