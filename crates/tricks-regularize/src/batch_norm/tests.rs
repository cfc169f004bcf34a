use super::*;
use tricks_tensor::Noise;
use tricks_tensor::ndarray::{ArrayD, arr2};

const TRAIN: fn() -> Mode = || Mode::Train(Noise::new(0));

/// x = (1, 2, 6): μ = 3, σ² = 14/3, unbiased 7. With ε = 1/3 the root of σ² + ε is √5.
fn layer(variance: RunningVariance) -> BatchNorm<f64> {
    let config = BatchNormConfig {
        eps: 1.0 / 3.0,
        momentum: Some(0.25),
        running_variance: variance,
        ..Default::default()
    };
    BatchNorm::new(1, config).unwrap()
}

fn close(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-14, "{got} for {want}");
    }
}

#[test]
fn a_step_by_hand() {
    let mut norm = layer(RunningVariance::Unbiased);
    (norm.weight[0], norm.bias[0]) = (2.0, 10.0);
    let x = arr2(&[[1.0], [2.0], [6.0]]).into_dyn();
    let dy = arr2(&[[1.0], [0.0], [2.0]]).into_dyn();
    let (mut y, mut dx) = (x.clone(), x.clone());
    norm.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
    norm.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), TRAIN()).unwrap();
    let s = 5f64.sqrt();
    close(y.as_slice().unwrap(), &[10.0 - 4.0 / s, 10.0 - 2.0 / s, 10.0 + 6.0 / s]);
    close(&norm.running_mean, &[0.75]);
    close(&norm.running_var, &[0.75 + 0.25 * 7.0]);
    assert_eq!(norm.num_batches_tracked, [1.0]);
    // Σ dy = 3 and Σ dy x̂ = 4/s, so dx = 2/s · (dy − 1 − x̂ · 4/(3 s)).
    close(&norm.bias_grad, &[3.0]);
    close(&norm.weight_grad, &[4.0 / s]);
    let by_hand = |dy: f64, d: f64| 2.0 / s * (dy - 1.0 - d * 4.0 / 15.0);
    close(dx.as_slice().unwrap(), &[by_hand(1.0, -2.0), by_hand(0.0, -1.0), by_hand(2.0, 3.0)]);

    let mut keras = layer(RunningVariance::Biased);
    keras.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
    close(&keras.running_var, &[0.75 + 0.25 * 14.0 / 3.0]);
}

#[test]
fn no_momentum_is_the_plain_average() {
    let config = BatchNormConfig { momentum: None, ..Default::default() };
    let mut norm = BatchNorm::<f64>::new(1, config).unwrap();
    for mean in [3.0, 6.0, 0.0] {
        let x = arr2(&[[mean - 1.0], [mean + 1.0]]).into_dyn();
        norm.forward(x.view(), x.clone().view_mut(), TRAIN()).unwrap();
    }
    close(&norm.running_mean, &[3.0]);
    close(&norm.running_var, &[2.0]);
}

#[test]
fn what_is_visited() {
    let names = |affine, track_running_stats| {
        let config = BatchNormConfig { affine, track_running_stats, ..Default::default() };
        let mut names = vec![];
        BatchNorm::<f32>::new(3, config).unwrap().visit(&Path::ROOT.name("bn"), &mut |at, p| {
            at.check(&p).unwrap();
            names.push(format!("{} {:?}", at.path, at.kind));
        });
        names
    };
    let parameters = ["bn.weight Scale", "bn.bias Shift"];
    let buffers =
        ["bn.running_mean Buffer", "bn.running_var Buffer", "bn.num_batches_tracked Buffer"];
    assert_eq!(names(true, true), [&parameters[..], &buffers[..]].concat());
    assert_eq!(names(true, false), parameters);
    assert_eq!(names(false, true), buffers);
}

