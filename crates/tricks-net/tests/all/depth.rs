//! Fifty layers learn handwritten digits with residual connections, and do not without.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read as _;
use tricks_init::{Layout, VarianceScaling, initialize};
use tricks_net::Net;
use tricks_net::data::{DataSource as _, Targets, idx};
use tricks_net::layers::{Dense, Parallel, ReLU, Residual, Sequential};
use tricks_net::losses::SoftmaxCrossEntropy;
use tricks_net::train::Run;
use tricks_optim::{Momentum, Optimizer};
use tricks_regularize::{BatchNorm, BatchNormConfig};
use tricks_tensor::ndarray::{Array2, Axis, Slice};
use tricks_tensor::{Noise, ParamKind, Parameters as _, Path};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tricks-lab/data/mnist-train-5000-");
/// Features of every hidden layer.
const WIDTH: usize = 32;
/// Of two layers each: with the first and the last layer they are 50.
const BLOCKS: usize = 24;
const BATCH: usize = 32;
const STEPS: usize = 200;
/// Of a digit made small.
const PIXELS: usize = 49;

fn unzip(name: &str) -> Vec<u8> {
    let mut plain = Vec::new();
    let file = File::open(format!("{DATA}{name}-ubyte.gz")).unwrap();
    GzDecoder::new(file).read_to_end(&mut plain).unwrap();
    plain
}

/// Digits of 7 × 7 pixels, each the mean of 4 × 4, and their labels.
fn digits() -> (Array2<f32>, Vec<usize>) {
    let data = idx::dataset::<f32>(&unzip("images-idx3"), &unzip("labels-idx1")).unwrap();
    let pixels = |i: usize, j: usize| (j / 7 * 4 + i / 4) * 28 + j % 7 * 4 + i % 4;
    let x = Array2::from_shape_fn((data.len(), PIXELS), |(n, j)| {
        (0..16).map(|i| data.x()[[n, pixels(i, j)]]).sum::<f32>() / 16.0
    });
    match data.targets() {
        Targets::Labels(labels) => (x, labels.to_vec()),
        _ => panic!("digits have labels"),
    }
}

fn norm(net: Sequential<f32>) -> Sequential<f32> {
    net.push(BatchNorm::new(WIDTH, BatchNormConfig::default()).unwrap()).push(ReLU)
}

/// Fifty dense layers. Parameters have the same names with and without residual connections, so
/// the same seed gives them the same first values.
fn net(residual: bool, seed: u64) -> Net<f32, Sequential<f32>> {
    let dense = || Dense::without_bias(WIDTH, WIDTH);
    let mut layers = Sequential::new().push(Dense::without_bias(PIXELS, WIDTH));
    for _ in 0..BLOCKS {
        let f = norm(norm(Sequential::new()).push(dense())).push(dense());
        layers = match residual {
            true => layers.push(Residual::new(f)),
            false => layers.push(Parallel::sum().push(f)),
        };
    }
    let mut net = Net::new(norm(layers).push(Dense::new(WIDTH, 10)));
    let he = VarianceScaling::he_normal();
    initialize(&mut net, Layout::OutIn, &he, Noise::new(seed)).unwrap();
    net
}

/// Every weight of a net, layer by layer.
fn weights(net: &mut Net<f32, Sequential<f32>>) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    net.visit(&Path::ROOT, &mut |place, param| {
        if place.kind == ParamKind::Weight {
            all.push(param.value.to_vec());
        }
    });
    all
}

/// The mean loss of the last ten of so many updates, over that of the first ten.
fn train(mut net: Net<f32, Sequential<f32>>, seed: u64, x: &Array2<f32>, labels: &[usize]) -> f64 {
    let momentum = Optimizer::builder(Momentum::torch()).bind(&mut net).unwrap();
    let mut run = Run::new(net, momentum, 0.03, SoftmaxCrossEntropy::default(), seed);
    let first = seed as usize * 1000;
    let losses: Vec<f64> = (0..STEPS)
        .map(|step| {
            let from = (first + step * BATCH) % (labels.len() - BATCH);
            let x = x.slice_axis(Axis(0), Slice::from(from..from + BATCH)).to_owned();
            run.update(&x, &labels[from..from + BATCH]).unwrap().loss
        })
        .collect();
    losses[STEPS - 10..].iter().sum::<f64>() / losses[..10].iter().sum::<f64>()
}

#[test]
fn fifty_layers_learn_with_residual_connections_and_not_without() {
    let (x, labels) = digits();
    let left: Vec<[f64; 2]> = (0..3)
        .map(|seed| {
            let [mut with, mut without] = [net(true, seed), net(false, seed)];
            let start = weights(&mut with);
            assert_eq!(start.len(), 50);
            assert!(start == weights(&mut without));
            [with, without].map(|net| train(net, seed, &x, &labels))
        })
        .collect();
    println!("of the loss is left after {STEPS} steps, with and without: {left:.2?}");
    for (seed, [with, without]) in left.into_iter().enumerate() {
        assert!(with <= 0.5, "seed {seed}: {with:.2} of the loss left with residual connections");
        assert!(without > 0.5, "seed {seed}: {without:.2} of the loss left without");
    }
}
