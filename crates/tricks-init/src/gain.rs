use crate::gaussian::{cumulative, density};
use crate::quadrature::mean_square;
use tricks_tensor::math;

/// What an activation does to the size of its input, undone by the weights before it.
///
/// # Formula
/// ```text
/// gain = 1/√E[f(z)²],  z ~ N(0, 1)
/// ```
/// but for three that are PyTorch's conventions:
///
/// | activation | gain |
/// |---|---|
/// | linear; sigmoid (convention) | 1 |
/// | tanh (convention; by the formula 1.5925) | 5/3 |
/// | SELU (convention; by the formula 1) | 3/4 |
/// | ReLU | √2 |
/// | leaky ReLU | √(2 / (1 + a²)) |
/// | ELU, hard tanh, hard sigmoid, hard swish, ReLU6, the shrinks | closed forms of φ and Φ |
/// | GELU, SiLU, Mish, softplus, log-sigmoid, softsign, tanh shrink | by quadrature |
///
/// Any other, and those of other parameters: [`Gain::of`].
///
/// Notes: the numbers of the first five rows are those of PyTorch's `calculate_gain`, which has no
/// others. PyTorch's slope, if none is given, is 0.01. Convolutions count as linear: the gain
/// belongs to what comes after them. A mean that an activation adds, as sigmoid and softplus do,
/// counts as signal here.
///
/// Source: He, Zhang, Ren, Sun: *Delving Deep into Rectifiers*, ICCV 2015, eq. 15.
///
/// ```
/// use tricks_init::{Fan, Gain, VarianceScaling};
/// let fan = Fan { fan_in: 8, fan_out: 4 };
/// let leaky = VarianceScaling::he_normal().gain(Gain::LeakyRelu(1.0));
/// assert_eq!(leaky.std(fan), (1.0f64 / 8.0).sqrt());
/// // An activation of one's own: |x| keeps the size of its input.
/// assert!((Gain::of(f64::abs).value() - 1.0).abs() < 1e-12);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain {
    /// No activation.
    Linear,
    /// The logistic function.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// max(0, x).
    Relu,
    /// max(0, x) + a·min(0, x), with slope `a`.
    LeakyRelu(f64),
    /// The self-normalizing exponential unit.
    Selu,
    /// x where positive, else α(eˣ − 1).
    Elu(f64),
    /// min(max(0, x), 6).
    Relu6,
    /// x Φ(x).
    Gelu,
    /// x Φ(x), with a tanh for Φ.
    GeluTanh,
    /// x σ(x), also called swish.
    Silu,
    /// x tanh(ln(1 + eˣ)).
    Mish,
    /// ln(1 + eˣ).
    Softplus,
    /// −ln(1 + e⁻ˣ).
    LogSigmoid,
    /// x / (1 + |x|).
    Softsign,
    /// min(max(−1, x), 1).
    Hardtanh,
    /// min(max(0, x + 3), 6) / 6.
    Hardsigmoid,
    /// x min(max(0, x + 3), 6) / 6.
    Hardswish,
    /// x where |x| > λ, else 0.
    Hardshrink(f64),
    /// sign(x) max(|x| − λ, 0).
    Softshrink(f64),
    /// x − tanh x.
    Tanhshrink,
    /// The number itself.
    Factor(f64),
}

impl Gain {
    /// The gain of any activation, by quadrature.
    ///
    /// Exact to 12 digits for functions that are smooth but for corners; a jump that is no multiple
    /// of ½ costs four of them. It is not finite where the mean square is 0 or not finite.
    ///
    /// ```
    /// use tricks_init::Gain;
    /// assert!((Gain::of(|x| x.max(0.0)).value() - 2.0f64.sqrt()).abs() < 1e-12);
    /// assert!((Gain::of(|x| x * x).value() - 3.0f64.sqrt().recip()).abs() < 1e-12);
    /// ```
    pub fn of(activation: impl Fn(f64) -> f64) -> Self {
        Self::Factor(mean_square(activation).sqrt().recip())
    }

    /// The number.
    pub fn value(self) -> f64 {
        match self {
            Self::Factor(gain) => gain,
            _ => self.squared().sqrt(),
        }
    }