#[test]
fn what_is_refused() {
    let config = BatchNormConfig { eps: 0.0, ..Default::default() };
    let refused = BatchNorm::<f32>::new(3, config).unwrap_err().to_string();
    assert_eq!(refused, "BatchNorm: eps is 0, must be finite and above 0");
    let config = BatchNormConfig { momentum: Some(1.5), ..Default::default() };
    let refused = BatchNorm::<f32>::new(3, config).unwrap_err().to_string();
    assert_eq!(refused, "BatchNorm: momentum is 1.5, must be in [0, 1]");
    let refused = BatchNorm::<f32>::new(0, Default::default()).unwrap_err().to_string();
    assert_eq!(refused, "BatchNorm: features is 0, must be at least 1");

    let mut norm = BatchNorm::<f64>::new(3, Default::default()).unwrap();
    let mut forward = |x: &[usize], y: &[usize], mode| {
        let (x, mut y) = (ArrayD::zeros(x), ArrayD::zeros(y));
        norm.forward(x.view(), y.view_mut(), mode).map_err(|e| e.to_string())
    };
    let refused = forward(&[4, 5], &[4, 5], TRAIN()).unwrap_err();
    assert_eq!(refused, "BatchNorm: input has shape [4, 5], expected [4, 3]");
    let refused = forward(&[4, 3], &[4, 2], TRAIN()).unwrap_err();
    assert_eq!(refused, "BatchNorm: output has shape [4, 2], input [4, 3]");
    let one = "BatchNorm: the statistics of a batch need at least 2 samples, got 1";
    assert_eq!(forward(&[1, 3], &[1, 3], TRAIN()).unwrap_err(), one);
    forward(&[1, 3], &[1, 3], Mode::Eval).unwrap();
    forward(&[0, 3], &[0, 3], Mode::Eval).unwrap();
    assert_eq!(norm.num_batches_tracked, [0.0], "a refused batch is not counted");

    let x = ArrayD::zeros(vec![2, 3]);
    let refused = norm.backward(x.view(), x.view(), x.view(), None, TRAIN()).unwrap_err();
    let want = "BatchNorm: backward of 2 rows needs their forward pass, the last had 0";
    assert_eq!(refused.to_string(), want);
}

/// 1/σ² is no number of `f32`. In units of 1e25: μ = 1, d = x − μ = (0, −2, 2), σ² = 8/3,
/// Σ dy d = 4 and mean dy = 7/3, so dx = (dy − 7/3 − d · 4/8)/σ.
#[test]
fn a_spread_whose_square_is_beyond_the_type() {
    let config = BatchNormConfig { track_running_stats: false, ..Default::default() };
    let mut norm = BatchNorm::<f32>::new(1, config).unwrap();
    let x = arr2(&[[1e25f32], [-1e25], [3e25]]).into_dyn();
    let dy = arr2(&[[1.0f32], [2.0], [4.0]]).into_dyn();
    let (mut y, mut dx) = (x.clone(), x.clone());
    norm.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
    norm.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), TRAIN()).unwrap();
    let s = (8.0f64 / 3.0).sqrt() * 1e25;
    let want = [1.0 - 7.0 / 3.0, 2.0 - 7.0 / 3.0 + 1.0, 4.0 - 7.0 / 3.0 - 1.0].map(|d| d / s);
    for (got, want) in dx.iter().zip(want) {
        assert!((f64::from(*got) / want - 1.0).abs() < 1e-6, "{got} for {want}");
    }
}

#[test]
fn what_would_never_be_forgotten_is_refused() {
    let mut norm = BatchNorm::<f32>::new(2, Default::default()).unwrap();
    let good = arr2(&[[1.0f32, 2.0], [3.0, 6.0]]).into_dyn();
    let mut y = good.clone();
    norm.forward(good.view(), y.view_mut(), TRAIN()).unwrap();
    let before = norm.clone();
    for (value, want) in [
        (f32::NAN, "BatchNorm: batch mean is NaN at flat index 1"),
        (f32::INFINITY, "BatchNorm: batch mean is inf at flat index 1"),
        (1e25, "BatchNorm: batch variance is inf at flat index 1"),
    ] {
        let bad = arr2(&[[1.0f32, 0.0], [3.0, value]]).into_dyn();
        let refused = norm.forward(bad.view(), y.view_mut(), TRAIN()).unwrap_err();
        assert_eq!(refused.to_string(), want);
        assert_eq!(norm.running_mean, before.running_mean);
        assert_eq!(norm.running_var, before.running_var);
        assert_eq!(norm.num_batches_tracked, [1.0]);
        // What it measured is not that of the good batch any more.
        assert!(norm.backward(good.view(), y.view(), good.view(), None, TRAIN()).is_err());
    }
    // With nothing to remember, there is nothing to refuse.
    let config = BatchNormConfig { track_running_stats: false, ..Default::default() };
    let wide = arr2(&[[1e25f32], [-1e25]]).into_dyn();
    let mut y = wide.clone();
    BatchNorm::new(1, config).unwrap().forward(wide.view(), y.view_mut(), TRAIN()).unwrap();
    assert_eq!(y, arr2(&[[1.0f32], [-1.0]]).into_dyn());
}
