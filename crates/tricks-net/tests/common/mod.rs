//! What the tests of runs share: a small problem, and a net with all that has state or noise.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs, reason = "shared by tests")]

use tricks_init::{Layout, VarianceScaling, initialize};
use tricks_net::Net;
use tricks_net::data::Dataset;
use tricks_net::layers::{Dense, ReLU, Sequential, Tanh};
use tricks_net::losses::SoftmaxCrossEntropy;
use tricks_net::train::{Control, EpochReport, JsonLines, Observer, Run, StepReport};
use tricks_optim::{Optimizer, Rule};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_schedule::{Cosine, Linear, Phase as _, Schedule};
use tricks_tensor::ndarray::Array2;
use tricks_tensor::{Float, Noise, Result, math};

/// Two spirals of one turn and a half around each other: no line, circle or ellipse parts them.
pub fn spirals<F: Float>(samples: usize, seed: u64) -> Dataset<F> {
    let noise = Noise::new(seed);
    let mut x = Array2::zeros((samples, 2));
    for i in 0..samples {
        let radius = 0.1 + 0.9 * noise.uniform(2 * i as u64);
        let angle = 9.0 * radius + std::f64::consts::PI * (i % 2) as f64;
        let off = 0.02 * noise.uniform(2 * i as u64 + 1);
        x[[i, 0]] = F::of((radius + off) * math::cos(angle));
        x[[i, 1]] = F::of((radius + off) * math::sin(angle));
    }
    Dataset::new(x, (0..samples).map(|i| i % 2).collect::<Vec<_>>()).unwrap()
}

pub type MyRun<F, R, S> = Run<F, Sequential<F>, R, S, SoftmaxCrossEntropy>;

/// A net with everything that has state or noise: batch normalization and dropout.
pub fn run<F: Float, R: Rule<F>, S: Schedule>(rule: R, schedule: S, seed: u64) -> MyRun<F, R, S> {
    let layers = Sequential::new()
        .push(Dense::without_bias(2, 32))
        .push(BatchNorm::new(32, BatchNormConfig::default()).unwrap())
        .push(ReLU)
        .push(Dropout::new(0.1).unwrap())
        .push(Dense::new(32, 32))
        .push(Tanh)
        .push(Dense::new(32, 2));
    let mut net = Net::new(layers);
    let he = VarianceScaling::he_normal();
    initialize(&mut net, Layout::OutIn, &he, Noise::new(seed)).unwrap();
    let optimizer = Optimizer::builder(rule).bind(&mut net).unwrap();
    let mut run = Run::new(net, optimizer, schedule, SoftmaxCrossEntropy::default(), seed);
    run.max_norm = Some(1.0);
    run
}

pub fn warm_cosine() -> impl Schedule + Copy {
    Linear { from: 0.0, to: 0.01, steps: 20 }.then(Cosine { from: 0.01, to: 0.0, steps: 1500 })
}

/// Stops after this many updates.
pub struct StopAt(pub u64);

impl<F: Float, L> Observer<F, L> for StopAt {
    fn on_step(&mut self, report: &StepReport, _: &mut Net<F, L>) -> Result<Control> {
        Ok(if report.step + 1 == self.0 { Control::Stop } else { Control::Continue })
    }
}

pub fn lines(log: JsonLines<Vec<u8>>) -> Vec<String> {
    String::from_utf8(log.into_inner()).unwrap().lines().map(String::from).collect()
}

/// Keeps all reports, and the shapes of the last activations; stops after three epochs.
#[derive(Default)]
pub struct Recorder {
    pub steps: Vec<StepReport>,
    pub epochs: Vec<EpochReport>,
    pub shapes: Vec<Vec<usize>>,
    pub ends: u32,
}

impl<F: Float> Observer<F, Sequential<F>> for Recorder {
    fn on_step(&mut self, report: &StepReport, net: &mut Net<F, Sequential<F>>) -> Result<Control> {
        self.steps.push(*report);
        self.shapes = net.layer.activations().map(|a| a.shape().to_vec()).collect();
        self.shapes.push(net.output().shape().to_vec());
        Ok(Control::Continue)
    }
    fn on_epoch(&mut self, report: &EpochReport, _: &mut Net<F, Sequential<F>>) -> Result<Control> {
        self.epochs.push(*report);
        Ok(if report.epoch == 2 { Control::Stop } else { Control::Continue })
    }
    fn on_end(&mut self, _: &mut Net<F, Sequential<F>>) -> Result<()> {
        self.ends += 1;
        Ok(())
    }
}