    /// Its square, by which the variance of the weights grows.
    pub(crate) fn squared(self) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 25.0 / 9.0,
            Self::Relu => 2.0,
            Self::LeakyRelu(a) => 2.0 / (1.0 + a * a),
            Self::Selu => 9.0 / 16.0,
            Self::Factor(gain) => gain * gain,
            _ => 1.0 / self.mean_square(),
        }
    }

    /// `E[f(z)²]`.
    fn mean_square(self) -> f64 {
        match self {
            Self::Elu(alpha) => {
                let negative = math::exp(2.0) * cumulative(-2.0)
                    - 2.0 * math::exp(0.5) * cumulative(-1.0)
                    + 0.5;
                0.5 + alpha * alpha * negative
            }
            Self::Relu6 => square_within(6.0) / 2.0 + 36.0 * cumulative(-6.0),
            Self::Hardtanh => square_within(1.0) + 2.0 * cumulative(-1.0),
            Self::Hardsigmoid => {
                let inside = 1.0 - 2.0 * cumulative(-3.0);
                (square_within(3.0) + 9.0 * inside) / 36.0 + cumulative(-3.0)
            }
            Self::Hardswish => {
                // E[z⁴] within ±3, by parts from E[z²].
                let fourth = 3.0 * square_within(3.0) - 54.0 * density(3.0);
                (fourth + 9.0 * square_within(3.0)) / 36.0 + square_beyond(3.0) / 2.0
            }
            Self::Hardshrink(lambda) => square_beyond(lambda.max(0.0)),
            Self::Softshrink(lambda) => {
                let shrunk = (1.0 + lambda * lambda) * cumulative(-lambda);
                2.0 * (shrunk - lambda * density(lambda))
            }
            Self::Gelu => 0.425_221_482_570_298_85,
            Self::GeluTanh => 0.425_193_711_033_099_6,
            Self::Silu => 0.355_775_519_817_352_3,
            Self::Mish => 0.452_342_192_375_882_97,
            Self::Softplus | Self::LogSigmoid => 0.921_245_908_859_300_7,
            Self::Softsign => 0.183_014_021_266_547_56,
            Self::Tanhshrink => 0.182_883_471_193_523_6,
            _ => 1.0 / self.squared(),
        }
    }
}

/// `E[z²]` where `|z| ≤ a`.
fn square_within(a: f64) -> f64 {
    1.0 - square_beyond(a)
}

/// `E[z²]` where `|z| > a`.
fn square_beyond(a: f64) -> f64 {
    2.0 * (a * density(a) + cumulative(-a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let near = |gain: Gain, want: f64| assert!((gain.value() - want).abs() < 1e-15, "{gain:?}");
        near(Gain::Linear, 1.0);
        near(Gain::Sigmoid, 1.0);
        near(Gain::Tanh, 5.0 / 3.0);
        near(Gain::Relu, std::f64::consts::SQRT_2);
        near(Gain::LeakyRelu(0.0), std::f64::consts::SQRT_2);
        near(Gain::LeakyRelu(0.2), 1.386_750_490_563_072_8);
        near(Gain::LeakyRelu(1.0), 1.0);
        near(Gain::Selu, 0.75);
        near(Gain::Factor(1.7), 1.7);
    }

    #[test]
    fn closed_forms_meet_the_quadrature() {
        let near = |gain: Gain, f: &dyn Fn(f64) -> f64| {
            let (closed, found) = (gain.value(), Gain::of(f).value());
            assert!((found / closed - 1.0).abs() < 1e-12, "{gain:?}: {closed} against {found}");
        };
        near(Gain::Linear, &|x| x);
        near(Gain::Relu, &|x| x.max(0.0));
        near(Gain::LeakyRelu(0.3), &|x| x.max(0.3 * x));
        near(Gain::Elu(1.7), &|x| if x > 0.0 { x } else { 1.7 * (math::exp(x) - 1.0) });
        near(Gain::Relu6, &|x| x.clamp(0.0, 6.0));
        near(Gain::Hardtanh, &|x| x.clamp(-1.0, 1.0));
        near(Gain::Hardsigmoid, &|x| (x + 3.0).clamp(0.0, 6.0) / 6.0);
        near(Gain::Hardswish, &|x| x * (x + 3.0).clamp(0.0, 6.0) / 6.0);
        near(Gain::Hardshrink(0.5), &|x| if x.abs() > 0.5 { x } else { 0.0 });
        near(Gain::Softshrink(0.7), &|x| (x.abs() - 0.7).max(0.0));
        near(Gain::Silu, &|x| x / (1.0 + math::exp(-x)));
        near(Gain::Softplus, &|x| math::ln(1.0 + math::exp(x)));
        near(Gain::Softsign, &|x| x / (1.0 + x.abs()));
        near(Gain::Gelu, &|x| x * cumulative(x));
    }
}
