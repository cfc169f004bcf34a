use super::{Control, EarlyStopping, EpochReport, Observer, Run, Start};
use crate::data::{Batch, Batching, DataSource, fill};
use crate::losses::Loss;
use tricks_optim::Rule;
use tricks_schedule::Schedule;
use tricks_tensor::{Error, Float, Layer, Noise, Result};

/// How long to train, and on which batches.
///
/// ```
/// use tricks_net::{data::Batching, train::Plan};
/// let plan = Plan::new(10, Batching::of(128));
/// assert_eq!(plan.epochs, 10);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Plan {
    /// Epochs in all: a resumed run does what is left of them.
    pub epochs: u64,
    /// How an epoch is cut into batches.
    pub batching: Batching,
    /// When it ends before that. Default: never.
    pub early_stopping: Option<EarlyStopping>,
    /// When the run is saved. Default: never.
    #[cfg(feature = "safetensors")]
    pub checkpoint: Option<Checkpoint>,
}

impl Plan {
    /// So many epochs of these batches.
    pub fn new(epochs: u64, batching: Batching) -> Self {
        Self {
            epochs,
            batching,
            early_stopping: None,
            #[cfg(feature = "safetensors")]
            checkpoint: None,
        }
    }

    /// Ends the run when it no longer gets better.
    #[must_use]
    pub fn early_stopping(self, early: EarlyStopping) -> Self {
        Self { early_stopping: Some(early), ..self }
    }

    /// Saves the run now and then.
    #[cfg(feature = "safetensors")]
    #[must_use]
    pub fn checkpoint(self, path: impl Into<std::path::PathBuf>, every: Every) -> Self {
        Self { checkpoint: Some(Checkpoint { path: path.into(), every }), ..self }
    }
}

/// Where and when a run is saved. Each save replaces the last, atomically.
#[cfg(feature = "safetensors")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The file.
    pub path: std::path::PathBuf,
    /// How often.
    pub every: Every,
}

/// How often a run is saved; 0 is never.
#[cfg(feature = "safetensors")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Whenever the number of updates is a multiple of this.
    Steps(u64),
    /// Whenever the number of epochs is a multiple of this.
    Epochs(u64),
}

/// How training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// An observer or early stopping ended it.
    Stopped,
}

/// Marks the noise of the orders apart from that of the passes.
const ORDER: u64 = 0;

