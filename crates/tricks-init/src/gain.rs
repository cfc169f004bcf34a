/// What an activation does to the size of its input, undone by the weights before it.
///
/// # Formula
/// ```text
/// Linear, Sigmoid  1
/// Tanh             5/3
/// Relu             √2
/// LeakyRelu(a)     √(2 / (1 + a²))
/// Selu             3/4
/// ```
///
/// Notes: the numbers of PyTorch's `calculate_gain`. Those of ReLU and leaky ReLU follow from the
/// variance (He et al., eq. 15); those of tanh and SELU are conventions. PyTorch's slope, if none is
/// given, is 0.01. Convolutions count as linear: the gain belongs to what comes after them.
///
/// Source: He, Zhang, Ren, Sun: *Delving Deep into Rectifiers*, ICCV 2015.
///
/// ```
/// use tricks_init::{Fan, Gain, VarianceScaling};
/// let fan = Fan { fan_in: 8, fan_out: 4 };
/// let leaky = VarianceScaling::he_normal().gain(Gain::LeakyRelu(1.0));
/// assert_eq!(leaky.std(fan), (1.0f64 / 8.0).sqrt());
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
}

impl Gain {
    /// The number.
    pub fn value(self) -> f64 {
        self.squared().sqrt()
    }

    /// Its square, by which the variance of the weights grows.
    pub(crate) fn squared(self) -> f64 {
        match self {
            Self::Linear | Self::Sigmoid => 1.0,
            Self::Tanh => 25.0 / 9.0,
            Self::Relu => 2.0,
            Self::LeakyRelu(a) => 2.0 / (1.0 + a * a),
            Self::Selu => 9.0 / 16.0,
        }
    }
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
    }
}
