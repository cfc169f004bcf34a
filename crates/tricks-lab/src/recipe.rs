//! How to build and train a network, as a value that experiments vary.

use tricks_init::{Initializer, Layout, Normal, VarianceScaling};
use tricks_net::Net;
use tricks_net::layers::{Dense, ReLU, Sequential, Sigmoid, Tanh};
use tricks_optim::{Adam, Rule, Storage};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_schedule::{Cosine, Schedule};
use tricks_tensor::{Noise, Result};

/// The kind of network all experiments train.
pub(crate) type Model = Net<f32, Sequential<f32>>;

/// From the first learning rate and the number of updates to a schedule over updates.
pub(crate) type LrSchedule = fn(f64, u64) -> Box<dyn Schedule + Send + Sync>;

/// From a seed's noise to the weights of a network.
pub(crate) type Init = fn(&mut Model, Noise) -> Result<()>;

/// Marks the noise of the first weights apart from that of a run's orders and masks.
const WEIGHTS: u64 = u64::MAX;

/// What follows a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// `max(0, x)`
    ReLU,
    /// `1/(1 + e⁻ˣ)`
    Sigmoid,
    /// `tanh x`
    Tanh,
}

/// A network and its training.
#[derive(Clone)]
pub(crate) struct Recipe {
    /// Units of each hidden layer.
    pub(crate) hidden: Vec<usize>,
    /// Of the hidden layers.
    pub(crate) activation: Activation,
    /// The weights before training; biases are 0.
    pub(crate) init: Init,
    /// Whether batch normalization stands before each activation.
    pub(crate) batch_norm: bool,
    /// The rate of dropout after each activation; 0 for none.
    pub(crate) dropout: f64,
    /// The optimizer's.
    pub(crate) rule: fn() -> Box<dyn Rule<f32>>,
    /// Of the optimizer's averages.
    pub(crate) storage: Storage,
    /// η₀
    pub(crate) lr: f64,
    /// η over the updates.
    pub(crate) schedule: LrSchedule,
    /// Samples of a batch.
    pub(crate) batch: usize,
    /// Passes over the training set.
    pub(crate) epochs: usize,
}

impl Recipe {
    /// The chapter's standard configuration: ReLU, He, Adam with η 0.001, batch normalization,
    /// dropout 0.5, cosine to 0; 784-256-256-10, batches of 128.
    pub(crate) fn standard(epochs: usize) -> Self {
        Self {
            hidden: vec![256, 256],
            activation: Activation::ReLU,
            init: he,
            batch_norm: true,
            dropout: 0.5,
            rule: || Box::new(Adam::chapter()),
            storage: Storage::Full,
            lr: 0.001,
            schedule: |lr, steps| Box::new(Cosine { from: lr, to: 0.0, steps }),
            batch: 128,
            epochs,
        }
    }

    /// A plain network: no normalization, no dropout, constant η.
    pub(crate) fn plain(
        hidden: &[usize],
        activation: Activation,
        init: Init,
        epochs: usize,
    ) -> Self {
        Self {
            hidden: hidden.to_vec(),
            activation,
            init,
            batch_norm: false,
            dropout: 0.0,
            schedule: |lr, _| Box::new(lr),
            ..Self::standard(epochs)
        }
    }

    /// The network with the first weights of a seed.
    pub(crate) fn build(&self, inputs: usize, classes: usize, seed: u64) -> Result<Model> {
        let mut layers = Sequential::new();
        let mut width = inputs;
        for &units in &self.hidden {
            layers = layers.push(Dense::new(width, units));
            if self.batch_norm {
                layers = layers.push(BatchNorm::new(units, BatchNormConfig::default())?);
            }
            layers = match self.activation {
                Activation::ReLU => layers.push(ReLU),
                Activation::Sigmoid => layers.push(Sigmoid),
                Activation::Tanh => layers.push(Tanh),
            };
            if self.dropout > 0.0 {
                layers = layers.push(Dropout::new(self.dropout)?);
            }
            width = units;
        }
        let mut net = Net::new(layers.push(Dense::new(width, classes)));
        (self.init)(&mut net, Noise::new(seed).child(WEIGHTS))?;
        Ok(net)
    }

    /// How many layers of the network stand for one hidden layer.
    pub(crate) fn layers_per_hidden(&self) -> usize {
        2 + usize::from(self.batch_norm) + usize::from(self.dropout > 0.0)
    }
}

/// Every weight by one initializer.
pub(crate) fn initialize(
    net: &mut Model,
    init: &impl Initializer<f32>,
    noise: Noise,
) -> Result<()> {
    tricks_init::initialize(net, Layout::OutIn, init, noise)
}

/// `N(0, 2/n_in)`
pub(crate) fn he(net: &mut Model, noise: Noise) -> Result<()> {
    initialize(net, &VarianceScaling::he_normal(), noise)
}

/// `N(0, 2/(n_in + n_out))`
pub(crate) fn xavier(net: &mut Model, noise: Noise) -> Result<()> {
    initialize(net, &VarianceScaling::xavier_normal(), noise)
}

/// `N(0, 0.01²)`
pub(crate) fn small(net: &mut Model, noise: Noise) -> Result<()> {
    initialize(net, &Normal { mean: 0.0, std: 0.01 }, noise)
}

/// `N(0, 1)`
pub(crate) fn large(net: &mut Model, noise: Noise) -> Result<()> {
    initialize(net, &Normal { mean: 0.0, std: 1.0 }, noise)
}
