use super::early_stopping::Past;
use super::metrics::{Tally, correct};
use super::parameters::{check_parameters, load_parameters, save_parameters};
use super::{Metrics, StepReport, evaluate};
use crate::Net;
use crate::data::DataSource;
use crate::losses::{Loss, Target};
use ndarray::{ArrayBase, Data, Dimension};
use tricks_optim::{Optimizer, Rule, StepArgs, clip_global_norm};
use tricks_schedule::Schedule;
use tricks_tensor::{Error, Float, Layer, Noise, Result, StateDict, ndarray};

/// A training run: the net, what changes it, and where it stands.
///
/// [`Run::fit`] is the loop over epochs and batches. [`Run::update`] is its body, for a loop of
/// your own. Neither makes a thread pool: wrap the whole run in `pool.install`, if you want one.
///
/// What survives a restart is [`Run::state`]:
///
/// | entries | what |
/// |---|---|
/// | `net.*` | parameters and buffers |
/// | `optimizer.*` | its memory and its counts |
/// | `run.step`, `run.epoch`, `run.sample`, `run.of` | the position |
/// | `run.loss`, `run.correct`, `run.labelled` | sums over the epoch so far, for its report |
/// | `early_stopping.*` | the best epoch and its state, if there is [`EarlyStopping`](super::EarlyStopping) |
/// | `run.seed` | all randomness: masks and orders are functions of it and the position |
///
/// A schedule is a function of the step and needs no entry. Other entries are left alone: an
/// average of weights can travel in the same file.
pub struct Run<F, L, R, S, C> {
    /// What is trained.
    pub net: Net<F, L>,
    /// What trains it; bound to the net's parameters.
    pub optimizer: Optimizer<F, R>,
    /// The learning rate of each update; a plain `f64` is constant.
    pub schedule: S,
    /// What is made small.
    pub loss: C,
    /// Where the norm of all gradients together is clipped. Default: nowhere.
    pub max_norm: Option<f64>,
    pub(super) seed: u64,
    pub(super) position: Position,
    /// Over the batches of the epoch so far.
    pub(super) tally: Tally,
    /// What early stopping knows.
    pub(super) past: Past,
}

/// Where a [`Run`] stands.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Updates done.
    pub step: u64,
    /// Epochs done.
    pub epoch: u64,
    /// Samples of the current epoch's order that were used.
    pub sample: u64,
    /// The size of the data set of that order.
    pub of: u64,
}

