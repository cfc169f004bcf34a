//! Training runs: the library's loop, and what the lab keeps of it.

use crate::experiment::Lab;
use crate::progress::Progress;
use crate::recipe::Recipe;
use tricks_net::Net;
use tricks_net::data::{Batching, DataSource as _, Last};
use tricks_net::layers::Sequential;
use tricks_net::losses::SoftmaxCrossEntropy;
use tricks_net::train::{
    Control, EpochReport, Metrics, Observer, Outcome, Plan, Run, StepReport, save_parameters,
};
use tricks_optim::{Optimizer, Rule};
use tricks_schedule::Schedule;
use tricks_tensor::{Error, Noise, Result, StateDict, ndarray};

/// Marks the noise that rounds packed memory apart from that of a run's orders and masks.
const ROUNDING: u64 = u64::MAX - 1;

/// The library's run, with the rule and the schedule chosen at run time.
pub(crate) type Training = Run<
    f32,
    Sequential<f32>,
    Box<dyn Rule<f32>>,
    Box<dyn Schedule + Send + Sync>,
    SoftmaxCrossEntropy,
>;

/// What can watch one.
pub(crate) type Watcher<'a> = dyn Observer<f32, Sequential<f32>> + 'a;

/// What is known after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Epoch {
    /// Updates so far.
    pub(crate) step: u64,
    /// η of the last update.
    pub(crate) lr: f64,
    /// Mean loss of the training passes; NaN once the run has diverged.
    pub(crate) train_loss: f64,
    /// Loss on the test images.
    pub(crate) test_loss: f64,
    /// The fraction of test images it gets right.
    pub(crate) test_accuracy: f64,
}

/// A recipe and a seed.
///
/// A loss or a gradient that is not finite ends the updates, not the trial: it is a measurement.
/// The epochs that are left then test the network as it stands.
pub(crate) struct Trial<'a> {
    /// Network, optimizer, schedule, position.
    pub(crate) run: Training,
    /// Whether the numbers left the finite.
    pub(crate) diverged: bool,
    lab: &'a Lab,
    plan: Plan,
    history: History,
}

impl<'a> Trial<'a> {
    /// Initializes the network, and announces the updates to the bar.
    ///
    /// # Errors
    /// A recipe that cannot be.
    pub(crate) fn new(lab: &'a Lab, recipe: &Recipe, seed: u64) -> Result<Self> {
        let images = &lab.images;
        let samples = images.train.len();
        let mut net = recipe.build(images.inputs, images.classes, seed)?;
        let optimizer = Optimizer::builder((recipe.rule)())
            .storage(recipe.storage, Noise::new(seed).child(ROUNDING))
            .bind(&mut net)?;
        // A short last batch has poor batch statistics: the next epoch brings its samples.
        let batching = Batching { last: Last::Drop, ..Batching::of(recipe.batch.min(samples)) };
        let steps = batching.per_epoch(samples)? * recipe.epochs as u64;
        lab.progress.expect(steps);
        let schedule = (recipe.schedule)(recipe.lr, steps);
        let run = Run::new(net, optimizer, schedule, SoftmaxCrossEntropy::default(), seed);
        let (plan, history) = (Plan::new(recipe.epochs as u64, batching), History::default());
        Ok(Self { run, diverged: false, lab, plan, history })
    }

    /// After each epoch.
    pub(crate) fn history(&self) -> &[Epoch] {
        &self.history.epochs
    }

    /// Epochs done.
    pub(crate) fn epochs(&self) -> u64 {
        self.history.epochs.len() as u64
    }

    /// Whether all epochs are done.
    pub(crate) fn done(&self) -> bool {
        self.epochs() >= self.plan.epochs
    }

