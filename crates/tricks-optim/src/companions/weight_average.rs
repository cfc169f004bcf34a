use crate::average::{Averaged, average};
use crate::shadow::Shadow;
use tricks_tensor::{Float, Parameters, Result, StateDict, hyper, math};

/// A running average of the parameters, to evaluate with.
///
/// # Update
/// ```text
/// ā ← κ_t ā + (1 − κ_t) θ        t = 1, 2, … counts updates of the average
///
/// Exponential (PyTorch, Keras)   κ_1 = 0,  κ_t = β
/// Corrected   (Optax)            κ_t = β (1 − βᵗ⁻¹) / (1 − βᵗ)      a zero start, divided by 1 − βᵗ
/// WarmUp                         κ_1 = 0,  κ_t = min(β, t / (9 + t))
/// Equal       (SWA)              κ_t = (t − 1) / t                  the mean of all
/// ```
/// The first update copies the parameters in every form.
///
/// | averaging | β | range |
/// |---|---|---|
/// | `Exponential`, `Corrected`, `WarmUp` | 0.999 is usual | [0, 1) |
///
/// Memory: one number per parameter; buffers (running statistics) are not averaged.
///
/// # Notes
/// Hand it to the step, [`StepArgs::average`](crate::StepArgs::average), and it is updated in the
/// same pass over memory, with the same bits as [`WeightAverage::update`]. Statistics of
/// normalizations belong to the weights they were measured with: measure them again before
/// evaluating with an average of few, far-apart points.
///
/// # Source
/// Polyak, Juditsky: *Acceleration of stochastic approximation by averaging*, 1992; Izmailov,
/// Podoprikhin, Garipov, Vetrov, Wilson: *Averaging weights leads to wider optima and better
/// generalization*, UAI 2018 (SWA).
///
/// # Example
/// ```
/// use tricks_optim::{Averaging, Optimizer, Sgd, StepArgs, WeightAverage};
/// let (mut w, mut dw) = ([4.0f64], [1.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut ema = WeightAverage::bind(Averaging::Exponential { decay: 0.5 }, &mut params)?;
/// for _ in 0..3 {
///     sgd.step(StepArgs::new(1.0).average(&mut ema), &mut params)?;
/// }
/// // θ went 3, 2, 1; the average 3, 2.5, 1.75.
/// assert_eq!(ema.get("w"), Some(&[1.75][..]));
/// let seen = ema.evaluate(&mut params, |params| params[0].1[0])?;
/// assert_eq!((seen, params[0].1[0]), (1.75, 1.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WeightAverage<F> {
    averaging: Averaging,
    average: Shadow<F>,
    updates: u64,
}

/// How much of the average is kept by an update of a [`WeightAverage`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Averaging {
    /// A fixed share, from the second update on.
    Exponential {
        /// The share, β.
        decay: f64,
    },
    /// An exponential average that started at zero, corrected for it.
    Corrected {
        /// The share, β.
        decay: f64,
    },
    /// A share that grows to β, so that the start is soon forgotten.
    WarmUp {
        /// The share in the end, β.
        decay: f64,
    },
    /// The mean of all points: stochastic weight averaging.
    Equal,
}

impl Averaging {
    /// Refuses a decay out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper).
    pub fn validate(self) -> Result<()> {
        match self {
            Self::Exponential { decay } | Self::Corrected { decay } | Self::WarmUp { decay } => {
                hyper::fraction("WeightAverage", "decay", decay)
            }
            Self::Equal => Ok(()),
        }
    }

    /// The share of the average that update `t` (1 at the first) keeps, κ.
    pub fn keep(self, t: u64) -> f64 {
        let n = t as f64;
        match self {
            _ if t <= 1 => 0.0,
            Self::Exponential { decay } => decay,
            Self::Corrected { decay } => {
                decay * math::debias(decay, t - 1) / math::debias(decay, t)
            }
            Self::WarmUp { decay } => decay.min(n / (9.0 + n)),
            Self::Equal => (n - 1.0) / n,
        }
    }
}

impl<F: Float> WeightAverage<F> {
    /// An average of these parameters, of which nothing is averaged yet.
    ///
    /// # Errors
    /// A decay out of range; numbers that do not fill their shape.
    pub fn bind(averaging: Averaging, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        averaging.validate()?;
        Ok(Self { averaging, average: Shadow::copies(params)?, updates: 0 })
    }

    /// Takes the parameters as they are into the average.
    ///
    /// # Errors
    /// Another set of parameters than was bound; nothing is changed then.
    pub fn update(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        let updates = self.updates.saturating_add(1);
        let keep = self.averaging.keep(updates);
        self.average.each(params, |values, param| average(values, keep, param.value))?;
        self.updates = updates;
        Ok(())
    }

    /// Calls `f` with the average in the place of the parameters, and puts them back. If `f`
    /// panics, they stay exchanged: [`swap`](Self::swap) them.
    ///
    /// # Errors
    /// Another set of parameters than was bound, also after `f` has changed it: then they stay
    /// exchanged.
    pub fn evaluate<P: Parameters<F> + ?Sized, T>(
        &mut self,
        params: &mut P,
        f: impl FnOnce(&mut P) -> T,
    ) -> Result<T> {
        self.swap(params)?;
        let out = f(params);
        self.swap(params)?;
        Ok(out)
    }

    /// Exchanges the parameters and their average.
    ///
    /// # Errors
    /// Another set of parameters than was bound; nothing is changed then.
    pub fn swap(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.average.each_value(params, |average, value| average.swap_with_slice(value))
    }

    /// Writes the average over the parameters (Keras' `ema_overwrite`).
    ///
    /// # Errors
    /// Another set of parameters than was bound; nothing is changed then.
    pub fn overwrite(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.average.each_value(params, |average, value| value.copy_from_slice(average))
    }

    /// The average of one parameter.
    pub fn get(&self, name: &str) -> Option<&[F]> {
        self.average.get(name)
    }

    /// How many times it was updated.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Everything a resumed run needs: `NAME/average` for each parameter, and `updates`.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("updates", self.updates);
        self.average.save(&mut state, "average");
        state
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`](tricks_tensor::Error::State) with every entry that is missing, unexpected
    /// or of another shape or type.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let updates = reader.count("updates").unwrap_or_default();
        let saved = self.average.read(&mut reader, "average");
        reader.end()?;
        self.updates = updates;
        self.average.take(saved);
        Ok(())
    }

    /// Refuses names and shapes other than these.
    pub(crate) fn check_names<'n>(
        &self,
        found: impl Iterator<Item = (&'n str, &'n [usize])>,
    ) -> Result<()> {
        self.average.check_names(found)
    }

    /// Counts an update that [`WeightAverage::lend`] then makes.
    pub(crate) fn begin(&mut self) {
        self.updates = self.updates.saturating_add(1);
    }

    /// The averages in their order, for the update that was begun.
    pub(crate) fn lend(&mut self) -> impl Iterator<Item = Averaged<'_, F>> {
        let keep = self.averaging.keep(self.updates);
        self.average.lend().map(move |values| Averaged { values, keep })
    }
}
