use super::{Elementwise, damped, elementwise, sigmoid_slope};
use tricks_tensor::Float;

/// The sigmoid linear unit, also called swish: a smooth rectifier with a dip below zero.
///
/// # Formula
/// ```text
/// y  = x σ(x)
/// dx = dy (σ(x) + x σ(x) σ(−x))
/// ```
///
/// −∞ gives 0, the limit.
///
/// Source: Elfwing, Uchibe, Doya: *Sigmoid-weighted linear units for neural network function
/// approximation in reinforcement learning*, 2017; Ramachandran, Zoph, Le: *Searching for
/// activation functions*, 2017.
///
/// ```
/// use tricks_net::layers::SiLU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1.0, 1000.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// SiLU.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] - 0.73105857863f64).abs() < 1e-11);
/// assert_eq!((y[[1]], y[[2]]), (1000.0, 0.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SiLU;

impl Elementwise for SiLU {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        damped(x, x.sigmoid_exact())
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        dy * (x.sigmoid_exact() + damped(x, sigmoid_slope(x)))
    }
}
elementwise!(SiLU);

/// A smooth rectifier like [`SiLU`], gated by a softplus.
///
/// # Formula
/// ```text
/// y  = x t,  t = tanh(ln(1 + eˣ))
/// dx = dy (t + x (1 − t²) σ(x))
/// ```
///
/// Computed from `e^(−|x|)`, a rational function of which `t` is: no overflow, and −∞ gives 0.
///
/// Source: Misra: *Mish: a self regularized non-monotonic activation function*, 2019.
///
/// ```
/// use tricks_net::layers::Mish;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1.0, 1000.0, -1000.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// Mish.infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] - 0.86509838827f64).abs() < 1e-11);
/// assert_eq!((y[[1]], y[[2]]), (1000.0, 0.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Mish;

impl Mish {
    /// `t` and `1 − t`, neither from the other.
    #[inline(always)]
    fn gate<F: Float>(x: F) -> (F, F) {
        let (one, two) = (F::one(), F::of(2.0));
        let e = (-x.abs()).exp_exact();
        // t = (w² − 1)/(w² + 1) with w = 1 + eˣ, over the larger power of eˣ.
        let (t, rest) =
            if x >= F::zero() { (one + two * e, two * e * e) } else { (e * (e + two), two) };
        let below = t + rest;
        (t / below, rest / below)
    }
}

impl Elementwise for Mish {
    #[inline(always)]
    fn value<F: Float>(self, x: F) -> F {
        damped(x, Self::gate(x).0)
    }

    #[inline(always)]
    fn gradient<F: Float>(self, x: F, _: F, dy: F) -> F {
        let (t, rest) = Self::gate(x);
        dy * (t + damped(x, rest * (F::one() + t) * x.sigmoid_exact()))
    }
}
elementwise!(Mish);
