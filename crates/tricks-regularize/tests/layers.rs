//! Laws that hold for every layer here.
#![allow(clippy::unwrap_used)] // in helpers of tests

use proptest::prelude::*;
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_tensor::ndarray::{ArrayD, ArrayView1, ArrayViewD, Axis, IxDyn, Slice};
use tricks_tensor::{Float, Grad, Layer, Mode, Noise, Parameters, Path, gradcheck};

fn draw<F: Float>(rows: usize, features: usize, noise: Noise) -> ArrayD<F> {
    let mut draws = vec![0.0; rows * features];
    noise.fill_uniform(0, &mut draws);
    let numbers = draws.iter().map(|u| F::of(4.0 * u - 2.0)).collect();
    ArrayD::from_shape_vec(IxDyn(&[rows, features]), numbers).unwrap()
}

/// γ, β and positive running variances, all different.
fn scatter<F: Float>(params: &mut impl Parameters<F>, noise: Noise) {
    params.visit(&Path::ROOT, &mut |place, param| {
        let noise = noise.path(place.path);
        for (i, value) in param.value.iter_mut().enumerate() {
            *value = F::of(0.5 + noise.uniform(i as u64));
        }
    });
}

fn batch_norm<F: Float>(features: usize, config: BatchNormConfig, noise: Noise) -> BatchNorm<F> {
    let mut norm = BatchNorm::new(features, config).unwrap();
    scatter(&mut norm, noise);
    norm
}

/// Everything a forward and a backward pass leave behind, as bits.
fn pass<F: Float>(
    layer: &mut impl Layer<F>,
    x: ArrayViewD<'_, F>,
    dy: ArrayViewD<'_, F>,
    mode: Mode,
) -> Vec<u64> {
    let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
    layer.forward(x.view(), y.view_mut(), mode).unwrap();
    layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
    let mut bits: Vec<_> = y.iter().chain(&dx).map(|x| x.widen().to_bits()).collect();
    layer.visit(&Path::ROOT, &mut |_, param| {
        bits.extend(param.value.iter().map(|x| x.widen().to_bits()));
        if let Grad::Dense(grad) = param.grad {
            bits.extend(grad.iter().map(|x| x.widen().to_bits()));
        }
    });
    bits
}

fn config() -> impl Strategy<Value = BatchNormConfig> {
    (any::<bool>(), any::<bool>(), 1e-5..0.1).prop_map(|(affine, track_running_stats, eps)| {
        BatchNormConfig { affine, track_running_stats, eps, ..Default::default() }
    })
}

