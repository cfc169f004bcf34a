use super::*;
use crate::Net;
use crate::layers::{
    Conv2d, ConvConfig, Dense, Flatten, LeakyReLU, MaxPool2d, Parallel, ReLU, Residual, Sequential,
    Sigmoid, Softsign, Tanh, TransformerConfig, TransformerEncoderLayer,
};
use crate::losses::{Loss as _, MeanSquaredError};
use ndarray::{Array2, ArrayD, arr1, arr2};
use tricks_init::{Initializer, Layout, Normal, VarianceScaling, initialize};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_tensor::{Layer, Noise, Parameters as _, Path, ndarray};

mod lsuv;
mod report;
mod verdict;

const WIDTH: usize = 100;
const DEPTH: usize = 15;

fn normals(shape: &[usize], seed: u64) -> ArrayD<f32> {
    let mut x = ArrayD::zeros(shape);
    let unit = Normal { mean: 0.0, std: 1.0 };
    let fan = tricks_init::Fan { fan_in: 1, fan_out: 1 };
    unit.fill(fan, shape, Noise::new(seed), x.as_slice_mut().unwrap()).unwrap();
    x
}

/// Dense layers with an activation behind each but the last.
fn deep<A: Layer<f32> + Copy + 'static>(activation: A) -> Sequential<f32> {
    let mut net = Sequential::new();
    for _ in 0..DEPTH {
        net = net.push(Dense::new(WIDTH, WIDTH)).push(activation);
    }
    net.push(Dense::new(WIDTH, 10))
}

/// The report of a net on normal numbers, with a random gradient at the output.
fn look<L: Layer<f32>>(layer: L, shape: &[usize], init: &impl Initializer<f32>) -> Report {
    let mut net = Net::new(layer);
    initialize(&mut net, Layout::OutIn, init, Noise::new(1)).unwrap();
    look_at(&mut net, &normals(shape, 2))
}

fn look_at<L: Layer<f32>>(net: &mut Net<f32, L>, x: &ArrayD<f32>) -> Report {
    inspect(net, x, Noise::new(3), |y, mut dy| {
        dy.assign(&normals(y.shape(), 4));
        Ok(())
    })
    .unwrap()
}

fn texts(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

fn std(std: f64) -> Normal {
    Normal { mean: 0.0, std }
}

/// A net with every container, dropout and a normalization with running statistics.
fn nested() -> Sequential<f32> {
    let branch = Sequential::new()
        .push(Dense::new(6, 6))
        .push(BatchNorm::new(6, BatchNormConfig::default()).unwrap())
        .push(Tanh)
        .push(Dropout::new(0.2).unwrap())
        .push(Sequential::new().push(Dense::new(6, 8)));
    Sequential::new()
        .push(Sequential::new())
        .push(Residual::new(branch).shortcut(Dense::new(6, 8)))
        .push(Sequential::new().push(ReLU))
        .push(Parallel::concat(1).push(Sequential::new()).push(Dense::new(8, 2)))
        .push(Sigmoid)
        .push(Dense::new(10, 3))
}

/// Everything a net keeps.
fn values(net: &mut Net<f32, Sequential<f32>>) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    net.visit(&Path::ROOT, &mut |_, param| all.push(param.value.to_vec()));
    all
}

fn gradients(net: &mut Net<f32, Sequential<f32>>) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    net.visit(&Path::ROOT, &mut |_, mut param| {
        all.push(param.grad.values().map_or(vec![], |grad| grad.to_vec()));
    });
    all
}