impl<F, L, R, S, C> Run<F, L, R, S, C>
where
    F: Float,
    L: Layer<F>,
    R: Rule<F>,
    S: Schedule,
    C: Loss<F>,
{
    /// Trains from where the run stands until `plan.epochs` are done.
    ///
    /// After each epoch the net is measured on `held_out`. A run that was stopped or resumed goes
    /// on in the middle of its epoch, with the bits it would have had.
    ///
    /// ```
    /// use tricks_init::{Layout, VarianceScaling, initialize};
    /// use tricks_net::data::{Batching, Dataset};
    /// use tricks_net::layers::{Dense, Sequential, Tanh};
    /// use tricks_net::losses::SoftmaxCrossEntropy;
    /// use tricks_net::train::{Outcome, Plan, Run};
    /// use tricks_net::Net;
    /// use tricks_optim::{Adam, Optimizer};
    /// use tricks_schedule::Cosine;
    /// use tricks_tensor::{Noise, ndarray::arr2};
    ///
    /// // Exclusive or: no straight line parts it, one hidden layer does.
    /// let x = arr2(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    /// let data = Dataset::new(x, vec![0, 1, 1, 0])?;
    ///
    /// let layers = Sequential::new().push(Dense::<f64>::new(2, 8)).push(Tanh).push(Dense::new(8, 2));
    /// let mut net = Net::new(layers);
    /// initialize(&mut net, Layout::OutIn, &VarianceScaling::xavier_uniform(), Noise::new(1))?;
    /// let adam = Optimizer::builder(Adam::torch()).bind(&mut net)?;
    /// let schedule = Cosine { from: 0.05, to: 0.0, steps: 400 };
    ///
    /// let mut run = Run::new(net, adam, schedule, SoftmaxCrossEntropy::default(), 42);
    /// let outcome = run.fit(&Plan::new(200, Batching::of(2)), &data, None, &mut [])?;
    /// assert_eq!(outcome, Outcome::Finished);
    /// let metrics = run.evaluate(&data, 4)?;
    /// assert_eq!(metrics.accuracy, Some(1.0));
    /// assert!(metrics.loss < 0.05);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// A batch that does not fit the data; hyper-parameters of the schedule or of early stopping
    /// out of range; a metric to watch that is not there; another number of samples than that of an
    /// epoch half done; what an update, an observer or a save refuses. The run stands after the
    /// last update that was done.
    pub fn fit(
        &mut self,
        plan: &Plan,
        train: &dyn DataSource<F>,
        held_out: Option<&dyn DataSource<F>>,
        observers: &mut [&mut dyn Observer<F, L>],
    ) -> Result<Outcome> {
        let samples = train.len();
        let steps_per_epoch = plan.batching.per_epoch(samples)?;
        self.schedule.validate()?;
        let early = plan.early_stopping.as_ref();
        early.map_or(Ok(()), |early| early.check(held_out.is_some()))?;
        if self.position.sample > 0 && self.position.of != samples as u64 {
            let message = format!(
                "the epoch began with {} samples, the data set has {samples}",
                self.position.of
            );
            return Err(Error::invalid("fit", message));
        }
        let start = Start { step: self.position.step, epochs: plan.epochs, steps_per_epoch };
        for observer in observers.iter_mut() {
            observer.on_start(&start, &mut self.net)?;
        }
        let outcome = match self.is_over(early) {
            true => Outcome::Stopped,
            false => self.epochs(plan, train, held_out, observers)?,
        };
        let over = outcome == Outcome::Finished || self.is_over(early);
        if over && early.is_some_and(|early| early.restore_best) {
            self.restore_best()?;
        }
        for observer in observers.iter_mut() {
            observer.on_end(&mut self.net)?;
        }
        Ok(outcome)
    }

    fn epochs(
        &mut self,
        plan: &Plan,
        train: &dyn DataSource<F>,
        held_out: Option<&dyn DataSource<F>>,
        observers: &mut [&mut dyn Observer<F, L>],
    ) -> Result<Outcome> {
        let samples = train.len();
        let (mut batch, mut order) = (Batch::new(), Vec::new());
        while self.position.epoch < plan.epochs {
            let noise = Noise::new(self.seed).child(ORDER);
            plan.batching.order(samples, noise, self.position.epoch, &mut order);
            while let Some(end) = plan.batching.end(self.position.sample as usize, samples) {
                fill(train, &order[self.position.sample as usize..end], &mut batch)?;
                let (report, right) = self.advance(&batch.x(), batch.target(), |net| {
                    observers.iter_mut().try_fold(0.0, |sum, o| Ok(sum + o.on_gradients(net)?))
                })?;
                self.position.sample = end as u64;
                self.position.of = samples as u64;
                self.tally.add(report.loss, right, report.samples);
                let control = ask(observers, |o| o.on_step(&report, &mut self.net))?;
                self.save_if_due(plan, false)?;
                if control == Control::Stop {
                    return Ok(Outcome::Stopped);
                }
            }
            let report = EpochReport {
                epoch: self.position.epoch,
                step: self.position.step,
                train: self.tally.metrics(),
                held_out: match held_out {
                    Some(source) => Some(self.evaluate(source, plan.batching.size)?),
                    None => None,
                },
            };
            self.position.epoch += 1;
            self.position.sample = 0;
            self.tally = Default::default();
            let mut control = ask(observers, |o| o.on_epoch(&report, &mut self.net))?;
            if let Some(early) = &plan.early_stopping
                && self.watch(early, &report)? == Control::Stop
            {
                control = Control::Stop;
            }
            self.save_if_due(plan, true)?;
            if control == Control::Stop {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }

    #[cfg(feature = "safetensors")]
    fn save_if_due(&mut self, plan: &Plan, after_epoch: bool) -> Result<()> {
        let Some(Checkpoint { path, every }) = &plan.checkpoint else { return Ok(()) };
        let left = match every {
            Every::Steps(n) if !after_epoch => self.position.step.checked_rem(*n),
            Every::Epochs(n) if after_epoch => self.position.epoch.checked_rem(*n),
            _ => None,
        };
        if left == Some(0) { self.save(path) } else { Ok(()) }
    }

    #[cfg(not(feature = "safetensors"))]
    fn save_if_due(&mut self, _: &Plan, _: bool) -> Result<()> {
        Ok(())
    }
}

/// Asks every observer; one that says stop is enough.
fn ask<'o, F: Float, L>(
    observers: &mut [&mut (dyn Observer<F, L> + 'o)],
    mut question: impl FnMut(&mut (dyn Observer<F, L> + 'o)) -> Result<Control>,
) -> Result<Control> {
    let mut control = Control::Continue;
    for observer in observers {
        if question(&mut **observer)? == Control::Stop {
            control = Control::Stop;
        }
    }
    Ok(control)
}
