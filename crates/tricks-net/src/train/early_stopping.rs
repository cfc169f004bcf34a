use super::parameters::{check_parameters, load_parameters, save_parameters};
use super::{Control, EpochReport, Metrics, Run};
use tricks_optim::Rule;
use tricks_schedule::PlateauMode;
use tricks_tensor::{Error, Float, Layer, Result, StateDict, hyper};

/// Ends a training that no longer gets better, and takes back the best state.
///
/// # Formula
/// ```text
/// after each epoch, with m its metric:
///   m < best − min_delta  (min)  or  m > best + min_delta  (max):   best ← m,  bad ← 0
///   otherwise, and if m is NaN:                                     bad ← bad + 1
///   bad ≥ patience: stop
/// ```
/// | field | default | range |
/// |---|---|---|
/// | `patience` | | at least 1 |
/// | `monitor` | | |
/// | `mode` | min of losses, max of accuracies | |
/// | `min_delta` | 0 | ≥ 0 |
/// | `restore_best` | true | |
///
/// It is given to [`Plan::early_stopping`](super::Plan::early_stopping). When it stops the run, and
/// when all epochs are done, the best state comes back: parameters, buffers, and the optimizer's
/// memory with them, as moments belong to the weights they were measured at. The counts of steps
/// and epochs stay. A run that an observer stopped is not over, and keeps its last state.
///
/// What it knows is part of [`Run::state`]: a run that is killed and resumed stops in the same
/// epoch and gives the same bits. One that has stopped stays so until `patience` is raised.
///
/// # Memory
/// With `restore_best` a copy of the parameters, the buffers and the optimizer's memory.
///
/// # Notes
/// Keras' `EarlyStopping` restores weights and buffers but not the optimizer, and does not by
/// default; its patience 0 is 1 here. It forgets its counts in a restart.
///
/// # Source
/// Prechelt: *Early stopping — but when?*, 1998.
///
/// ```
/// use tricks_net::data::{Batching, Dataset};
/// use tricks_net::{Net, layers::Dense, losses::MeanSquaredError};
/// use tricks_net::train::{EarlyStopping, Monitor, Outcome, Plan, Run};
/// use tricks_optim::{Optimizer, Sgd};
/// use tricks_tensor::ndarray::arr2;
/// let train = Dataset::new(arr2(&[[1.0]]), arr2(&[[1.0]]))?;
/// let held_out = Dataset::new(arr2(&[[1.0]]), arr2(&[[0.5]]))?;
/// let mut net = Net::new(Dense::<f64>::without_bias(1, 1));
/// let sgd = Optimizer::builder(Sgd).bind(&mut net)?;
/// let mut run = Run::new(net, sgd, 0.125, MeanSquaredError::default(), 1);
/// // The weight goes from 0 to 1 by a quarter of what is left: 0.25, 0.4375, 0.578, 0.684.
/// let stop = EarlyStopping::new(2, Monitor::HeldOutLoss);
/// let plan = Plan::new(100, Batching::of(1)).early_stopping(stop);
/// assert_eq!(run.fit(&plan, &train, Some(&held_out), &mut [])?, Outcome::Stopped);
/// assert_eq!((run.position().epoch, run.best().map(|best| best.epoch)), (4, Some(1)));
/// assert_eq!(run.net.layer.weight()[[0, 0]], 0.4375);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// Epochs in a row that may be no better than the best.
    pub patience: u64,
    /// The metric.
    pub monitor: Monitor,
    /// Whether a smaller or a larger metric is better.
    pub mode: PlateauMode,
    /// By how much a metric must beat the best one to count.
    pub min_delta: f64,
    /// Whether the best state comes back in the end.
    pub restore_best: bool,
}

/// What [`EarlyStopping`] looks at after each epoch.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// The loss on the held-out set.
    HeldOutLoss,
    /// The accuracy on the held-out set.
    HeldOutAccuracy,
    /// The mean loss of the epoch's batches.
    TrainLoss,
    /// The accuracy over the epoch's batches.
    TrainAccuracy,
}

/// The best epoch of a run under [`EarlyStopping`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// Its number, from 0.
    pub epoch: u64,
    /// Its metric.
    pub value: f64,
}

const NAME: &str = "EarlyStopping";

impl EarlyStopping {
    /// Stops after so many epochs that are no better; losses shall be small, accuracies large.
    pub fn new(patience: u64, monitor: Monitor) -> Self {
        let mode = match monitor {
            Monitor::HeldOutLoss | Monitor::TrainLoss => PlateauMode::Min,
            Monitor::HeldOutAccuracy | Monitor::TrainAccuracy => PlateauMode::Max,
        };
        Self { patience, monitor, mode, min_delta: 0.0, restore_best: true }
    }

