//! Dropout leaves the expectation as it is: E[f(x)] = x for every element.

#![allow(clippy::unwrap_used)]

use tricks_regularize::{AlphaDropout, DropBlock, DropPath, Dropout, SpatialDropout};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Layer, Mode, Noise};

const PASSES: u64 = 4000;

/// The mean of each element over passes, and the largest deviation from `x`.
fn deviation(layer: &mut dyn Layer<f64>, x: &ArrayD<f64>) -> f64 {
    let (mut y, mut sum) = (x.clone(), ArrayD::zeros(x.raw_dim()));
    for pass in 0..PASSES {
        layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(3).pass(pass))).unwrap();
        sum += &y;
    }
    let mean = sum / PASSES as f64;
    mean.iter().zip(x).map(|(mean, x)| (mean - x).abs()).fold(0.0, f64::max)
}

/// A mean of 4,000 draws of an element ±1 that is kept with probability 0.7 has the standard
/// deviation √(0.3/0.7/4000) = 0.0104: five of them.
const BOUND: f64 = 0.052;

fn signs(shape: &[usize]) -> ArrayD<f64> {
    let mut sign = -1.0;
    ArrayD::from_shape_simple_fn(shape, || {
        sign = -sign;
        sign
    })
}

#[test]
fn dropout_keeps_every_element() {
    let x = signs(&[3, 4, 2, 3]);
    let layers: [Box<dyn Layer<f64>>; 3] = [
        Box::new(Dropout::new(0.3).unwrap()),
        Box::new(SpatialDropout::new(0.3).unwrap()),
        Box::new(DropPath::new(0.3).unwrap()),
    ];
    for mut layer in layers {
        let found = deviation(&mut *layer, &x);
        assert!(found < BOUND, "{}: {found}", layer.name());
    }
}

/// Squares reach fewer places at an edge, so there a place is kept more often than the mean place
/// is; over a map the expectation is the input.
#[test]
fn drop_block_keeps_the_sum() {
    let x = ArrayD::from_elem(vec![2, 2, 9, 9], 1.0f64);
    let mut y = x.clone();
    let mut layer = DropBlock::new(0.2, 3).unwrap();
    let (mut inner, mut dropped) = (0.0, 0.0);
    for pass in 0..PASSES {
        layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(3).pass(pass))).unwrap();
        assert!((y.sum() - x.sum()).abs() < 1e-9);
        inner += y[[0, 1, 4, 4]] / PASSES as f64;
        dropped +=
            y.iter().filter(|y| **y == 0.0).count() as f64 / (x.len() as f64 * PASSES as f64);
    }
    // Away from the edges a place is lost a little more often than it is scaled up for.
    assert!((inner - 1.0).abs() < 0.1, "{inner}");
    // γ = 0.2 · 81/9/49: a place stays if none of nine is a seed, fewer at edges.
    assert!(dropped > 0.2 && dropped < 1.0 - (1.0f64 - 0.2 * 9.0 / 49.0).powi(9), "{dropped}");
}

/// AlphaDropout keeps mean and variance of inputs with mean 0 and variance 1, not each element.
#[test]
fn alpha_dropout_keeps_mean_and_variance() {
    let x = signs(&[200, 50]);
    let mut y = x.clone();
    let (mut mean, mut variance) = (0.0, 0.0);
    let mut layer = AlphaDropout::new(0.3).unwrap();
    for pass in 0..100 {
        layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(3).pass(pass))).unwrap();
        mean += y.mean().unwrap() / 100.0;
        variance += y.var(0.0) / 100.0;
    }
    assert!(mean.abs() < 0.005 && (variance - 1.0).abs() < 0.01, "{mean} {variance}");
}
