use crate::initializer::{check, check_finite};
use crate::truncated_normal::STD_AT_TWO_SIGMA;
use crate::{Fan, FanMode, Gain, Initializer, Normal, TruncatedNormal, Uniform};
use tricks_tensor::{Float, Noise, Result, hyper};

/// Draws whose variance is set by the fans, so that signals keep their size from layer to layer.
///
/// # Formula
/// ```text
/// σ² = scale / n        n = fan_in, fan_out or (fan_in + fan_out)/2
/// w ~ N(0, σ²)   or   U(−√3 σ, √3 σ)   or   N(0, (σ/0.8796)²) cut at two of its deviations
/// ```
///
/// | name | σ |
/// |---|---|
/// | He (Kaiming) | √(2 / fan_in) |
/// | Xavier (Glorot) | √(2 / (fan_in + fan_out)) |
/// | LeCun; Xavier's one-sided form | √(1 / fan_in) |
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `scale` | gain² | 1 | > 0 |
/// | `mode` | | `In` | |
/// | `distribution` | | `TruncatedNormal` | |
///
/// Notes: `*_normal` here is a full normal, as in PyTorch. In Keras and JAX the initializers of the
/// same names are truncated: set `distribution` to [`Distribution::TruncatedNormal`] for theirs.
/// The variance is the same. The default is that of Keras's and JAX's variance scaling.
///
/// Source: He, Zhang, Ren, Sun: *Delving Deep into Rectifiers*, ICCV 2015, eq. 10. Glorot, Bengio:
/// *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, AISTATS 2010,
/// eq. 12 and 16. LeCun, Bottou, Orr, Müller: *Efficient BackProp*, 1998, eq. 16.
///
/// ```
/// use tricks_init::{Distribution, Fan, FanMode, VarianceScaling};
/// let fan = Fan { fan_in: 100, fan_out: 50 };
/// assert_eq!(VarianceScaling::he_normal().std(fan), (2.0f64 / 100.0).sqrt());
/// assert_eq!(VarianceScaling::xavier_uniform().bound(fan), (6.0f64 / 150.0).sqrt());
///
/// // Keras's HeNormal, and He's that keeps the gradients' variance instead.
/// let keras = VarianceScaling {
///     distribution: Distribution::TruncatedNormal,
///     ..VarianceScaling::he_normal()
/// };
/// assert_eq!(keras.std(fan), VarianceScaling::he_normal().std(fan));
/// let backward = VarianceScaling { mode: FanMode::Out, ..VarianceScaling::he_normal() };
/// assert_eq!(backward.std(fan), 0.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VarianceScaling {
    /// Factor of the variance: the square of a [`Gain`].
    pub scale: f64,
    /// Which fan divides it.
    pub mode: FanMode,
    /// The form of the draws; the variance is the same for all.
    pub distribution: Distribution,
}

/// The form of the draws of [`VarianceScaling`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// The whole normal.
    Normal,
    /// A symmetric interval.
    Uniform,
    /// [`TruncatedNormal::two_sigma_corrected`].
    TruncatedNormal,
}

impl Default for VarianceScaling {
    fn default() -> Self {
        Self::new(1.0, FanMode::In, Distribution::TruncatedNormal)
    }
}

impl VarianceScaling {
    const fn new(scale: f64, mode: FanMode, distribution: Distribution) -> Self {
        Self { scale, mode, distribution }
    }

    /// N(0, 2/fan_in): for ReLU.
    pub const fn he_normal() -> Self {
        Self::new(2.0, FanMode::In, Distribution::Normal)
    }

    /// U(±√(6/fan_in)): for ReLU.
    pub const fn he_uniform() -> Self {
        Self::new(2.0, FanMode::In, Distribution::Uniform)
    }

    /// N(0, 2/(fan_in + fan_out)): for tanh, sigmoid and linear layers.
    pub const fn xavier_normal() -> Self {
        Self::new(1.0, FanMode::Avg, Distribution::Normal)
    }

    /// U(±√(6/(fan_in + fan_out))): for tanh, sigmoid and linear layers.
    pub const fn xavier_uniform() -> Self {
        Self::new(1.0, FanMode::Avg, Distribution::Uniform)
    }

    /// N(0, 1/fan_in): Xavier's rule for the forward pass alone, as textbooks often give it. The
    /// numbers are those of [`VarianceScaling::lecun_normal`].
    pub const fn xavier_one_sided() -> Self {
        Self::new(1.0, FanMode::In, Distribution::Normal)
    }

    /// N(0, 1/fan_in): for SELU.
    pub const fn lecun_normal() -> Self {
        Self::new(1.0, FanMode::In, Distribution::Normal)
    }

    /// U(±√(3/fan_in)): for SELU.
    pub const fn lecun_uniform() -> Self {
        Self::new(1.0, FanMode::In, Distribution::Uniform)
    }

    /// U(±1/√fan_in): what PyTorch's `Linear` and `Conv` start from, weights and biases.
    pub const fn torch_default() -> Self {
        Self::new(1.0 / 3.0, FanMode::In, Distribution::Uniform)
    }

    /// Sets `scale` to the square of an activation's gain. He's constructors have that of
    /// [`Gain::Relu`] already, Xavier's and LeCun's that of [`Gain::Linear`].
    #[must_use]
    pub fn gain(self, gain: Gain) -> Self {
        Self { scale: gain.squared(), ..self }
    }