proptest! {
    #[test]
    fn batch_norm_gradients(
        rows in 3usize..12, features in 1usize..20, config in config(), train: bool, seed: u64,
    ) {
        let noise = Noise::new(seed);
        let mut norm = batch_norm::<f64>(features, config, noise);
        let x = draw(rows, features, noise.child(0));
        let mode = if train { Mode::Train(noise) } else { Mode::Eval };
        // Rows so close together that a step of the difference is not small against them would
        // measure the curvature instead.
        let spread = |column: ArrayView1<'_, f64>| {
            column.fold(f64::MIN, |a, &b| a.max(b)) - column.fold(f64::MAX, |a, &b| a.min(b))
        };
        prop_assume!(x.lanes(Axis(0)).into_iter().all(|column| spread(column) > 0.3));
        gradcheck::layer(&mut norm, &x, mode, noise.child(1)).unwrap().within(1e-6).unwrap();
    }

    #[test]
    fn dropout_gradients(rows in 0usize..8, features in 1usize..20, p in 0.0..=1.0f64, seed: u64) {
        let noise = Noise::new(seed);
        let x = draw(rows, features, noise.child(0));
        for mode in [Mode::Train(noise), Mode::Eval] {
            let mut dropout = Dropout::new(p).unwrap();
            gradcheck::layer(&mut dropout, &x, mode, noise.child(1)).unwrap().within(1e-6).unwrap();
        }
    }

    #[test]
    fn identity_recovery(rows in 2usize..50, features in 1usize..40, offset in -1e3..1e3f64, seed: u64) {
        let x = draw::<f64>(rows, features, Noise::new(seed)).mapv(|x| x + offset);
        let config = BatchNormConfig::default();
        let mut norm = BatchNorm::new(features, config).unwrap();
        let (mean, var) = (x.mean_axis(Axis(0)).unwrap(), x.var_axis(Axis(0), 0.0));
        norm.visit(&Path::ROOT, &mut |place, param| for (j, value) in param.value.iter_mut().enumerate() {
            if place.path.is("weight") {
                *value = (var[j] + config.eps).sqrt();
            } else if place.path.is("bias") {
                *value = mean[j];
            }
        });
        let mut y = x.clone();
        norm.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0))).unwrap();
        for (x, y) in x.iter().zip(&y) {
            prop_assert!((x - y).abs() < 1e-11 * offset.abs().max(1.0), "{} {}", x, y);
        }
    }

    #[test]
    fn infer_is_forward_in_evaluation(rows in 2usize..20, features in 1usize..40, config in config(), seed: u64) {
        let noise = Noise::new(seed);
        let x = draw::<f32>(rows, features, noise);
        let mut norm = batch_norm::<f32>(features, config, noise);
        let (mut y, mut z) = (x.clone(), x.clone());
        norm.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        norm.infer(x.view(), z.view_mut()).unwrap();
        prop_assert_eq!(&y, &z);
        Dropout::new(0.5).unwrap().infer(x.view(), z.view_mut()).unwrap();
        prop_assert_eq!(&x, &z);
    }

    #[test]
    fn layouts_do_not_matter(rows in 2usize..20, features in 1usize..40, train: bool, seed: u64) {
        let noise = Noise::new(seed);
        let mode = if train { Mode::Train(noise) } else { Mode::Eval };
        let (x, dy) = (draw::<f32>(rows, features, noise), draw::<f32>(rows, features, noise.child(0)));
        // The same numbers: as columns of a transposed array, and backwards with gaps.
        let columns = x.t().as_standard_layout().into_owned();
        let mut gaps = ArrayD::zeros(IxDyn(&[rows, 2 * features]));
        let step = Slice::new(0, None, -2);
        gaps.slice_axis_mut(Axis(1), step).assign(&dy);

        let norm = batch_norm::<f32>(features, BatchNormConfig::default(), noise);
        let want = pass(&mut norm.clone(), x.view(), dy.view(), mode);
        let got = pass(&mut norm.clone(), columns.t(), gaps.slice_axis(Axis(1), step), mode);
        prop_assert_eq!(want, got);
        let mut dropout = Dropout::new(0.4).unwrap();
        let want = pass(&mut dropout, x.view(), dy.view(), mode);
        let got = pass(&mut dropout, columns.t(), gaps.slice_axis(Axis(1), step), mode);
        prop_assert_eq!(want, got);

        // An output with gaps, and a stride of 0 in the input.
        let (mut wide, mut y) = (gaps.clone(), x.clone());
        let row = x.slice_axis(Axis(0), Slice::from(0..1));
        let same = row.broadcast(x.raw_dim()).unwrap();
        norm.clone().forward(same.view(), wide.slice_axis_mut(Axis(1), step), mode).unwrap();
        norm.clone().forward(same.to_owned().view(), y.view_mut(), mode).unwrap();
        prop_assert_eq!(wide.slice_axis(Axis(1), step), y);
    }
}

#[test]
fn threads_do_not_matter() {
    let noise = Noise::new(5);
    // Above the size that is worth a fork; one shape with few rows, one with few columns.
    for (rows, features) in [(7, 20_011), (3_001, 67), (40_000, 3)] {
        let x = draw::<f32>(rows, features, noise);
        let dy = draw::<f32>(rows, features, noise.child(0));
        let run = || {
            let mut norm = batch_norm::<f32>(features, BatchNormConfig::default(), noise);
            let mode = Mode::Train(noise);
            let mut bits = pass(&mut norm, x.view(), dy.view(), mode);
            bits.extend(pass(&mut norm, x.view(), dy.view(), Mode::Eval));
            bits.extend(pass(&mut Dropout::new(0.3).unwrap(), x.view(), dy.view(), mode));
            bits
        };
        let in_pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(run)
        };
        let want = in_pool(1);
        for threads in [2, 3, 7] {
            assert!(want == in_pool(threads), "{threads} threads, {rows} × {features}");
        }
    }
}

