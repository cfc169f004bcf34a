use crate::draw;
use crate::initializer::{check, check_finite};
use crate::{Fan, Initializer};
use tricks_tensor::{Float, Noise, Result, hyper};

/// Normal draws of one mean and one standard deviation, whatever the fans.
///
/// # Formula
/// ```text
/// w ~ N(mean, std²)
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `mean` | μ | 0 | finite |
/// | `std` | σ | 1 | ≥ 0 |
///
/// Notes: drawn by Box–Muller in `f64`, two normals from two uniforms, so no draw is further than
/// 8.6 σ from the mean.
///
/// ```
/// use tricks_init::{Fan, Initializer, Normal};
/// use tricks_tensor::Noise;
/// let mut weight = vec![0.0f64; 10_000];
/// let fan = Fan { fan_in: 100, fan_out: 100 };
/// Normal { mean: 3.0, std: 0.01 }.fill(fan, &[100, 100], Noise::new(1), &mut weight)?;
/// let mean = weight.iter().sum::<f64>() / 10_000.0;
/// assert!((mean - 3.0).abs() < 5.0 * 0.01 / 100.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

impl Default for Normal {
    fn default() -> Self {
        Self { mean: 0.0, std: 1.0 }
    }
}

impl Normal {
    pub(crate) fn draw<F: Float>(&self, noise: Noise, out: &mut [F]) {
        draw::normals(noise, out, self.mean, self.std);
    }
}

impl<F: Float> Initializer<F> for Normal {
    fn validate(&self, _: Fan, _: &[usize]) -> Result<()> {
        check_finite::<F>("Normal", "mean", self.mean)?;
        hyper::non_negative("Normal", "std", self.std)?;
        check_finite::<F>("Normal", "std", self.std)
    }

    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()> {
        check("Normal", self, (fan, shape), out)?;
        self.draw(noise, out);
        Ok(())
    }

    fn uses_fan(&self) -> bool {
        false
    }
}