    /// Refuses hyper-parameters out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`].
    pub fn validate(&self) -> Result<()> {
        let patience = self.patience;
        hyper::require(NAME, "patience", patience as f64, patience > 0, "at least 1")?;
        hyper::non_negative(NAME, "min_delta", self.min_delta)
    }

    /// Refuses to look at a held-out set that is not there.
    pub(super) fn check(&self, has_held_out: bool) -> Result<()> {
        self.validate()?;
        match self.monitor {
            Monitor::HeldOutLoss | Monitor::HeldOutAccuracy if !has_held_out => {
                let message = format!("monitor is {:?}, but nothing is held out", self.monitor);
                Err(Error::invalid(NAME, message))
            }
            _ => Ok(()),
        }
    }

    fn metric(&self, report: &EpochReport) -> Result<f64> {
        let accuracy = |metrics: Metrics| metrics.accuracy;
        let metric = match self.monitor {
            Monitor::TrainLoss => Some(report.train.loss),
            Monitor::TrainAccuracy => report.train.accuracy,
            Monitor::HeldOutLoss => report.held_out.map(|metrics| metrics.loss),
            Monitor::HeldOutAccuracy => report.held_out.and_then(accuracy),
        };
        metric.ok_or_else(|| {
            let message = format!("monitor is {:?}, but there are no labels", self.monitor);
            Error::invalid(NAME, message)
        })
    }

    /// Whether `value` counts as better than the best so far.
    fn improves(&self, value: f64, best: Option<Best>) -> bool {
        match (best, self.mode) {
            (None, _) => !value.is_nan(),
            (Some(best), PlateauMode::Max) => value > best.value + self.min_delta,
            (Some(best), _) => value < best.value - self.min_delta,
        }
    }
}

/// What a run knows of its past.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Past {
    best: Option<Best>,
    /// Epochs in a row that were no better.
    bad: u64,
    /// `net.*` and `optimizer.*` of the best epoch, if they are to come back.
    state: StateDict,
}

impl Past {
    fn is_over(&self, early: &EarlyStopping) -> bool {
        self.bad >= early.patience
    }

    /// Takes note of an epoch; whether it is the best.
    fn see(&mut self, early: &EarlyStopping, epoch: u64, value: f64) -> bool {
        let better = early.improves(value, self.best);
        if better {
            *self = Self { best: Some(Best { epoch, value }), ..Self::default() };
        } else {
            self.bad = self.bad.saturating_add(1);
        }
        better
    }

    /// Nothing, if there is no past.
    pub(super) fn save(&self) -> StateDict {
        let mut state = self.state.clone();
        if *self != Self::default() {
            state.insert_count("bad", self.bad);
        }
        if let Some(Best { epoch, value }) = self.best {
            state.insert_count("epoch", epoch);
            state.insert_number("value", value);
        }
        state
    }

    /// What [`Past::save`] gave; what is in `state` must be looked at by the owner.
    pub(super) fn load(saved: &StateDict) -> Result<Self> {
        if saved.is_empty() {
            return Ok(Self::default());
        }
        let (mut own, mut state) = (StateDict::new(), StateDict::new());
        for (name, entry) in saved.iter() {
            match name.starts_with("net.") || name.starts_with("optimizer.") {
                true => state.insert_entry(name, entry.clone()),
                false => own.insert_entry(format!("early_stopping.{name}"), entry.clone()),
            }
        }
        let mut reader = own.reader();
        let bad = reader.count("early_stopping.bad").unwrap_or_default();
        let mut best = None;
        if !state.is_empty() || own.len() > 1 {
            let epoch = reader.count("early_stopping.epoch").unwrap_or_default();
            let value = reader.number("early_stopping.value").unwrap_or_default();
            if value.is_nan() {
                reader.refuse("early_stopping.value is NaN, must be a number");
            }
            best = Some(Best { epoch, value });
        }
        reader.end()?;
        Ok(Self { best, bad, state })
    }
}

impl<F: Float, L: Layer<F>, R: Rule<F>, S, C> Run<F, L, R, S, C> {
    /// The best epoch so far, if the run is under [`EarlyStopping`].
    pub fn best(&self) -> Option<Best> {
        self.past.best
    }

