use super::{Elementwise, elementwise, softplus};
use tricks_tensor::{Float, Result, hyper};

/// A smooth rectifier: positive everywhere, straight far from zero.
///
/// # Formula
/// ```text
/// y  = ln(1 + e^(β x)) / β
/// dx = dy · σ(β x)
/// ```
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `beta` | β | 1 | finite and above 0 |
///
/// Computed as `max(x, 0) + ln(1 + e^(−|β x|))/β`, which cannot overflow: PyTorch's second
/// argument, a threshold beyond which `y = x`, is not needed, and differs by less than 3·10⁻⁹.
///
/// Source: Dugas, Bengio, Bélisle, Nadeau, Garcia: *Incorporating second-order functional
/// knowledge for better option pricing*, NIPS 2000.
///
/// ```
/// use tricks_net::layers::Softplus;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1000.0, -1000.0, 0.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// Softplus::default().infer(x.view(), y.view_mut())?;
/// assert_eq!((y[[0]], y[[1]]), (1000.0, 0.0));
/// assert!((y[[2]] - 0.69314718056f64).abs() < 1e-11);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softplus {
    beta: f64,
}

impl Softplus {
    /// With this sharpness.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if it is not finite and above 0.
    pub fn new(beta: f64) -> Result<Self> {
        hyper::positive("Softplus", "beta", beta)?;
        Ok(Self { beta })
    }
}

impl Default for Softplus {
    fn default() -> Self {
        Self { beta: 1.0 }
    }
}

impl Elementwise for Softplus {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        let beta = F::of(self.beta);
        softplus(beta * x) / beta
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        dy * (F::of(self.beta) * x).sigmoid_exact()
    }
}
elementwise!(Softplus);
