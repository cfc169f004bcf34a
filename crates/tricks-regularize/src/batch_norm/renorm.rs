use crate::columns::Moments;
use tricks_tensor::{Float, Result, hyper};

/// The correction of a batch's statistics towards the running ones: `x̂ ← x̂ r + d`, with r and d
/// constants for the gradient.
#[derive(Clone, Debug)]
pub(crate) struct Renorm {
    r_max: f64,
    d_max: f64,
    // Of the last forward pass, a number of each per feature.
    r: Vec<f64>,
    d: Vec<f64>,
}

impl Renorm {
    pub(crate) fn new(owner: &'static str, features: usize, limits: (f64, f64)) -> Result<Self> {
        let (r, d) = (vec![1.0; features], vec![0.0; features]);
        let mut renorm = Self { r_max: 1.0, d_max: 0.0, r, d };
        renorm.set_limits(owner, limits)?;
        Ok(renorm)
    }

    /// Refuses limits that hold nothing, with nothing changed.
    pub(crate) fn set_limits(
        &mut self,
        owner: &'static str,
        (r_max, d_max): (f64, f64),
    ) -> Result<()> {
        let ok = r_max >= 1.0 && r_max.is_finite();
        hyper::require(owner, "r_max", r_max, ok, "finite and at least 1")?;
        hyper::non_negative(owner, "d_max", d_max)?;
        (self.r_max, self.d_max) = (r_max, d_max);
        Ok(())
    }

    /// `r = σ_B/σ` within [1/r_max, r_max], `d = (μ_B − μ)/σ` within ±d_max; 1 and 0 if there is
    /// nothing running to correct towards.
    pub(super) fn set<F: Float>(
        &mut self,
        batch: &Moments,
        running: Option<(&[F], &[F])>,
        eps: f64,
    ) {
        let Some((mean, var)) = running else {
            self.r.fill(1.0);
            self.d.fill(0.0);
            return;
        };
        let (r_max, d_max) = (self.r_max, self.d_max);
        for (j, (r, d)) in self.r.iter_mut().zip(&mut self.d).enumerate() {
            let std = (var[j].widen() + eps).sqrt();
            *r = ((batch.var[j] + eps).sqrt() / std).clamp(1.0 / r_max, r_max);
            *d = ((batch.mean[j] - mean[j].widen()) / std).clamp(-d_max, d_max);
        }
    }
}

/// r and d of a feature.
pub(super) fn correction(renorm: Option<&Renorm>, j: usize) -> (f64, f64) {
    renorm.map_or((1.0, 0.0), |renorm| (renorm.r[j], renorm.d[j]))
}
