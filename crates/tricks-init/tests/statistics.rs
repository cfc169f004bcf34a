//! Draws held to the distribution they are said to have: Kolmogorov–Smirnov and moments.

use std::f64::consts::FRAC_1_SQRT_2;
use tricks_init::{
    Constant, Distribution, Fan, Initializer, Normal, TruncatedNormal, Uniform, VarianceScaling,
};
use tricks_tensor::Noise;

const LEN: usize = 20_001;
const FAN: Fan = Fan { fan_in: 64, fan_out: 36 };

fn draws(init: &dyn Initializer<f64>, seed: u64) -> Vec<f64> {
    let mut out = vec![f64::NAN; LEN];
    init.fill(FAN, &[LEN], Noise::new(seed), &mut out).expect("a valid initializer");
    out
}

/// Two-sided p-value of the largest distance between empirical and exact distribution, from
/// Kolmogorov's series with Stephens' correction for finite samples.
fn kolmogorov_smirnov(draws: &[f64], cdf: impl Fn(f64) -> f64) -> f64 {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let distance = sorted.iter().enumerate().fold(0.0f64, |distance, (i, &x)| {
        let p = cdf(x);
        distance.max(p - i as f64 / n).max((i + 1) as f64 / n - p)
    });
    let lambda = (n.sqrt() + 0.12 + 0.11 / n.sqrt()) * distance;
    let series = |k: i32| {
        let sign = if k % 2 == 1 { 1.0 } else { -1.0 };
        sign * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    (2.0 * (1..=100).map(series).sum::<f64>()).clamp(0.0, 1.0)
}

fn phi(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn moments(draws: &[f64]) -> (f64, f64) {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

#[track_caller]
fn check(init: &dyn Initializer<f64>, mean: f64, std: f64, cdf: impl Fn(f64) -> f64) {
    for seed in [1, 42, 20_260_101] {
        let draws = draws(init, seed);
        let n = LEN as f64;
        let p = kolmogorov_smirnov(&draws, &cdf);
        assert!(p > 1e-4, "seed {seed}: p = {p:e}");
        let (m, s) = moments(&draws);
        assert!((m - mean).abs() <= 5.0 * std / n.sqrt(), "seed {seed}: mean {m}, not {mean}");
        assert!((s / std - 1.0).abs() <= 5.0 / (2.0 * n).sqrt(), "seed {seed}: std {s}, not {std}");
        // Neighbours share a Box–Muller pair; they must not be correlated.
        let pairs = draws.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>();
        let correlation = pairs / (n * std * std);
        assert!(correlation.abs() <= 5.0 / n.sqrt(), "seed {seed}: correlation {correlation}");
    }
}

fn cut_cdf(x: f64, std: f64, low: f64, high: f64) -> f64 {
    let [p, a, b] = [x, low, high].map(|x| phi(x / std));
    ((p - a) / (b - a)).clamp(0.0, 1.0)
}

#[test]
fn normal() {
    check(&Normal::default(), 0.0, 1.0, phi);
    check(&Normal { mean: -3.0, std: 0.2 }, -3.0, 0.2, |x| phi((x + 3.0) / 0.2));
}

#[test]
fn uniform() {
    check(&Uniform { low: -1.0, high: 3.0 }, 1.0, 4.0 / 12f64.sqrt(), |x| (x + 1.0) / 4.0);
    let a = 3f64.sqrt() * 0.1;
    check(&Uniform::with_std(0.1), 0.0, 0.1, |x| (x + a) / (2.0 * a));
}

#[test]
fn truncated_normal() {
    let plain = TruncatedNormal::two_sigma(0.0, 0.02);
    check(&plain, 0.0, 0.02 * 0.879_625_661_034_24, |x| cut_cdf(x, 0.02, -0.04, 0.04));
    let corrected = TruncatedNormal::two_sigma_corrected(0.0, 0.02);
    let parent = 0.02 / 0.879_625_661_034_24;
    check(&corrected, 0.0, 0.02, |x| cut_cdf(x, parent, -2.0 * parent, 2.0 * parent));
    let one_sided = TruncatedNormal { mean: 0.0, std: 1.0, low: 0.0, high: 1.0 };
    check(&one_sided, 0.459_862_229_286, 0.282_226_548_802, |x| cut_cdf(x, 1.0, 0.0, 1.0));
}

#[test]
fn variance_scaling() {
    let he = VarianceScaling::he_normal();
    let std = (2.0f64 / 64.0).sqrt();
    check(&he, 0.0, std, |x| phi(x / std));
    let bound = (6.0f64 / 100.0).sqrt();
    let xavier = VarianceScaling::xavier_uniform();
    check(&xavier, 0.0, 0.02f64.sqrt(), |x| (x + bound) / (2.0 * bound));
    let keras = VarianceScaling { distribution: Distribution::TruncatedNormal, ..he };
    let parent = std / 0.879_625_661_034_24;
    check(&keras, 0.0, std, |x| cut_cdf(x, parent, -2.0 * parent, 2.0 * parent));
}

#[test]
fn draws_stay_inside() {
    let inside = |init: &dyn Initializer<f64>, low: f64, high: f64| {
        let draws = draws(init, 9);
        assert!(draws.iter().all(|x| (low..=high).contains(x)));
        // And come close to both ends.
        let width = high - low;
        assert!(draws.iter().any(|x| x - low < 1e-2 * width));
        assert!(draws.iter().any(|x| high - x < 1e-2 * width));
    };
    inside(&Uniform { low: 2.0, high: 2.5 }, 2.0, 2.5);
    inside(&TruncatedNormal { mean: 1.0, std: 2.0, low: -1.0, high: 4.0 }, -1.0, 4.0);
    let xavier = VarianceScaling::xavier_uniform();
    inside(&xavier, -xavier.bound(FAN), xavier.bound(FAN));
}

/// The test tells a wrong deviation from a right one, or it would prove nothing.
#[test]
fn the_test_can_fail() {
    let draws = draws(&Normal { mean: 0.0, std: 1.1 }, 1);
    assert!(kolmogorov_smirnov(&draws, phi) < 1e-4);
    assert_eq!(kolmogorov_smirnov(&self::draws(&Constant::zeros(), 1), phi), 0.0);
}
