use super::{Elementwise, damped, elementwise, sigmoid_slope};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use tricks_tensor::Float;

/// The Gaussian error linear unit: each input times the probability that a normal draw is below
/// it.
///
/// # Formula
/// ```text
/// Erf    y  = x Φ(x),  Φ(x) = ½ erfc(−x/√2)
///        dx = dy (Φ(x) + x φ(x)),  φ(x) = e^(−x²/2) / √(2π)
/// Tanh   y  = x σ(2u),  u = √(2/π) (x + 0.044715 x³)         (½ x (1 + tanh u) in other words)
///        dx = dy (σ(2u) + x σ′(2u) 2u′)
/// ```
///
/// [`GELU::Erf`] is the function itself, the default of PyTorch and Keras; [`GELU::Tanh`] the
/// approximation GPT-2 and BERT were trained with, within 5·10⁻⁴ of it. Below zero neither loses
/// digits to `1 − 1`; −∞ gives 0.
///
/// Source: Hendrycks, Gimpel: *Gaussian error linear units*, 2016.
///
/// ```
/// use tricks_net::layers::GELU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![2]));
/// GELU::Erf.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] - 0.84134474607f64).abs() < 1e-11);
/// assert_eq!(y[[1]], 0.0);
/// GELU::Tanh.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] - 0.84119199061f64).abs() < 1e-11);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GELU {
    /// With the normal distribution itself.
    #[default]
    Erf,
    /// With its approximation by a hyperbolic tangent.
    Tanh,
}

const CUBIC: f64 = 0.044715;
/// 2 √(2/π)
const TWICE: f64 = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;

impl GELU {
    #[inline(always)]
    fn below<F: Float>(x: F) -> F {
        F::of(0.5) * (-x * F::of(FRAC_1_SQRT_2)).erfc_exact()
    }

    /// `2u`.
    #[inline(always)]
    fn argument<F: Float>(x: F) -> F {
        F::of(TWICE) * x * (F::one() + F::of(CUBIC) * x * x)
    }
}

impl Elementwise for GELU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        match self {
            GELU::Erf => damped(x, Self::below(x)),
            GELU::Tanh => damped(x, Self::argument(x).sigmoid_exact()),
        }
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let half = F::of(0.5);
        let (probability, slope, inner) = match self {
            GELU::Erf => {
                let density = (-half * x * x).exp_exact();
                let scale = half * F::of(FRAC_2_SQRT_PI * FRAC_1_SQRT_2);
                (Self::below(x), density, scale)
            }
            GELU::Tanh => {
                let u = Self::argument(x);
                let inner = F::of(TWICE) * (F::one() + F::of(3.0 * CUBIC) * x * x);
                (u.sigmoid_exact(), sigmoid_slope(u), inner)
            }
        };
        dy * (probability + damped(x * inner, slope))
    }
}
elementwise!(GELU);
