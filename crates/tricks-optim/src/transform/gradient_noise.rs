use super::{Pending, Transform};
use tricks_tensor::{Float, Noise, Parameters, Path, Result, StateDict, hyper, math};

/// Adds Gaussian noise that fades with the steps.
///
/// # Formula
/// ```text
/// g ← g + σ_t n,   n ~ N(0, 1),   σ_t² = η / (1 + t)^γ     t = 0, 1, … counts applications
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eta` | η | 0.01 | ≥ 0 |
/// | `gamma` | γ | 0.55 | ≥ 0 |
///
/// # Notes
/// Optax' `add_noise` without its draws: here they are a function of the noise, the count, the
/// parameter's name and the element, so a resumed run and any thread count draw the same. Of a
/// row-sparse gradient an element is its place among the numbers given.
///
/// # Source
/// Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens: *Adding gradient noise improves
/// learning for very deep networks*, 2015, equation 1.
///
/// # Example
/// ```
/// use tricks_optim::{GradientNoise, Pending, Transform};
/// use tricks_tensor::Noise;
/// let (mut w, mut dw) = (vec![0.0f64; 10_000], vec![0.0; 10_000]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let _ = GradientNoise::new(Noise::new(1)).apply(&mut params, Pending::NONE)?;
/// let variance = dw.iter().map(|g| g * g).sum::<f64>() / 10_000.0;
/// assert!((variance - 0.01).abs() < 0.0005);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientNoise {
    /// Variance at the start, η.
    pub eta: f64,
    /// How fast it fades, γ.
    pub gamma: f64,
    noise: Noise,
    t: u64,
}

impl GradientNoise {
    /// η 0.01, γ 0.55.
    pub fn new(noise: Noise) -> Self {
        Self { eta: 0.01, gamma: 0.55, noise, t: 0 }
    }
}

impl<F: Float> Transform<F> for GradientNoise {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::non_negative("GradientNoise", "eta", self.eta)?;
        hyper::non_negative("GradientNoise", "gamma", self.gamma)?;
        let sigma = (self.eta / math::pow(1.0 + self.t as f64, self.gamma)).sqrt();
        let factor = F::of(pending.factor());
        let pass = self.noise.pass(self.t);
        params.visit(&Path::ROOT, &mut |place, mut param| {
            let Some(grad) = param.grad.values() else { return };
            let noise = pass.path(place.path);
            let mut draws = [0.0; 512];
            for (block, grad) in grad.chunks_mut(draws.len()).enumerate() {
                let first = (block * draws.len()) as u64;
                let draws = &mut draws[..grad.len()];
                noise.fill_normal(first, draws);
                for (g, z) in grad.iter_mut().zip(draws) {
                    *g = factor * *g + F::of(sigma * *z);
                }
            }
        });
        self.t = self.t.saturating_add(1);
        Ok(Pending::NONE)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("t", self.t);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let t = reader.count("t");
        reader.end()?;
        self.t = t.unwrap_or_default();
        Ok(())
    }
}
