use crate::pending::Pending;
use crate::transform::norm;
use tricks_tensor::{Error, Float, Parameters, Result, StateDict, hyper};

/// Dynamic loss scaling: small gradients of low-precision arithmetic are kept from vanishing by a
/// factor on the loss, as large as it can be.
///
/// # Update
/// ```text
/// backward on s·L;  the step uses g / s
/// all gradients finite:  good ← good + 1;  at good = interval:  s ← s · growth, good ← 0
/// else:                  the step is skipped;  s ← s · backoff, good ← 0
/// ```
/// | field | default | range |
/// |---|---|---|
/// | `growth` | 2 | ≥ 1 |
/// | `backoff` | 0.5 | (0, 1] |
/// | `interval` | 2000 | ≥ 1 |
/// | start of s | 65536 (PyTorch; Keras 32768) | > 0 |
///
/// s does not grow beyond the largest `f32`, nor shrink below the smallest normal one.
///
/// # Source
/// Micikevicius, Narang, Alben and others: *Mixed precision training*, ICLR 2018; PyTorch's
/// `GradScaler`.
///
/// # Example
/// ```
/// use tricks_optim::{LossScaler, Optimizer, Sgd, StepArgs};
/// let (mut w, mut dw) = ([1.0f64], [8.0]); // of a loss that was scaled by 4
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut scaler = LossScaler::new(4.0)?;
/// if let Some(pending) = scaler.check(&mut params) {
///     sgd.step(StepArgs::new(0.1).clip(pending), &mut params)?;
/// }
/// assert_eq!(w, [1.0 - 0.1 * 2.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossScaler {
    scale: f64,
    growth: f64,
    backoff: f64,
    interval: u64,
    good: u64,
}

/// What a scale may be: it and its reciprocal are to be numbers in single precision, too.
const SCALES: std::ops::RangeInclusive<f64> = f32::MIN_POSITIVE as f64..=f32::MAX as f64;

impl LossScaler {
    /// Starts from `scale`; the rest as PyTorch has it.
    ///
    /// # Errors
    /// A scale that is not finite and above 0.
    pub fn new(scale: f64) -> Result<Self> {
        let ok = SCALES.contains(&scale);
        hyper::require("LossScaler", "scale", scale, ok, "a positive number of type f32")?;
        Ok(Self { scale, growth: 2.0, backoff: 0.5, interval: 2000, good: 0 })
    }

    /// With another policy.
    ///
    /// # Errors
    /// Hyper-parameters out of range.
    pub fn policy(self, growth: f64, backoff: f64, interval: u64) -> Result<Self> {
        let owner = "LossScaler";
        let grows = growth.is_finite() && growth >= 1.0;
        hyper::require(owner, "growth", growth, grows, "finite and at least 1")?;
        hyper::require(owner, "backoff", backoff, backoff > 0.0 && backoff <= 1.0, "in (0, 1]")?;
        if interval == 0 {
            return Err(Error::invalid(owner, "interval is 0, must be at least 1"));
        }
        Ok(Self { growth, backoff, interval, ..self })
    }

    /// The factor on the loss, s.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Steps without overflow since s changed.
    pub fn good(&self) -> u64 {
        self.good
    }

    /// Reads the gradients of the scaled loss: the factor for the step, or none if it must be
    /// skipped; and moves s. One read; the step then needs none of its own.
    pub fn check<F: Float>(
        &mut self,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Option<Pending> {
        let norm = norm::of_gradients(2.0, params, |_| true);
        let inverse = 1.0 / self.scale;
        let finite = norm.is_finite();
        self.update(finite);
        finite.then(|| Pending::new(inverse).bounded(norm * inverse))
    }

    /// Moves s after a step whose gradients were finite, or not, for those who look themselves.
    pub fn update(&mut self, finite: bool) {
        if !finite {
            self.scale = (self.scale * self.backoff).max(f64::from(f32::MIN_POSITIVE));
            self.good = 0;
            return;
        }
        self.good += 1;
        if self.good >= self.interval {
            let larger = self.scale * self.growth;
            if larger <= f64::from(f32::MAX) {
                self.scale = larger;
            }
            self.good = 0;
        }
    }

    /// Everything a resumed run needs: `scale` and `good`.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_number("scale", self.scale);
        state.insert_count("good", self.good);
        state
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`] with every entry that is missing or unexpected, or a scale that is not
    /// finite and above 0.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let scale = reader.number("scale").unwrap_or(1.0);
        let good = reader.count("good").unwrap_or_default();
        if !SCALES.contains(&scale) {
            reader.refuse(format!("scale is {scale}, must be a positive number of type f32"));
        }
        if good >= self.interval {
            reader.refuse(format!("good is {good}, the scale moves at {}", self.interval));
        }
        reader.end()?;
        (self.scale, self.good) = (scale, good);
        Ok(())
    }
}
