//! Dropout leaves the expectation as it is: E[f(x)] = x for every element.

#![allow(clippy::unwrap_used)]

use tricks_regularize::{
    AlphaDropout, DropBlock, DropPath, Dropout, GaussianDropout, GaussianNoise, RandomErasing,
    SpatialDropout,
};
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
    let layers: [Box<dyn Layer<f64>>; 5] = [
        Box::new(Dropout::new(0.3).unwrap()),
        Box::new(SpatialDropout::new(0.3).unwrap()),
        Box::new(DropPath::new(0.3).unwrap()),
        Box::new(GaussianDropout::new(0.3).unwrap()),
        // √(0.3/0.7), the spread of the others.
        Box::new(GaussianNoise::new(0.654).unwrap()),
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

/// Gaussian dropout has the variance of dropout, x² p/(1 − p); noise has its own everywhere.
#[test]
fn gaussian_layers_have_their_variance() {
    let x = ArrayD::from_elem(vec![200, 50], 3.0f64);
    let layers: [(Box<dyn Layer<f64>>, f64); 2] = [
        (Box::new(GaussianDropout::new(0.2).unwrap()), 9.0 * 0.25),
        (Box::new(GaussianNoise::new(0.5).unwrap()), 0.25),
    ];
    for (mut layer, want) in layers {
        let (mut y, mut variance) = (x.clone(), 0.0);
        for pass in 0..20 {
            layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(3).pass(pass))).unwrap();
            variance += y.mapv(|y| (y - 3.0) * (y - 3.0)).mean().unwrap() / 20.0;
        }
        // The variance of 200,000 squares: √(2/200,000) = 0.3 %.
        assert!((variance / want - 1.0).abs() < 0.016, "{}: {variance}", layer.name());
    }
}

/// Half the images lose 0.15 of their area on average. Areas are even in (0.1, 0.2) and all fit: the
/// standard deviation of a share is 0.078, of the mean of 4,000 images 0.0012.
#[test]
fn random_erasing_takes_its_share() {
    let erasing =
        RandomErasing { area: [0.1, 0.2], aspect: [0.5, 2.0], ..RandomErasing::default() };
    let mut lost = 0.0;
    let mut untouched = 0;
    for batch in 0..40 {
        let mut x = ArrayD::<f64>::ones(vec![100, 1, 32, 32]);
        erasing.apply(x.view_mut(), Noise::new(3).pass(batch)).unwrap();
        lost += (x.len() as f64 - x.sum()) / x.len() as f64 / 40.0;
        untouched += x.outer_iter().filter(|image| image.sum() == 1024.0).count();
    }
    assert!((lost - 0.075).abs() < 0.006, "{lost}");
    assert!(untouched.abs_diff(2000) < 160, "{untouched}");
}
