use crate::elementary::{erf, exponential, logarithm};
use ndarray::NdFloat;
use std::iter::Sum;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The number type of parameters and activations: `f32` or `f64`.
///
/// Hyper-parameters are `f64` everywhere and cross into `F` once a step.
pub trait Float: NdFloat + Sum + Default + sealed::Sealed {
    /// `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// What a number must be to be one of this type, for messages.
    const RANGE: &'static str;
    /// The nearest number of this type.
    fn of(x: f64) -> Self;
    /// The same number as an `f64`.
    fn widen(self) -> f64;
    /// `eˣ`, the same bits on every machine; so are the next. See [`elementary`](crate::elementary)
    /// for their errors.
    fn exp_exact(self) -> Self;
    /// `eˣ − 1`, exact near 0.
    fn exp_m1_exact(self) -> Self;
    /// Natural logarithm.
    fn ln_exact(self) -> Self;
    /// `ln(1 + x)`, exact near 0.
    fn ln_1p_exact(self) -> Self;
    /// `tanh x`.
    fn tanh_exact(self) -> Self;
    /// `1/(1 + e⁻ˣ)`.
    fn sigmoid_exact(self) -> Self;
    /// The error function.
    fn erf_exact(self) -> Self;
    /// `1 − erf x`, exact where it is close to 0.
    fn erfc_exact(self) -> Self;
    /// Entry of a [`StateDict`](crate::StateDict).
    fn values(data: &[Self]) -> crate::Values;
    /// The data of an entry, if it is of this type.
    fn from_values(values: &crate::Values) -> Option<&[Self]>;
}

macro_rules! float {
    ($t:ident, $variant:ident) => {
        impl Float for $t {
            const NAME: &'static str = stringify!($t);
            const RANGE: &'static str = concat!("finite as ", stringify!($t));
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn widen(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn exp_exact(self) -> Self {
                exponential::$t::exp(self)
            }
            #[inline(always)]
            fn exp_m1_exact(self) -> Self {
                exponential::$t::exp_m1(self)
            }
            #[inline(always)]
            fn ln_exact(self) -> Self {
                logarithm::$t::ln(self)
            }
            #[inline(always)]
            fn ln_1p_exact(self) -> Self {
                logarithm::$t::ln_1p(self)
            }
            #[inline(always)]
            fn tanh_exact(self) -> Self {
                exponential::$t::tanh(self)
            }
            #[inline(always)]
            fn sigmoid_exact(self) -> Self {
                exponential::$t::sigmoid(self)
            }
            #[inline(always)]
            fn erf_exact(self) -> Self {
                erf::$t::erf(self)
            }
            #[inline(always)]
            fn erfc_exact(self) -> Self {
                erf::$t::erfc(self)
            }
            fn values(data: &[Self]) -> crate::Values {
                crate::Values::$variant(data.to_vec())
            }
            fn from_values(values: &crate::Values) -> Option<&[Self]> {
                match values {
                    crate::Values::$variant(data) => Some(data),
                    _ => None,
                }
            }
        }
    };
}
float!(f32, F32);
float!(f64, F64);