    /// Looks at an epoch that is done.
    pub(super) fn watch(&mut self, early: &EarlyStopping, report: &EpochReport) -> Result<Control> {
        let value = early.metric(report)?;
        if self.past.see(early, report.epoch, value) && early.restore_best {
            self.past.state.extend("net", save_parameters(&mut self.net));
            self.past.state.extend("optimizer", self.optimizer.state());
        }
        Ok(if self.past.is_over(early) { Control::Stop } else { Control::Continue })
    }

    /// Whether the patience was at its end already.
    pub(super) fn is_over(&self, early: Option<&EarlyStopping>) -> bool {
        early.is_some_and(|early| self.past.is_over(early))
    }

    /// Takes back the best state, if it was kept.
    pub(super) fn restore_best(&mut self) -> Result<()> {
        let Past { state, .. } = &self.past;
        if state.is_empty() {
            return Ok(());
        }
        load_parameters(&mut self.net, &state.section("net"))?;
        self.optimizer.load_state(&state.section("optimizer"))
    }

    /// Reads a past; the optimizer may have taken up its best memory then, or a part of it.
    pub(super) fn read_past(&mut self, saved: &StateDict) -> Result<Past> {
        let past = Past::load(saved)?;
        if !past.state.is_empty() {
            check_parameters(&mut self.net, &past.state.section("net"))?;
            self.optimizer.load_state(&past.state.section("optimizer"))?;
        }
        Ok(past)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The epochs that were the best so far, and the one after which it is over.
    fn run(early: &EarlyStopping, values: &[f64]) -> (Vec<u64>, Option<u64>) {
        let (mut past, mut best) = (Past::default(), Vec::new());
        for (epoch, value) in (0..).zip(values) {
            if past.see(early, epoch, *value) {
                best.push(epoch);
            }
            assert_eq!(Past::load(&past.save()).unwrap(), past);
            if past.is_over(early) {
                return (best, Some(epoch));
            }
        }
        (best, None)
    }

    #[test]
    fn by_hand() {
        let two = EarlyStopping::new(2, Monitor::HeldOutLoss);
        assert_eq!(run(&two, &[3.0, 2.0, 2.0, 1.0, 1.5, 1.0]), (vec![0, 1, 3], Some(5)));
        // What is better by no more than `min_delta` is no better, however often.
        let delta = EarlyStopping { min_delta: 0.5, ..two };
        assert_eq!(run(&delta, &[3.0, 2.75, 2.5, 2.0]), (vec![0], Some(2)));
        assert_eq!(run(&delta, &[3.0, 2.75, 2.25, 2.0, 1.0]), (vec![0, 2, 4], None));
        let max = EarlyStopping::new(1, Monitor::TrainAccuracy);
        assert_eq!(run(&max, &[0.1, 0.2, 0.2]), (vec![0, 1], Some(2)));
        let nan = f64::NAN;
        assert_eq!(run(&two, &[nan, nan]), (vec![], Some(1)));
        assert_eq!(run(&two, &[nan, 1.0, nan, 0.5]), (vec![1, 3], None));
    }

    #[test]
    fn refusals() {
        let two = EarlyStopping::new(2, Monitor::HeldOutAccuracy);
        let text = |early: EarlyStopping, held| early.check(held).unwrap_err().to_string();
        let none = EarlyStopping { patience: 0, ..two };
        assert_eq!(text(none, true), "EarlyStopping: patience is 0, must be at least 1");
        for bad in [-0.1, f64::NAN, f64::INFINITY] {
            assert!(text(EarlyStopping { min_delta: bad, ..two }, true).contains("min_delta is"));
        }
        let want = "EarlyStopping: monitor is HeldOutAccuracy, but nothing is held out";
        assert_eq!(text(two, false), want);
        let train = Metrics { loss: 1.0, accuracy: None, samples: 1 };
        let report = EpochReport { epoch: 0, step: 1, train, held_out: Some(train) };
        let refused = two.metric(&report).unwrap_err().to_string();
        assert_eq!(refused, "EarlyStopping: monitor is HeldOutAccuracy, but there are no labels");

        let mut saved =
            Past { best: Some(Best { epoch: 1, value: 1.0 }), ..Past::default() }.save();
        saved.insert_number("value", f64::NAN);
        saved.insert_count("stray", 1);
        let refused = Past::load(&saved).unwrap_err().to_string();
        let want = "state does not fit: early_stopping.value is NaN, must be a number; \
                    early_stopping.stray is unexpected";
        assert_eq!(refused, want);
    }
}