impl<F, L, R, S, C> Run<F, L, R, S, C>
where
    F: Float,
    L: Layer<F>,
    R: Rule<F>,
    S: Schedule,
    C: Loss<F>,
{
    /// A run at its start.
    pub fn new(
        net: Net<F, L>,
        optimizer: Optimizer<F, R>,
        schedule: S,
        loss: C,
        seed: u64,
    ) -> Self {
        let (position, tally) = (Position::default(), Tally::default());
        let past = Past::default();
        Self { net, optimizer, schedule, loss, max_norm: None, seed, position, tally, past }
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// What all randomness follows from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// One update: forward, loss, backward, clip, step. What should act on the gradients between
    /// backward and clip is an [`Observer::on_gradients`](super::Observer::on_gradients) of
    /// [`Run::fit`], or takes these calls one by one.
    ///
    /// # Errors
    /// What the net, the loss and the optimizer refuse; a loss that is not finite. The parameters
    /// are unchanged then; running statistics may have seen the batch.
    pub fn update<'t, D: Data<Elem = F>, E: Dimension>(
        &mut self,
        x: &ArrayBase<D, E>,
        target: impl Into<Target<'t, F>>,
    ) -> Result<StepReport>
    where
        F: 't,
    {
        Ok(self.advance(x, target.into(), |_| Ok(0.0))?.0)
    }

    /// As [`Run::update`], with `on_gradients` after backward; gives the number of right answers
    /// too.
    pub(super) fn advance<D: Data<Elem = F>, E: Dimension>(
        &mut self,
        x: &ArrayBase<D, E>,
        target: Target<'_, F>,
        on_gradients: impl FnOnce(&mut Net<F, L>) -> Result<f64>,
    ) -> Result<(StepReport, Option<u64>)> {
        let Position { step, epoch, .. } = self.position;
        let lr = self.schedule.at(step);
        let samples = x.shape().first().copied().unwrap_or(0);
        // Before a forward pass moves running statistics.
        let y = self.net.layer.output_shape(x.shape())?;
        self.loss.check(y.slice(), &target)?;

        let pass = self.net.forward_train(x, Noise::new(self.seed).pass(step))?;
        let (loss, right) = pass.backward(|y, dy| {
            let right = correct(&y, &target);
            Ok((finite(step, self.loss.evaluate(y, target, Some(dy))?)?, right))
        })?;
        let loss = finite(step, loss + on_gradients(&mut self.net)?)?;
        // Without a limit the norm is there to be reported. A moderate one shows that no gradient
        // and no square of one overflows, so the step need not look again; otherwise the optimizer
        // does what its `finite_check` says.
        let clip = clip_global_norm(&mut self.net, self.max_norm.unwrap_or(f64::MAX))?;
        let moderate = clip.norm() <= F::max_value().widen().sqrt();
        let args = StepArgs::new(lr);
        let args = if self.max_norm.is_some() || moderate { args.clip(clip) } else { args };
        self.optimizer.step(args, &mut self.net)?;
        self.position.step = step.saturating_add(1);

        let accuracy = right.map(|right| right as f64 / samples as f64);
        let grad_norm = clip.norm();
        Ok((StepReport { step, epoch, loss, accuracy, samples, lr, grad_norm }, right))
    }

    /// [`evaluate`] with the run's net and loss.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn evaluate(
        &self,
        source: &(impl DataSource<F> + ?Sized),
        batch: usize,
    ) -> Result<Metrics> {
        evaluate(&self.net, &self.loss, source, batch)
    }

    /// Everything that must survive a restart.
    pub fn state(&mut self) -> StateDict {
        let mut run = StateDict::new();
        let Position { step, epoch, sample, of } = self.position;
        let Tally { loss, correct, labelled, .. } = self.tally;
        let counts = [step, epoch, sample, of, self.seed, correct, labelled];
        for (name, count) in COUNTS.into_iter().zip(counts) {
            run.insert_count(name, count);
        }
        run.insert_number(LOSS, loss);

        let mut state = StateDict::new();
        state.extend("net", save_parameters(&mut self.net));
        state.extend("optimizer", self.optimizer.state());
        state.extend("run", run);
        state.extend("early_stopping", self.past.save());
        state
    }

    /// Takes up a saved state: from here on the run gives the bits it would have given.
    ///
    /// # Errors
    /// [`Error::State`] with everything that is missing, unexpected, or of another shape or type.
    /// Nothing has changed then.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let (net, before) = (state.section("net"), self.optimizer.state());
        let mut own = StateDict::new();
        own.extend("run", state.section("run"));
        let mut reader = own.reader();
        reader.note(check_parameters(&mut self.net, &net));
        let past = reader.note(self.read_past(&state.section("early_stopping")));
        reader.note(self.optimizer.load_state(&state.section("optimizer")));
        let counts = COUNTS.map(|name| reader.count(&format!("run.{name}")));
        let loss = reader.number(&format!("run.{LOSS}"));
        let [step, epoch, sample, of, seed, correct, labelled] =
            counts.map(Option::unwrap_or_default);
        // An epoch is no further than its data set is long, and no more is right than was seen.
        let ordered =
            [("correct", correct), ("labelled", labelled), ("sample", sample), ("of", of)];
        for ((low, part), (high, whole)) in ordered.into_iter().zip(ordered.into_iter().skip(1)) {
            if part > whole {
                reader.refuse(format!("run.{low} is {part}, but run.{high} {whole}"));
            }
        }
        if let Err(misfit) = reader.end() {
            self.optimizer.load_state(&before)?;
            return Err(misfit);
        }

        load_parameters(&mut self.net, &net)?;
        self.position = Position { step, epoch, sample, of };
        self.tally = Tally { loss: loss.unwrap_or_default(), correct, labelled, samples: sample };
        self.seed = seed;
        self.past = past.unwrap_or_default();
        Ok(())
    }

    /// Writes [`Run::state`] to a file, atomically: the file is the old one or the new one.
    ///
    /// # Errors
    /// [`Error::Io`].
    #[cfg(feature = "safetensors")]
    pub fn save(&mut self, path: impl AsRef<std::path::Path>) -> Result<()> {
        self.state().save(path)
    }

    /// Reads a file of [`Run::save`] and takes up its state.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`]; as [`Run::load_state`]. Nothing has changed then.
    #[cfg(feature = "safetensors")]
    pub fn resume(&mut self, path: impl AsRef<std::path::Path>) -> Result<()> {
        self.load_state(&StateDict::load(path)?)
    }
}

/// The loss of a step, if it is a number to go on with.
fn finite(step: u64, loss: f64) -> Result<f64> {
    if loss.is_finite() {
        return Ok(loss);
    }
    Err(Error::NonFinite { name: format!("step {step}"), what: "loss", index: 0, value: loss })
}

/// The counts of a run, by name.
const COUNTS: [&str; 7] = ["step", "epoch", "sample", "of", "seed", "correct", "labelled"];
const LOSS: &str = "loss";
