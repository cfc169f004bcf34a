use crate::average::{Averaged, average};
use crate::memory::Staggered;
use crate::slot::MAX_SLOTS;
use tricks_tensor::{Error, Float, ParamKind, Parameters, Path, Result, StateDict, hyper, math};

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
    entries: Vec<Entry<F>>,
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
    /// [`Error::Hyper`].
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

#[derive(Clone, Debug)]
struct Entry<F> {
    name: String,
    shape: Vec<usize>,
    values: Staggered<F>,
}

impl<F: Float> WeightAverage<F> {
    /// An average of these parameters, of which nothing is averaged yet.
    ///
    /// # Errors
    /// A decay out of range.
    pub fn bind(averaging: Averaging, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        averaging.validate()?;
        let mut entries = Vec::new();
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind != ParamKind::Buffer {
                let mut values = Staggered::new(MAX_SLOTS, param.value.len());
                values.get_mut().copy_from_slice(param.value);
                let (name, shape) = (place.path.to_string(), place.shape.to_vec());
                entries.push(Entry { name, shape, values });
            }
        });
        Ok(Self { averaging, entries, updates: 0 })
    }

    /// Takes the parameters as they are into the average.
    ///
    /// # Errors
    /// Another set of parameters than was bound; nothing is changed then.
    pub fn update(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        let keep = self.averaging.keep(self.updates.saturating_add(1));
        self.each(params, |values, param| average(values, keep, param))?;
        self.begin();
        Ok(())
    }

    /// Calls `f` with the average in the place of the parameters, and puts them back.
    ///
    /// # Errors
    /// Another set of parameters than was bound.
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
        self.each(params, |average, value| average.swap_with_slice(value))
    }

    /// Writes the average over the parameters (Keras' `ema_overwrite`).
    ///
    /// # Errors
    /// Another set of parameters than was bound; nothing is changed then.
    pub fn overwrite(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.each(params, |average, value| value.copy_from_slice(average))
    }

    /// The average of one parameter.
    pub fn get(&self, name: &str) -> Option<&[F]> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.values.get())
    }

    /// How many times it was updated.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Everything a resumed run needs: `NAME/average` for each parameter, and `updates`.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("updates", self.updates);
        for Entry { name, shape, values } in &self.entries {
            state.insert(format!("{name}/average"), shape, values.get());
        }
        state
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`] with every entry that is missing, unexpected or of another shape or type.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let updates = reader.count("updates");
        let saved: Vec<_> = (self.entries.iter())
            .map(|entry| reader.get::<F>(&format!("{}/average", entry.name), &entry.shape))
            .collect();
        reader.end()?;
        self.updates = updates.unwrap_or_default();
        for (entry, saved) in self.entries.iter_mut().zip(saved) {
            entry.values.get_mut().copy_from_slice(saved.unwrap_or_default());
        }
        Ok(())
    }

    /// Refuses another set of parameters than was bound.
    fn check(&self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        let mut found = Vec::new();
        params.visit(&Path::ROOT, &mut |place, _| {
            if place.kind != ParamKind::Buffer {
                found.push((place.path.to_string(), place.shape.to_vec()));
            }
        });
        self.check_names(found.iter().map(|(name, shape)| (&**name, &**shape)))
    }

    pub(crate) fn check_names<'n>(
        &self,
        mut found: impl Iterator<Item = (&'n str, &'n [usize])>,
    ) -> Result<()> {
        let mut expected = self.entries.iter().map(|entry| (&*entry.name, &*entry.shape));
        for position in 0.. {
            let (found, expected) = (found.next(), expected.next());
            let name = |of: Option<(&str, _)>| of.map_or("nothing", |(name, _)| name).to_string();
            match (found, expected) {
                (None, None) => break,
                (Some((a, of)), Some((b, bound))) if a == b && of != bound => {
                    return Err(Error::shape(a, ("parameter", of), ("averaged with", bound)));
                }
                (Some((a, _)), Some((b, _))) if a == b => {}
                _ => {
                    let (found, expected) = (name(found), name(expected));
                    return Err(Error::Parameters { position, found, expected });
                }
            }
        }
        Ok(())
    }

    /// Counts an update.
    pub(crate) fn begin(&mut self) {
        self.updates = self.updates.saturating_add(1);
    }

    /// The averages in their order, for the update that was begun.
    pub(crate) fn lend(&mut self) -> impl Iterator<Item = Averaged<'_, F>> {
        let keep = self.averaging.keep(self.updates);
        self.entries.iter_mut().map(move |entry| Averaged { values: entry.values.get_mut(), keep })
    }

    fn each(
        &mut self,
        params: &mut (impl Parameters<F> + ?Sized),
        mut f: impl FnMut(&mut [F], &mut [F]),
    ) -> Result<()> {
        self.check(params)?;
        let mut entries = self.entries.iter_mut();
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            if let Some(entry) = entries.next() {
                f(entry.values.get_mut(), param.value);
            }
        });
        Ok(())
    }
}
