use crate::draw;
use crate::initializer::{check, check_finite};
use crate::{Fan, Initializer};
use tricks_tensor::{Error, Float, Noise, Result};

/// Uniform draws from one interval, whatever the fans.
///
/// # Formula
/// ```text
/// w ~ U(low, high)      σ = (high − low) / √12
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `low` | a | 0 | finite |
/// | `high` | b | 1 | ≥ `low`, finite |
///
/// Notes: `low` can be drawn; `high` only where rounding meets it.
///
/// ```
/// use tricks_init::{Fan, Initializer, Uniform};
/// use tricks_tensor::Noise;
/// let init = Uniform::with_std(0.1);
/// assert!((init.high - 0.1 * 3.0f64.sqrt()).abs() < 1e-15 && init.low == -init.high);
/// let mut weight = [0.0f32; 6];
/// init.fill(Fan { fan_in: 3, fan_out: 2 }, &[2, 3], Noise::new(1), &mut weight)?;
/// assert!(weight.iter().all(|w| w.abs() <= 0.173_205_1));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uniform {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Default for Uniform {
    fn default() -> Self {
        Self { low: 0.0, high: 1.0 }
    }
}

impl Uniform {
    /// `U(−bound, bound)`, of standard deviation `bound / √3`.
    pub const fn symmetric(bound: f64) -> Self {
        Self { low: -bound, high: bound }
    }

    /// The symmetric interval of a standard deviation: `U(−√3·std, √3·std)`.
    pub fn with_std(std: f64) -> Self {
        Self::symmetric(3.0f64.sqrt() * std)
    }

    /// The standard deviation of the draws.
    pub fn std(&self) -> f64 {
        (self.high - self.low) / 12.0f64.sqrt()
    }

    pub(crate) fn draw<F: Float>(&self, noise: Noise, out: &mut [F]) {
        let (low, width) = (self.low, self.high - self.low);
        draw::uniforms(
            noise,
            out,
            #[inline(always)]
            |u| low + width * u,
        );
    }
}

impl<F: Float> Initializer<F> for Uniform {
    fn validate(&self, _: Fan, _: &[usize]) -> Result<()> {
        let Self { low, high } = *self;
        check_finite::<F>("Uniform", "low", low)?;
        check_finite::<F>("Uniform", "high", high)?;
        if low > high {
            return Err(Error::invalid("Uniform", format!("low is {low}, above high, {high}")));
        }
        check_finite::<F>("Uniform", "high - low", high - low)
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("Uniform", self, (fan, shape), out)?;
        self.draw(noise, out);
        Ok(())
    }

    fn uses_fan(&self) -> bool {
        false
    }
}
