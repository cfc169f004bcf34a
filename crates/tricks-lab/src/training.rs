//! Training runs: the loop, with every trick one line of it.
//!
//! A loop of its own, because experiments vary the rule as a value, watch single updates, and take
//! a run that leaves the finite numbers as a measurement and not as an error.

use crate::data::{Images, labels};
use crate::recipe::{Model, Recipe, Steps};
use tricks_net::data::{Batch, Batching, DataSource as _, Last};
use tricks_net::losses::{Loss as _, SoftmaxCrossEntropy};
use tricks_net::train::{load_parameters, save_parameters};
use tricks_schedule::Schedule;
use tricks_tensor::{Error, Noise, ParamKind, Parameters as _, Path, Result, StateDict};

/// What is known after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Epoch {
    /// Updates so far.
    pub(crate) step: u64,
    /// η of the last update.
    pub(crate) lr: f64,
    /// Mean loss of the training passes.
    pub(crate) train_loss: f64,
    /// Loss on the test images.
    pub(crate) test_loss: f64,
    /// The fraction of test images it gets right.
    pub(crate) test_accuracy: f64,
}

/// A network in training.
pub(crate) struct Run<'a> {
    recipe: &'a Recipe,
    images: &'a Images,
    /// The network.
    pub(crate) net: Model,
    /// Its optimizer.
    pub(crate) optimizer: Box<dyn Steps>,
    /// After each epoch.
    pub(crate) history: Vec<Epoch>,
    /// Whether the numbers left the finite; no update is made after that.
    pub(crate) diverged: bool,
    schedule: Box<dyn Schedule + Send + Sync>,
    batching: Batching,
    order: Vec<usize>,
    batch: Batch<f32>,
    noise: Noise,
    step: u64,
}

/// What a seed's noise is for.
const WEIGHTS: u64 = 0;
const ORDER: u64 = 1;
const PASSES: u64 = 2;

impl<'a> Run<'a> {
    /// Builds and initializes the network.
    ///
    /// # Errors
    /// A recipe that cannot be.
    pub(crate) fn new(recipe: &'a Recipe, images: &'a Images, seed: u64) -> Result<Self> {
        let noise = Noise::new(seed);
        let mut net = recipe.build(images.inputs, images.classes, noise.child(WEIGHTS))?;
        let optimizer = (recipe.rule)(&mut net)?;
        // A short last batch has poor batch statistics: the next epoch brings its samples.
        let batching =
            Batching { last: Last::Drop, ..Batching::of(recipe.batch.min(images.train.len())) };
        let mut run = Self {
            recipe,
            images,
            net,
            optimizer,
            history: Vec::new(),
            diverged: false,
            schedule: Box::new(recipe.lr),
            batching,
            order: Vec::new(),
            batch: Batch::new(),
            noise,
            step: 0,
        };
        run.schedule = (recipe.schedule)(recipe.lr, run.steps()?);
        run.schedule.validate()?;
        Ok(run)
    }

    /// Updates of an epoch.
    ///
    /// # Errors
    /// No images.
    pub(crate) fn steps_per_epoch(&self) -> Result<u64> {
        self.batching.per_epoch(self.images.train.len())
    }

    /// Updates of the whole run.
    ///
    /// # Errors
    /// No images.
    pub(crate) fn steps(&self) -> Result<u64> {
        Ok(self.steps_per_epoch()? * self.recipe.epochs as u64)
    }

    /// Whether all epochs are done.
    pub(crate) fn done(&self) -> bool {
        self.history.len() >= self.recipe.epochs
    }

    /// One update; gives the loss before it, and nothing once the run has diverged.
    ///
    /// # Errors
    /// Whatever is not the numbers' fault.
    pub(crate) fn update(&mut self) -> Result<Option<f64>> {
        let per_epoch = self.steps_per_epoch()?;
        let (epoch, at) = (self.step / per_epoch, (self.step % per_epoch) as usize);
        if at == 0 || self.order.is_empty() {
            self.batching.order(
                self.images.train.len(),
                self.noise.child(ORDER),
                epoch,
                &mut self.order,
            );
        }
        let samples = &self.order[at * self.batching.size..][..self.batching.size];
        let noise = self.noise.child(PASSES).pass(self.step);
        let lr = self.schedule.at(self.step);
        self.step += 1;
        if self.diverged {
            return Ok(None);
        }
        self.images.train.fill(samples, &mut self.batch)?;
        let (x, target) = (self.batch.x(), self.batch.target());
        let pass = self.net.forward_train(&x, noise)?;
        let loss = pass.backward(|y, dy| SoftmaxCrossEntropy::default().gradient(y, target, dy))?;
        match self.optimizer.step(lr, &mut self.net) {
            Err(Error::NonFinite { .. }) => self.diverged = true,
            done => done?,
        }
        self.diverged |= !loss.is_finite();
        Ok((!self.diverged).then_some(loss))
    }

