use crate::shadow::Shadow;
use tricks_tensor::{Error, Float, Parameters, Result, StateDict, hyper};

/// Lookahead: slow weights that follow the fast ones every few steps.
///
/// # Update
/// ```text
/// every k-th call:   φ ← φ + α (θ − φ),   θ ← φ
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `period` | k | 5 | ≥ 1 |
/// | `slow_step` | α | 0.5 | [0, 1] |
///
/// Memory: φ, one number per parameter.
///
/// # Notes
/// Call it after the step. It says whether it has moved the parameters: then
/// [`Optimizer::reset`](crate::Optimizer::reset) gives Optax' `reset_state`. timm has k = 6. There
/// is no form that pulls the momentum back as well.
///
/// # Source
/// Zhang, Lucas, Hinton, Ba: *Lookahead optimizer: k steps forward, 1 step back*, NeurIPS 2019,
/// algorithm 1.
///
/// # Example
/// ```
/// use tricks_optim::{Lookahead, Optimizer, Sgd};
/// let (mut w, mut dw) = ([1.0f64], [1.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut lookahead = Lookahead::bind(2, 0.5, &mut params)?;
/// for _ in 0..2 {
///     sgd.step(0.1, &mut params)?;
///     lookahead.update(&mut params)?;
/// }
/// // Halfway from 1 to 0.8.
/// assert!((w[0] - 0.9).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lookahead<F> {
    period: u64,
    slow_step: f64,
    slow: Shadow<F>,
    calls: u64,
}

impl<F: Float> Lookahead<F> {
    /// Slow weights that start where the parameters are.
    ///
    /// # Errors
    /// Hyper-parameters out of range.
    pub fn bind(
        period: u64,
        slow_step: f64,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<Self> {
        if period == 0 {
            return Err(Error::invalid("Lookahead", "period is 0, must be at least 1"));
        }
        hyper::probability("Lookahead", "slow_step", slow_step)?;
        Ok(Self { period, slow_step, slow: Shadow::copies(params)?, calls: 0 })
    }

    /// Counts a step; every `period`-th moves the slow weights and sets the parameters to them.
    /// Whether it did.
    ///
    /// # Errors
    /// Another set of parameters than was bound; nothing is changed then.
    pub fn update(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<bool> {
        let calls = self.calls + 1;
        let moves = calls.is_multiple_of(self.period);
        if moves {
            let alpha = F::of(self.slow_step);
            self.slow.each(params, |slow, param| {
                for (slow, fast) in slow.iter_mut().zip(param.value) {
                    *slow += alpha * (*fast - *slow);
                    *fast = *slow;
                }
            })?;
        } else {
            self.slow.check(params)?;
        }
        self.calls = calls % self.period;
        Ok(moves)
    }

    /// The slow weights of one parameter.
    pub fn get(&self, name: &str) -> Option<&[F]> {
        self.slow.get(name)
    }

    /// Everything a resumed run needs: `NAME/slow` for each parameter, and `calls` since they
    /// moved.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("calls", self.calls);
        self.slow.save(&mut state, "slow");
        state
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`] with every entry that is missing, unexpected or of another shape or type.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let calls = reader.count("calls").unwrap_or_default();
        if calls >= self.period {
            reader.refuse(format!("calls is {calls}, the slow weights move at {}", self.period));
        }
        let saved = self.slow.read(&mut reader, "slow");
        reader.end()?;
        self.calls = calls;
        self.slow.take(saved);
        Ok(())
    }
}
