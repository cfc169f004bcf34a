use tricks_tensor::{Result, StateDict, hyper};

/// Whether a smaller or a larger metric is better.
#[non_exhaustive]
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// By a fraction of the best, in [0, 1). Meant for metrics that are not negative: below 0 the
    /// fraction points the wrong way.
    Rel(f64),
    /// By an amount, at least 0.
    Abs(f64),
}

/// The hyper-parameters of [`Plateau`], with PyTorch's defaults.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `mode` | | `Min` | |
/// | `factor` | γ | 0.1 | (0, 1) |
/// | `patience` | | 10 | any |
/// | `threshold` | δ | `Rel(1e-4)` | [0, 1) for `Rel`, ≥ 0 for `Abs` |
/// | `cooldown` | | 0 | any |
/// | `min_lr` | η_min | 0 | ≥ 0 |
/// | `eps` | ε | 1e-8 | ≥ 0 |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceOnPlateau {
    /// Which way is better.
    pub mode: PlateauMode,
    /// What the rate is multiplied by.
    pub factor: f64,
    /// How many metrics without improvement are borne; the next one lowers the rate.
    pub patience: u64,
    /// What counts as an improvement.
    pub threshold: Threshold,
    /// How many metrics after a reduction are not held against the rate.
    pub cooldown: u64,
    /// The rate goes no lower.
    pub min_lr: f64,
    /// A reduction by no more than this is not made.
    pub eps: f64,
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
        }
    }
}

impl ReduceOnPlateau {
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
        }
        hyper::non_negative(OWNER, "min_lr", self.min_lr)?;
        hyper::non_negative(OWNER, "eps", self.eps)
    }

    /// Whether `metric` improves on `best`; NaN never does.
    fn improves(&self, metric: f64, best: f64) -> bool {
        match (self.mode, self.threshold) {
            (PlateauMode::Min, Threshold::Rel(d)) => metric < best * (1.0 - d),
            (PlateauMode::Min, Threshold::Abs(d)) => metric < best - d,
            (PlateauMode::Max, Threshold::Rel(d)) => metric > best * (1.0 + d),
            (PlateauMode::Max, Threshold::Abs(d)) => metric > best + d,
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
/// m better than best by δ:  best ← m; bad ← 0        otherwise:  bad ← bad + 1
/// still cooling:            cooling ← cooling − 1; bad ← 0
/// bad > patience:           η ← max(γη, η_min) if that lowers it by more than ε
///                           cooling ← cooldown; bad ← 0
/// ```
///
/// The hyper-parameters are in [`ReduceOnPlateau`].
///
/// # Memory
/// The rate, the best metric and two counters: [`Plateau::state`], [`Plateau::load_state`].
///
/// # Notes
/// PyTorch's `ReduceLROnPlateau`: `patience` metrics without improvement are borne and the next one
/// lowers the rate. Keras lowers it one metric earlier, and Optax averages the metric first.
/// A NaN metric is no improvement, so a run that has broken down is slowed and never taken for the best.
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
}

impl Plateau {
    /// Starts at the rate `lr`, with no metric seen.
    ///
    /// # Errors
    /// A hyper-parameter or a rate outside its range.
    pub fn new(lr: f64, rule: ReduceOnPlateau) -> Result<Self> {
        hyper::non_negative("Plateau", "lr", lr)?;
        rule.validate()?;
        Ok(Self { rule, lr, best: rule.worst(), bad: 0, cooling: 0 })
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
        if self.rule.improves(metric, self.best) {
            self.best = metric;
            self.bad = 0;
        } else {
            self.bad = self.bad.saturating_add(1);
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad = 0;
        }
        if self.bad <= self.rule.patience {
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

    /// What must survive a restart: `lr`, `best`, `bad`, `cooling`.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_number("lr", self.lr);
        state.insert_number("best", self.best);
        state.insert_count("bad", self.bad);
        state.insert_count("cooling", self.cooling);
        state
    }

    /// Goes on where [`Plateau::state`] was taken. The hyper-parameters stay those of `self`.
    ///
    /// # Errors
    /// [`Error::State`](tricks_tensor::Error::State), with every entry that is missing, unexpected, of another type or out of
    /// range; then nothing has changed.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let lr = reader.number("lr").unwrap_or_default();
        let best = reader.number("best").unwrap_or_default();
        let bad = reader.count("bad").unwrap_or_default();
        let cooling = reader.count("cooling").unwrap_or_default();
        if !(lr.is_finite() && lr >= 0.0) {
            reader.refuse(format!("lr is {lr}, must be finite and at least 0"));
        }
        if best.is_nan() {
            reader.refuse("best is NaN, must be a number");
        }
        reader.end()?;
        *self = Self { rule: self.rule, lr, best, bad, cooling };
        Ok(())
    }
}

#[cfg(test)]
mod tests;
