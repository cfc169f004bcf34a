//! Laws of the layers of channels, on `[samples, channels, …]`.
#![allow(clippy::unwrap_used)] // in helpers of tests

use tricks_regularize::*;
use tricks_tensor::ndarray::{ArrayD, Axis, IxDyn};
use tricks_tensor::{Float, Grad, Layer, Mode, Noise, Parameters, Path, gradcheck};

fn draw<F: Float>(shape: &[usize], noise: Noise) -> ArrayD<F> {
    let mut draws = vec![0.0; shape.iter().product()];
    noise.fill_uniform(0, &mut draws);
    let numbers = draws.iter().map(|u| F::of(4.0 * u - 2.0)).collect();
    ArrayD::from_shape_vec(IxDyn(shape), numbers).unwrap()
}

/// γ, β and positive running variances, all different.
fn scatter<F: Float>(params: &mut impl Parameters<F>) {
    params.visit(&Path::ROOT, &mut |place, param| {
        let noise = Noise::new(77).path(place.path);
        for (i, value) in param.value.iter_mut().enumerate() {
            *value = F::of(0.5 + noise.uniform(i as u64));
        }
    });
}

type Boxed<F> = Box<dyn Layer<F>>;

/// Every layer that takes channels, for 4 of them in planes of 3 × 5.
fn layers<F: Float>() -> Vec<Boxed<F>> {
    let notrack = BatchNormConfig { track_running_stats: false, ..Default::default() };
    let running =
        InstanceNormConfig { affine: true, track_running_stats: true, ..Default::default() };
    let plain = InstanceNormConfig { affine: true, ..Default::default() };
    let bare = GroupNormConfig { affine: false, ..Default::default() };
    // Both bounds are met and nothing moves: r and d are the constants that the gradient takes
    // them for.
    let renorm = BatchRenormConfig {
        momentum: Some(0.0),
        r_max: 1.0,
        d_max: 0.1,
        ..BatchRenormConfig::default()
    };
    vec![
        Box::new(BatchNorm::new(4, BatchNormConfig::default()).unwrap()),
        Box::new(BatchRenorm::new(4, renorm).unwrap()),
        Box::new(BatchNorm::new(4, notrack).unwrap()),
        Box::new(GroupNorm::new(2, 4, GroupNormConfig::default()).unwrap()),
        Box::new(GroupNorm::new(1, 4, bare).unwrap()),
        Box::new(GroupNorm::new(4, 4, GroupNormConfig::default()).unwrap()),
        Box::new(InstanceNorm::new(4, running).unwrap()),
        Box::new(InstanceNorm::new(4, plain).unwrap()),
        Box::new(LayerNorm::new(&[3, 5], LayerNormConfig::default()).unwrap()),
        Box::new(LayerNorm::new(&[4, 3, 5], LayerNormConfig::default()).unwrap()),
        Box::new(RmsNorm::new(&[5], RmsNormConfig::default()).unwrap()),
    ]
}

/// Everything a forward and a backward pass leave behind, as bits.
fn pass<F: Float>(layer: &mut Boxed<F>, x: &ArrayD<F>, dy: &ArrayD<F>, mode: Mode) -> Vec<u64> {
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

#[test]
fn gradients_are_those_of_central_differences() {
    let noise = Noise::new(1);
    for (i, mut layer) in layers::<f64>().into_iter().enumerate() {
        scatter(&mut layer);
        let x = draw(&[2, 4, 3, 5], noise);
        for mode in [Mode::Train(noise), Mode::Eval] {
            let report = gradcheck::layer(&mut layer, &x, mode, noise.child(1)).unwrap();
            report.within(1e-6).unwrap_or_else(|e| panic!("{i}, {} {mode:?}: {e}", layer.name()));
        }
    }
}

/// A channel is normalized as the feature of a dense layer that has its numbers as samples.
#[test]
fn batch_norm_of_planes_is_that_of_columns() {
    let noise = Noise::new(2);
    let (x, dy) = (draw::<f64>(&[3, 4, 2, 5], noise), draw::<f64>(&[3, 4, 2, 5], noise.child(0)));
    let flat = |x: &ArrayD<f64>| {
        let last = x.view().permuted_axes(IxDyn(&[0, 2, 3, 1])).as_standard_layout().into_owned();
        last.into_shape_with_order(IxDyn(&[30, 4])).unwrap()
    };
    let mut dense = BatchNorm::<f64>::new(4, BatchNormConfig::default()).unwrap();
    let mut images = dense.clone();
    let (mut y, mut dx) = (x.clone(), x.clone());
    let (mut flat_y, mut flat_dx) = (flat(&x), flat(&x));
    let mode = Mode::Train(noise);
    images.forward(x.view(), y.view_mut(), mode).unwrap();
    images.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
    dense.forward(flat(&x).view(), flat_y.view_mut(), mode).unwrap();
    let flat_dx_view = Some(flat_dx.view_mut());
    dense.backward(flat(&x).view(), flat_y.view(), flat(&dy).view(), flat_dx_view, mode).unwrap();
    let close = |a: &ArrayD<f64>, b: &ArrayD<f64>| assert!((a - b).iter().all(|d| d.abs() < 1e-13));
    close(&flat(&y), &flat_y);
    close(&flat(&dx), &flat_dx);
    for (a, b) in images.running_var().iter().zip(dense.running_var()) {
        assert!((a - b).abs() < 1e-14);
    }
}

#[test]
fn identity_recovery_of_images() {
    let x = draw::<f64>(&[3, 2, 4, 4], Noise::new(3)).mapv(|x| x + 500.0);
    let config = BatchNormConfig::default();
    let mut norm = BatchNorm::new(2, config).unwrap();
    norm.visit(&Path::ROOT, &mut |place, param| {
        for (c, value) in param.value.iter_mut().enumerate() {
            let channel = x.index_axis(Axis(1), c);
            if place.path.is("weight") {
                *value = (channel.var(0.0) + config.eps).sqrt();
            } else if place.path.is("bias") {
                *value = channel.mean().unwrap();
            }
        }
    });
    let mut y = x.clone();
    norm.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0))).unwrap();
    assert!((&x - &y).iter().all(|d| d.abs() < 1e-9));
}

