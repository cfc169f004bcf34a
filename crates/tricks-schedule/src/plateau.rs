use crate::ramp::at_least_one;
use tricks_tensor::{Result, StateDict, hyper};

/// Whether a smaller or a larger metric is better.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PlateauMode {
    /// Smaller is better: a loss.
    #[default]
    Min,
    /// Larger is better: an accuracy.
    Max,
}

/// By how much a metric must beat the best one to count.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By a fraction of the best, in [0, 1). Meant for metrics that are not negative: below 0 the
    /// fraction points the wrong way.
    Rel(f64),
    /// By an amount, at least 0.
    Abs(f64),
    /// By a fraction of the best and an amount together.
    Both {
        /// The fraction, in [0, 1).
        rel: f64,
        /// The amount, at least 0.
        abs: f64,
    },
}

/// How [`Plateau`] counts: the libraries differ by one metric.
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PlateauForm {
    /// `patience` bad metrics are borne and the next lowers the rate; after that `cooldown` metrics
    /// are not held against it.
    #[default]
    Torch,
    /// Bad metric number `patience` lowers the rate; after that `cooldown − 1` metrics are not held
    /// against it, as the last of the cooldown already counts.
    Keras,
    /// Bad metric number `patience` lowers the rate; after that `cooldown` metrics are not held
    /// against it.
    Optax,
}

/// The hyper-parameters of [`Plateau`], with PyTorch's defaults; [`keras`](Self::keras) and
/// [`optax`](Self::optax) have those of the others.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `mode` | | `Min` | |
/// | `factor` | γ | 0.1 | (0, 1) |
/// | `patience` | | 10 | any |
/// | `threshold` | δ | `Rel(1e-4)` | fractions in [0, 1), amounts ≥ 0 |
/// | `cooldown` | | 0 | any |
/// | `min_lr` | η_min | 0 | ≥ 0 |
/// | `eps` | ε | 1e-8 | ≥ 0 |
/// | `every` | n | 1 | ≥ 1 |
/// | `form` | | `Torch` | |
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceOnPlateau {
    /// Which way is better.
    pub mode: PlateauMode,
    /// What the rate is multiplied by.
    pub factor: f64,
    /// How many metrics without improvement are borne; `form` says whether the last is one of them.
    pub patience: u64,
    /// What counts as an improvement.
    pub threshold: Threshold,
    /// How many metrics after a reduction are not held against the rate.
    pub cooldown: u64,
    /// The rate goes no lower.
    pub min_lr: f64,
    /// A reduction by no more than this is not made.
    pub eps: f64,
    /// So many metrics are averaged into one.
    pub every: u64,
    /// How it counts.
    pub form: PlateauForm,
}

impl Default for ReduceOnPlateau {
    fn default() -> Self {
        Self {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: Threshold::Rel(1e-4),
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
            every: 1,
            form: PlateauForm::Torch,
        }
    }
}

impl ReduceOnPlateau {
    /// Keras' `ReduceLROnPlateau`: the threshold is an amount, `min_delta`, and every reduction is
    /// made. A loss that is to fall; for an accuracy, `mode` is `Max`.
    pub fn keras() -> Self {
        let threshold = Threshold::Abs(1e-4);
        Self { threshold, eps: 0.0, form: PlateauForm::Keras, ..Self::default() }
    }

    /// Optax' `reduce_on_plateau`: its `rtol` and `atol` are `Threshold::Both`, its
    /// `accumulation_size` is `every`, and the rate it lowers is a factor that starts at 1.
    pub fn optax() -> Self {
        let threshold = Threshold::Both { rel: 1e-4, abs: 0.0 };
        Self { threshold, eps: 0.0, form: PlateauForm::Optax, ..Self::default() }
    }

    /// Refuses hyper-parameters outside their ranges.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper), naming the field.
    pub fn validate(&self) -> Result<()> {
        const OWNER: &str = "ReduceOnPlateau";
        let ok = self.factor > 0.0 && self.factor < 1.0;
        hyper::require(OWNER, "factor", self.factor, ok, "in (0, 1)")?;
        match self.threshold {
            Threshold::Rel(fraction) => hyper::fraction(OWNER, "threshold", fraction)?,
            Threshold::Abs(amount) => hyper::non_negative(OWNER, "threshold", amount)?,
            Threshold::Both { rel, abs } => {
                hyper::fraction(OWNER, "threshold", rel)?;
                hyper::non_negative(OWNER, "threshold", abs)?;
            }
        }
        at_least_one(OWNER, "every", self.every)?;
        hyper::non_negative(OWNER, "min_lr", self.min_lr)?;
        hyper::non_negative(OWNER, "eps", self.eps)
    }

    /// Whether `metric` improves on `best`; NaN never does.
    fn improves(&self, metric: f64, best: f64) -> bool {
        let (rel, abs) = match self.threshold {
            Threshold::Rel(rel) => (rel, 0.0),
            Threshold::Abs(abs) => (0.0, abs),
            Threshold::Both { rel, abs } => (rel, abs),
        };
        match self.mode {
            PlateauMode::Min => metric < best * (1.0 - rel) - abs,
            PlateauMode::Max => metric > best * (1.0 + rel) + abs,
        }
    }

    /// Whether so many bad metrics in a row lower the rate.
    fn is_over(&self, bad: u64) -> bool {
        match self.form {
            PlateauForm::Torch => bad > self.patience,
            PlateauForm::Keras | PlateauForm::Optax => bad >= self.patience.max(1),
        }
    }

