use super::{Pending, Transform, check_finite, refuse_rows, require_factor};
use crate::shadow::Shadow;
use tricks_tensor::{Float, Grad, Parameters, Result, StateDict, hyper, math};

/// Replaces each gradient by an exponential average of those so far.
///
/// # Formula
/// ```text
/// m ← β m + (1 − β) g,   g ← m, or m / (1 − βᵗ) with `debias`     t = 1, 2, … counts applications
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `decay` | β | 0.9 | [0, 1) |
/// | `debias` | | true | |
///
/// Memory: one number per parameter. A parameter whose gradient is absent keeps its average.
///
/// # Notes
/// Optax' `ema`. Averages of parameters are [`WeightAverage`](crate::WeightAverage).
///
/// # Example
/// ```
/// use tricks_optim::{GradientAverage, Pending, Transform};
/// let (mut w, mut dw) = ([0.0f64], [1.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut average = GradientAverage::bind(0.5, &mut params)?;
/// for (gradient, expected) in [(1.0, 1.0), (4.0, 3.0)] {
///     params[0].2[0] = gradient;
///     let _ = average.apply(&mut params, Pending::NONE)?;
///     // (¼·1 + ½·4) / ¾ at the second.
///     assert_eq!(params[0].2[0], expected);
/// }
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct GradientAverage<F> {
    /// Share of the average that is kept, β.
    pub decay: f64,
    /// Whether the start at zero is corrected.
    pub debias: bool,
    average: Shadow<F>,
    t: u64,
}

impl<F: Float> GradientAverage<F> {
    /// An average of the gradients of these parameters.
    ///
    /// # Errors
    /// A `decay` out of range; numbers that do not fill their shape.
    pub fn bind(decay: f64, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        hyper::fraction("GradientAverage", "decay", decay)?;
        Ok(Self { decay, debias: true, average: Shadow::zeros(params)?, t: 0 })
    }
}

impl<F: Float> Transform<F> for GradientAverage<F> {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::fraction("GradientAverage", "decay", self.decay)?;
        refuse_rows("GradientAverage", params)?;
        // A NaN would stay in the average for ever.
        check_finite::first_non_finite(params).map_or(Ok(()), Err)?;
        require_factor::<F>("GradientAverage", pending)?;
        let t = self.t.saturating_add(1);
        let debias = if self.debias { math::debias(self.decay, t) } else { 1.0 };
        let (keep, fresh) = (F::of(self.decay), F::of((1.0 - self.decay) * pending.factor()));
        let up = F::of(1.0 / debias);
        self.average.each(params, |average, param| {
            let Grad::Dense(grad) = param.grad else { return };
            for (m, g) in average.iter_mut().zip(grad) {
                *m = keep * *m + fresh * *g;
                *g = up * *m;
            }
        })?;
        self.t = t;
        Ok(Pending::NONE)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("t", self.t);
        self.average.save(&mut state, "m");
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let t = reader.count("t").unwrap_or_default();
        let saved = self.average.read(&mut reader, "m");
        reader.end()?;
        self.t = t;
        self.average.take(saved);
        Ok(())
    }
}