    /// Trains to the end, or until an observer stops it or the numbers leave the finite.
    ///
    /// # Errors
    /// Whatever is not the numbers' fault.
    pub(crate) fn fit(&mut self, observers: &mut [&mut Watcher<'_>]) -> Result<Outcome> {
        self.fit_until(self.plan.epochs, observers)
    }

    fn fit_until(&mut self, epochs: u64, observers: &mut [&mut Watcher<'_>]) -> Result<Outcome> {
        if self.diverged {
            return Ok(Outcome::Finished);
        }
        let mut bar = &self.lab.progress;
        let mut all: Vec<&mut Watcher<'_>> = vec![&mut bar, &mut self.history];
        all.extend(observers.iter_mut().map(|observer| &mut **observer as &mut Watcher<'_>));
        let plan = Plan::new(epochs, self.plan.batching);
        let (train, test) = (&self.lab.images.train, &self.lab.images.test);
        match self.run.fit(&plan, train, Some(test), &mut all) {
            Err(Error::NonFinite { .. }) => {
                self.diverged = true;
                Ok(Outcome::Finished)
            }
            outcome => outcome,
        }
    }

    /// One epoch more, and the test. None of the observers may stop it.
    ///
    /// # Errors
    /// As [`Trial::fit`].
    pub(crate) fn epoch(&mut self, observers: &mut [&mut Watcher<'_>]) -> Result<Epoch> {
        let done = self.history.epochs.len();
        self.fit_until(done as u64 + 1, observers)?;
        if self.diverged {
            let Lab { images, progress, .. } = self.lab;
            let per_epoch = self.plan.batching.per_epoch(images.train.len())?;
            let (first, step) = (done as u64 * per_epoch, (done as u64 + 1) * per_epoch);
            progress.skip(step - self.run.position().step.max(first));
            let test = self.run.evaluate(&images.test, self.plan.batching.size)?;
            self.history.push(step, self.run.schedule.at(step - 1), f64::NAN, Some(test));
        }
        Ok(self.history.epochs[done])
    }

    /// What the network takes the test images for.
    ///
    /// # Errors
    /// None for a network that was built for these images.
    pub(crate) fn answers(&self) -> Result<Vec<usize>> {
        let y = self.run.net.predict(&self.lab.images.test.x())?;
        let largest = |row: ndarray::ArrayView1<'_, f32>| {
            // Of equals the first, as the library's accuracy has it.
            let best = row.iter().enumerate().rev().max_by(|(_, a), (_, b)| a.total_cmp(b));
            best.map_or(0, |(class, _)| class)
        };
        Ok(y.rows().into_iter().map(largest).collect())
    }

    /// A hash (FNV-1a) of every bit of every parameter and running statistic.
    ///
    /// # Errors
    /// None for parameters with names of their own.
    pub(crate) fn fingerprint(&mut self) -> Result<u64> {
        let bytes = save_parameters(&mut self.run.net).to_bytes()?;
        Ok(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    /// The run's state, and the lab's entries beside it.
    pub(crate) fn state(&mut self) -> StateDict {
        let mut state = self.run.state();
        let rows = self.history.epochs.iter();
        let rows: Vec<f64> = rows
            .flat_map(|e| [e.step as f64, e.lr, e.train_loss, e.test_loss, e.test_accuracy])
            .collect();
        state.insert("lab.history", &[self.history.epochs.len(), 5], &rows);
        state.insert_count("lab.epochs", self.epochs());
        state.insert_count("lab.diverged", u64::from(self.diverged));
        state
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    /// A state of another network or optimizer.
    pub(crate) fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let epochs = state.count("lab.epochs")? as usize;
        let rows = state.get::<f64>("lab.history", &[epochs, 5])?;
        let diverged = state.count("lab.diverged")? != 0;
        self.run.load_state(state)?;
        self.diverged = diverged;
        let rows = rows.as_chunks::<5>().0.iter();
        self.history.epochs = rows
            .map(|&[step, lr, train_loss, test_loss, test_accuracy]| Epoch {
                step: step as u64,
                lr,
                train_loss,
                test_loss,
                test_accuracy,
            })
            .collect();
        self.lab.progress.skip(self.history.epochs.last().map_or(0, |epoch| epoch.step));
        Ok(())
    }
}

/// The bar counts updates.
impl<L> Observer<f32, L> for &Progress {
    fn on_step(&mut self, report: &StepReport, _: &mut Net<f32, L>) -> Result<Control> {
        self.step(report.loss);
        Ok(Control::Continue)
    }
}

/// Writes down every epoch.
#[derive(Default)]
struct History {
    epochs: Vec<Epoch>,
    /// η of the last update.
    lr: f64,
}

impl History {
    fn push(&mut self, step: u64, lr: f64, train_loss: f64, test: Option<Metrics>) {
        let test_loss = test.map_or(f64::NAN, |test| test.loss);
        let test_accuracy = test.and_then(|test| test.accuracy).unwrap_or(f64::NAN);
        self.epochs.push(Epoch { step, lr, train_loss, test_loss, test_accuracy });
    }
}

impl<L> Observer<f32, L> for History {
    fn on_step(&mut self, report: &StepReport, _: &mut Net<f32, L>) -> Result<Control> {
        self.lr = report.lr;
        Ok(Control::Continue)
    }

    fn on_epoch(&mut self, report: &EpochReport, _: &mut Net<f32, L>) -> Result<Control> {
        self.push(report.step, self.lr, report.train.loss, report.held_out);
        Ok(Control::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::experiment::Profile;
    use crate::recipe::{Activation, he};

    /// Of a plain network with SGD, after 2 epochs of 3 updates.
    fn trained(lr: f64) -> (Vec<Epoch>, bool) {
        let out = std::env::temp_dir();
        let name = format!("tricks-lab-{}-{lr}.jsonl", std::process::id());
        let lab = Lab {
            images: Images::load(None, (384, 100)).unwrap(),
            profile: Profile::SMOKE,
            progress: Progress::new(),
            metrics: crate::metrics::Metrics::create(&out.join(&name)).unwrap(),
            out: out.clone(),
            checkpoint: None,
        };
        let recipe = Recipe {
            rule: || Box::new(tricks_optim::Sgd),
            lr,
            ..Recipe::plain(&[16], Activation::ReLU, he, 2)
        };
        let mut whole = Trial::new(&lab, &recipe, 1).unwrap();
        let mut halves = Trial::new(&lab, &recipe, 1).unwrap();
        whole.epoch(&mut []).unwrap();
        halves.load_state(&whole.state()).unwrap();
        for trial in [&mut whole, &mut halves] {
            trial.epoch(&mut []).unwrap();
            assert!(trial.done());
        }
        assert_eq!(whole.state().to_bytes().unwrap(), halves.state().to_bytes().unwrap());
        std::fs::remove_file(out.join(name)).unwrap();
        (whole.history().to_vec(), whole.diverged)
    }

    #[test]
    fn divergence_is_a_measurement() {
        let (history, diverged) = trained(0.1);
        assert!(!diverged);
        assert_eq!(history.iter().map(|e| e.step).collect::<Vec<_>>(), [3, 6]);
        assert!(history[1].train_loss < history[0].train_loss);

        let (history, diverged) = trained(1e30);
        assert!(diverged);
        assert_eq!(history.iter().map(|e| e.step).collect::<Vec<_>>(), [3, 6]);
        assert!(
            history.iter().all(|e| e.train_loss.is_nan() && e.test_accuracy < 0.5),
            "{history:?}"
        );
    }
}