    /// The updates of an epoch, then the test.
    ///
    /// # Errors
    /// As [`Run::update`].
    pub(crate) fn epoch(&mut self, mut each: impl FnMut(f64)) -> Result<Epoch> {
        let steps = self.steps_per_epoch()?;
        let mut sum = 0.0;
        for _ in 0..steps {
            let loss = self.update()?.unwrap_or(f64::NAN);
            sum += loss;
            each(loss);
        }
        let (test_loss, test_accuracy, _) = self.test()?;
        let lr = self.schedule.at(self.step - 1);
        let epoch =
            Epoch { step: self.step, lr, train_loss: sum / steps as f64, test_loss, test_accuracy };
        self.history.push(epoch);
        Ok(epoch)
    }

    /// Loss, accuracy and the answers on the test images.
    ///
    /// # Errors
    /// None for a network that was built for these images.
    pub(crate) fn test(&self) -> Result<(f64, f64, Vec<usize>)> {
        let (x, right) = (self.images.test.x(), labels(&self.images.test));
        let y = self.net.predict(&x)?;
        let loss = SoftmaxCrossEntropy::default().value(y.view(), right)?;
        let answers: Vec<usize> = y.outer_iter().map(|row| largest(row.iter().copied())).collect();
        let hits = answers.iter().zip(right).filter(|(a, b)| a == b).count();
        Ok((loss, hits as f64 / right.len() as f64, answers))
    }

    /// A hash of every bit of every parameter and running statistic.
    pub(crate) fn fingerprint(&mut self) -> u64 {
        let mut hash = FNV;
        self.net.visit(&Path::ROOT, &mut |_, param| hash = fnv(hash, param.value));
        hash
    }

    /// One hash for each weight, first layer first.
    pub(crate) fn fingerprints(&mut self) -> Vec<u64> {
        let mut hashes = Vec::new();
        self.net.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Weight {
                hashes.push(fnv(FNV, param.value));
            }
        });
        hashes
    }

    /// Everything a resumed run needs.
    pub(crate) fn state(&mut self) -> StateDict {
        let mut state = StateDict::new();
        state.extend("net", save_parameters(&mut self.net));
        state.extend("optimizer", self.optimizer.state());
        state.insert_count("step", self.step);
        state.insert_count("diverged", u64::from(self.diverged));
        let rows: Vec<f64> = self
            .history
            .iter()
            .flat_map(|e| [e.step as f64, e.lr, e.train_loss, e.test_loss, e.test_accuracy])
            .collect();
        state.insert("history", &[self.history.len(), 5], &rows);
        state.insert_count("epochs", self.history.len() as u64);
        state
    }

    /// Goes on from a saved state.
    ///
    /// # Errors
    /// A state of another network or optimizer; then this run must not be used.
    pub(crate) fn load_state(&mut self, state: &StateDict) -> Result<()> {
        load_parameters(&mut self.net, &state.section("net"))?;
        self.optimizer.load_state(&state.section("optimizer"))?;
        self.step = state.count("step")?;
        self.diverged = state.count("diverged")? != 0;
        let epochs = state.count("epochs")? as usize;
        let rows = state.get::<f64>("history", &[epochs, 5])?;
        self.history = rows
            .as_chunks::<5>()
            .0
            .iter()
            .map(|&[step, lr, train_loss, test_loss, test_accuracy]| Epoch {
                step: step as u64,
                lr,
                train_loss,
                test_loss,
                test_accuracy,
            })
            .collect();
        self.order.clear();
        Ok(())
    }
}

/// FNV-1a, 64 bits: its start.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// ... and what numbers make of it.
fn fnv(hash: u64, numbers: &[f32]) -> u64 {
    let bytes = numbers.iter().flat_map(|x| x.to_le_bytes());
    bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The position of the largest number; the first of equals.
fn largest(numbers: impl Iterator<Item = f32>) -> usize {
    let (mut best, mut at) = (f32::NEG_INFINITY, 0);
    for (i, x) in numbers.enumerate() {
        if x > best {
            (best, at) = (x, i);
        }
    }
    at
}