/// In `f32`, with a mean far above the spread: as good as `f64` on the same inputs.
#[test]
fn a_large_mean_costs_nothing() {
    let (rows, features) = (512, 33);
    let noise = Noise::new(3);
    let x = draw::<f32>(rows, features, noise).mapv(|x| x + 2000.0);
    let dy = draw::<f32>(rows, features, noise.child(0));
    let (wide_x, wide_dy) = (x.mapv(f64::from), dy.mapv(f64::from));
    let mode = Mode::Train(noise);
    let mut narrow = BatchNorm::<f32>::new(features, BatchNormConfig::default()).unwrap();
    let mut wide = BatchNorm::<f64>::new(features, BatchNormConfig::default()).unwrap();
    let (mut y, mut dx) = (x.clone(), x.clone());
    narrow.forward(x.view(), y.view_mut(), mode).unwrap();
    narrow.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
    let (mut wide_y, mut wide_dx) = (wide_x.clone(), wide_x.clone());
    wide.forward(wide_x.view(), wide_y.view_mut(), mode).unwrap();
    wide.backward(wide_x.view(), wide_y.view(), wide_dy.view(), Some(wide_dx.view_mut()), mode)
        .unwrap();
    let worst = |a: &ArrayD<f32>, b: &ArrayD<f64>| {
        a.iter().zip(b).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max)
    };
    assert!(worst(&y, &wide_y) < 5e-7, "{}", worst(&y, &wide_y));
    assert!(worst(&dx, &wide_dx) < 5e-7, "{}", worst(&dx, &wide_dx));
    // The wide one is right: mean 0 and variance 1, less what ε takes.
    let column = wide_y.index_axis(Axis(1), 0);
    assert!(column.mean().unwrap().abs() < 1e-12);
    assert!((column.var(0.0) - 1.0).abs() < 1e-4);
}

#[test]
fn dropout_keeps_the_expectation() {
    let x = ArrayD::<f64>::ones(IxDyn(&[1000, 1000]));
    for p in [0.1, 0.2, 0.5, 0.9] {
        let mut y = x.clone();
        let mode = Mode::Train(Noise::new(11));
        Dropout::new(p).unwrap().forward(x.view(), y.view_mut(), mode).unwrap();
        // Five standard deviations of a mean of 10⁶ draws.
        let limit = 5.0 * (p / (1.0 - p)).sqrt() / 1000.0;
        let mean = y.mean().unwrap();
        assert!((mean - 1.0).abs() < limit, "p = {p}: mean {mean}");
    }
}

#[test]
fn wrong_shapes_are_refused() {
    let mut dropout = Dropout::new(0.5).unwrap();
    let (x, mut y) = (ArrayD::<f64>::zeros(IxDyn(&[2, 3])), ArrayD::zeros(IxDyn(&[3, 2])));
    let refused = dropout.forward(x.view(), y.view_mut(), Mode::Eval).unwrap_err().to_string();
    assert_eq!(refused, "Dropout: output has shape [3, 2], input [2, 3]");
    let refused = dropout.backward(x.view(), x.view(), y.view(), None, Mode::Eval).unwrap_err();
    assert_eq!(refused.to_string(), "Dropout: output gradient has shape [3, 2], output [2, 3]");
    let keep = ArrayD::from_elem(IxDyn(&[2]), true);
    let refused = dropout.apply(x.view(), keep.view(), x.clone().view_mut()).unwrap_err();
    assert_eq!(refused.to_string(), "Dropout: mask has shape [2], input [2, 3]");
    let mut norm = BatchNorm::<f64>::new(3, BatchNormConfig::default()).unwrap();
    let refused = norm.infer(x.view(), y.view_mut()).unwrap_err().to_string();
    assert_eq!(refused, "BatchNorm: output has shape [3, 2], input [2, 3]");
    let refused = norm.backward(x.view(), x.view(), x.view(), None, Mode::Eval).unwrap_err();
    let want = "BatchNorm: backward of 2 rows needs their forward pass, there was none";
    assert_eq!(refused.to_string(), want);
}