    /// Multiplies the deviation: what the depth of a net asks for beside the activation.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { scale: self.scale * factor * factor, ..self }
    }

    /// σ, the standard deviation of the draws: `√(scale / n)`. Infinite for a fan of 0.
    pub fn std(&self, fan: Fan) -> f64 {
        (self.scale / fan.by(self.mode)).sqrt()
    }

    /// The largest magnitude of a draw: `√(3·scale / n)` for the uniform distribution, two
    /// deviations of the normal before the cut for the truncated one, infinite for the normal one.
    pub fn bound(&self, fan: Fan) -> f64 {
        match self.distribution {
            Distribution::Normal => f64::INFINITY,
            Distribution::Uniform => (3.0 * self.scale / fan.by(self.mode)).sqrt(),
            Distribution::TruncatedNormal => 2.0 * self.std(fan) / STD_AT_TWO_SIGMA,
        }
    }
}

impl<F: Float> Initializer<F> for VarianceScaling {
    /// # Errors
    /// `scale` not above 0; a fan of 0 that should scale a parameter which has elements.
    fn validate(&self, fan: Fan, shape: &[usize]) -> Result<()> {
        hyper::positive("VarianceScaling", "scale", self.scale)?;
        // A parameter without elements may have a fan of 0: there is nothing to scale.
        if shape.contains(&0) {
            return Ok(());
        }
        let field = match self.mode {
            FanMode::In => "fan_in",
            FanMode::Out => "fan_out",
            FanMode::Avg => "mean of fan_in and fan_out",
        };
        hyper::positive("VarianceScaling", field, fan.by(self.mode))?;
        hyper::positive("VarianceScaling", "std", self.std(fan))?;
        let (field, largest) = match self.distribution {
            Distribution::Normal => ("std", self.std(fan)),
            Distribution::Uniform | Distribution::TruncatedNormal => ("bound", self.bound(fan)),
        };
        check_finite::<F>("VarianceScaling", field, largest)
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("VarianceScaling", self, (fan, shape), out)?;
        let std = self.std(fan);
        match self.distribution {
            Distribution::Normal => Normal { mean: 0.0, std }.draw(noise, out),
            Distribution::Uniform => Uniform::symmetric(self.bound(fan)).draw(noise, out),
            Distribution::TruncatedNormal => {
                TruncatedNormal::two_sigma_corrected(0.0, std).draw(noise, out);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    const FAN: Fan = Fan { fan_in: 3, fan_out: 7 };

    #[track_caller]
    fn near(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-15 * want.abs(), "{got} against {want}");
    }

    #[test]
    fn deviations_by_hand() {
        near(VarianceScaling::he_normal().std(FAN), (2.0f64 / 3.0).sqrt());
        near(VarianceScaling::he_uniform().bound(FAN), 2.0f64.sqrt());
        near(VarianceScaling::xavier_normal().std(FAN), 0.2f64.sqrt());
        near(VarianceScaling::xavier_uniform().bound(FAN), 0.6f64.sqrt());
        near(VarianceScaling::xavier_one_sided().std(FAN), (1.0f64 / 3.0).sqrt());
        near(VarianceScaling::lecun_normal().std(FAN), (1.0f64 / 3.0).sqrt());
        near(VarianceScaling::lecun_uniform().bound(FAN), 1.0);
        near(VarianceScaling::torch_default().bound(FAN), (1.0f64 / 3.0).sqrt());
        near(VarianceScaling::default().bound(FAN), 2.0 / 3.0f64.sqrt() / 0.879_625_661_034_239_8);
        assert_eq!(VarianceScaling::he_normal().bound(FAN), f64::INFINITY);
    }

    #[test]
    fn gains_by_hand() {
        let he = VarianceScaling::he_normal();
        assert_eq!(he.gain(Gain::Relu), he);
        near(he.gain(Gain::LeakyRelu(2.0)).std(FAN), (2.0f64 / 15.0).sqrt());
        near(VarianceScaling::xavier_normal().gain(Gain::Tanh).std(FAN), 5.0 / 3.0 * 0.2f64.sqrt());
    }

    #[test]
    fn refusals() {
        let fill = |init: VarianceScaling, fan, len: usize| {
            init.fill(fan, &[len], Noise::new(0), &mut vec![0.0f64; len]).map_err(|e| e.to_string())
        };
        let he = VarianceScaling::he_normal();
        assert_eq!(
            fill(VarianceScaling { scale: -1.0, ..he }, FAN, 21),
            Err("VarianceScaling: scale is -1, must be finite and above 0".into()),
        );
        assert_eq!(
            fill(he, Fan { fan_in: 0, fan_out: 7 }, 7),
            Err("VarianceScaling: fan_in is 0, must be finite and above 0".into()),
        );
        assert!(fill(he.gain(Gain::LeakyRelu(f64::NAN)), FAN, 21).is_err());
        // A variance, or a largest draw, that the number type cannot hold.
        let huge = VarianceScaling { scale: 1e78, ..he };
        let mut out = [7.0f32; 21];
        for (distribution, field) in [
            (Distribution::Normal, "std"),
            (Distribution::Uniform, "bound"),
            (Distribution::TruncatedNormal, "bound"),
        ] {
            let init = VarianceScaling { distribution, ..huge };
            assert_eq!(fill(init, FAN, 21), Ok(()));
            let refused = init.fill(FAN, &[21], Noise::new(0), &mut out).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("VarianceScaling: {field} is ")), "{refused}");
        }
        assert_eq!(out, [7.0; 21]);
        let nothing = VarianceScaling { scale: 5e-324, ..he };
        let refused = "VarianceScaling: std is 0, must be finite and above 0";
        assert_eq!(fill(nothing, FAN, 21), Err(refused.into()));
        // A parameter without elements is left as it is.
        let empty = Fan::of(&[0, 0], Layout::OutIn).unwrap();
        assert_eq!(fill(VarianceScaling::xavier_normal(), empty, 0), Ok(()));
    }
}