    /// What any metric improves on.
    fn worst(&self) -> f64 {
        match self.mode {
            PlateauMode::Min => f64::INFINITY,
            PlateauMode::Max => f64::NEG_INFINITY,
        }
    }
}

/// A rate that is lowered when a metric stops improving.
///
/// # Update
/// ```text
/// m: the mean of the last n metrics, once in n of them
/// m better than best by δ:  best ← m; bad ← 0        otherwise:  bad ← bad + 1
/// still cooling:            cooling ← cooling − 1; bad ← 0
/// bad > patience:           η ← max(γη, η_min) if that lowers it by more than ε
///                           cooling ← cooldown; bad ← 0
/// ```
/// in the form of PyTorch; [`PlateauForm`] has the others.
///
/// The hyper-parameters are in [`ReduceOnPlateau`].
///
/// # Memory
/// The rate, the best metric, a sum and three counters: [`Plateau::state`],
/// [`Plateau::load_state`]. It is no [`Schedule`](crate::Schedule): its rate depends on what it has
/// seen, so it must be saved.
///
/// # Notes
/// PyTorch's and Keras' `ReduceLROnPlateau` and Optax' `reduce_on_plateau`, which disagree by one
/// metric in what patience and cooldown mean. A patience of 0 in Keras is one of 1, and so it is
/// here; in Optax it would lower the rate at every improvement, which is taken for a slip. A NaN
/// metric is no improvement, so a run that has broken down is slowed and never taken for the best.
/// In front of a schedule, start at 1 and multiply: `schedule.at(t) * plateau.lr()`.
///
/// ```
/// use tricks_schedule::{Plateau, ReduceOnPlateau};
/// let rule = ReduceOnPlateau { factor: 0.5, patience: 1, ..ReduceOnPlateau::default() };
/// let mut plateau = Plateau::new(0.1, rule)?;
/// for (validation_loss, lr) in [(3.0, 0.1), (2.0, 0.1), (2.0, 0.1), (2.0, 0.05), (1.0, 0.05)] {
///     plateau.observe(validation_loss);
///     assert_eq!(plateau.lr(), lr);
/// }
/// # Ok::<(), tricks_schedule::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plateau {
    rule: ReduceOnPlateau,
    lr: f64,
    best: f64,
    bad: u64,
    cooling: u64,
    sum: f64,
    seen: u64,
}

impl Plateau {
    /// Starts at the rate `lr`, with no metric seen.
    ///
    /// # Errors
    /// A hyper-parameter or a rate outside its range.
    pub fn new(lr: f64, rule: ReduceOnPlateau) -> Result<Self> {
        hyper::non_negative("Plateau", "lr", lr)?;
        rule.validate()?;
        Ok(Self { rule, lr, best: rule.worst(), bad: 0, cooling: 0, sum: 0.0, seen: 0 })
    }

    /// The rate for the next updates.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// The best metric so far; infinite before the first.
    pub fn best(&self) -> f64 {
        self.best
    }

    /// Takes in a metric, once an epoch, and returns whether it lowered the rate.
    pub fn observe(&mut self, metric: f64) -> bool {
        self.sum += metric;
        self.seen += 1;
        if self.seen < self.rule.every {
            return false;
        }
        let mean = self.sum / self.seen as f64;
        (self.sum, self.seen) = (0.0, 0);
        let better = self.rule.improves(mean, self.best);
        if better {
            self.best = mean;
        }
        let was_cooling = self.cooling > 0;
        self.cooling = self.cooling.saturating_sub(1);
        let excused = match self.rule.form {
            PlateauForm::Torch | PlateauForm::Optax => was_cooling,
            PlateauForm::Keras => self.cooling > 0,
        };
        self.bad = if better || excused { 0 } else { self.bad.saturating_add(1) };
        if !self.rule.is_over(self.bad) {
            return false;
        }
        self.cooling = self.rule.cooldown;
        self.bad = 0;
        let lower = (self.rule.factor * self.lr).max(self.rule.min_lr);
        let lowers = self.lr - lower > self.rule.eps;
        if lowers {
            self.lr = lower;
        }
        lowers
    }

    /// What must survive a restart: `lr`, `best`, `bad`, `cooling`, `sum`, `seen`.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_number("lr", self.lr);
        state.insert_number("best", self.best);
        state.insert_count("bad", self.bad);
        state.insert_count("cooling", self.cooling);
        state.insert_number("sum", self.sum);
        state.insert_count("seen", self.seen);
        state
    }

    /// Goes on where [`Plateau::state`] was taken. The hyper-parameters stay those of `self`.
    ///
    /// # Errors
    /// [`Error::State`](tricks_tensor::Error::State), with every entry that is missing, unexpected,
    /// of another type or out of range; then nothing has changed.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let lr = reader.number("lr").unwrap_or_default();
        let best = reader.number("best").unwrap_or_default();
        let bad = reader.count("bad").unwrap_or_default();
        let cooling = reader.count("cooling").unwrap_or_default();
        let sum = reader.number("sum").unwrap_or_default();
        let seen = reader.count("seen").unwrap_or_default();
        if !(lr.is_finite() && lr >= 0.0) {
            reader.refuse(format!("lr is {lr}, must be finite and at least 0"));
        }
        if best.is_nan() {
            reader.refuse("best is NaN, must be a number");
        }
        if seen >= self.rule.every {
            reader.refuse(format!("seen is {seen}, must be below every, {}", self.rule.every));
        }
        reader.end()?;
        *self = Self { rule: self.rule, lr, best, bad, cooling, sum, seen };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