#[test]
fn threads_do_not_matter() {
    let noise = Noise::new(5);
    // Above the size that is worth a fork.
    let (x, dy) = (draw::<f32>(&[1200, 4, 3, 5], noise), draw(&[1200, 4, 3, 5], noise.child(0)));
    let run = || {
        let mut bits = vec![];
        for mut layer in layers::<f32>() {
            scatter(&mut layer);
            bits.push(pass(&mut layer, &x, &dy, Mode::Train(noise)));
            bits.push(pass(&mut layer, &x, &dy, Mode::Eval));
        }
        bits
    };
    let in_pool = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
    };
    let want = in_pool(1);
    for threads in [2, 3] {
        assert!(want == in_pool(threads), "{threads} threads");
    }
}

/// Long columns of one feature, and long planes of one channel, are forked elsewhere or not at all.
#[test]
fn one_channel_of_many_numbers() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let noise = Noise::new(6);
    pool.install(|| {
        for shape in [&[200_000, 1][..], &[2, 1, 100_000], &[100_000, 1, 2]] {
            let x = draw::<f32>(shape, noise);
            let norm = BatchNorm::new(1, BatchNormConfig::default()).unwrap();
            pass(&mut (Box::new(norm) as Boxed<f32>), &x, &x, Mode::Train(noise));
            let norm = GroupNorm::new(1, 1, GroupNormConfig::default()).unwrap();
            pass(&mut (Box::new(norm) as Boxed<f32>), &x, &x, Mode::Train(noise));
        }
    });
}

#[test]
fn layouts_do_not_matter() {
    let noise = Noise::new(7);
    let (x, dy) = (draw::<f32>(&[3, 4, 3, 5], noise), draw::<f32>(&[3, 4, 3, 5], noise.child(0)));
    let last = x.view().permuted_axes(IxDyn(&[3, 2, 1, 0])).as_standard_layout().into_owned();
    let turned = last.view().permuted_axes(IxDyn(&[3, 2, 1, 0]));
    for (mut a, mut b) in layers::<f32>().into_iter().zip(layers::<f32>()) {
        scatter(&mut a);
        scatter(&mut b);
        let want = pass(&mut a, &x, &dy, Mode::Train(noise));
        let mut y = x.clone();
        b.forward(turned.view(), y.view_mut(), Mode::Train(noise)).unwrap();
        let bits = y.iter().map(|y| y.widen().to_bits());
        assert!(bits.eq(want[..x.len()].iter().copied()), "{}", a.name());
    }
}

/// In `f32`, with a mean far above the spread: as good as `f64` on the same inputs.
#[test]
fn a_large_mean_costs_nothing() {
    let noise = Noise::new(8);
    let x = draw::<f32>(&[8, 4, 3, 5], noise).mapv(|x| x + 2000.0);
    let dy = draw::<f32>(&[8, 4, 3, 5], noise.child(0));
    let (wide_x, wide_dy) = (x.mapv(f64::from), dy.mapv(f64::from));
    let mode = Mode::Train(noise);
    for (mut narrow, mut wide) in layers::<f32>().into_iter().zip(layers::<f64>()) {
        if narrow.name() == "RmsNorm" {
            continue;
        }
        let (mut y, mut dx) = (x.clone(), x.clone());
        let (mut wide_y, mut wide_dx) = (wide_x.clone(), wide_x.clone());
        narrow.forward(x.view(), y.view_mut(), mode).unwrap();
        narrow.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
        wide.forward(wide_x.view(), wide_y.view_mut(), mode).unwrap();
        let into = Some(wide_dx.view_mut());
        wide.backward(wide_x.view(), wide_y.view(), wide_dy.view(), into, mode).unwrap();
        for (a, b) in y.iter().chain(&dx).zip(wide_y.iter().chain(&wide_dx)) {
            assert!((f64::from(*a) - b).abs() < 1e-6, "{}: {a} for {b}", narrow.name());
        }
    }
}

#[test]
fn empty_planes_and_batches() {
    for shape in [&[0, 4, 3, 5][..], &[2, 4, 0, 5]] {
        let x = ArrayD::<f32>::zeros(IxDyn(shape));
        for mut layer in layers::<f32>() {
            // Whatever it says, it says it in words.
            let mut y = x.clone();
            let _ = layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0)));
            let _ = layer.forward(x.view(), y.view_mut(), Mode::Eval);
            let _ = layer.backward(x.view(), x.view(), x.view(), Some(y.view_mut()), Mode::Eval);
            let _ = layer.infer(x.view(), y.view_mut());
        }
    }
}
