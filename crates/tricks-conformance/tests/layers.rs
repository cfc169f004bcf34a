//! Laws that every layer and penalty obeys.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use tricks_conformance::registry::{LAYERS, LayerRow, PENALTIES};
use tricks_regularize::penalize;
use tricks_tensor::ndarray::{ArrayD, Dimension as _, IxDyn};
use tricks_tensor::{
    Dict, Float, Layer, Mode, Noise, ParamKind, Parameters, Path, Place, Result,
    gradcheck::{self, Nudged},
};

/// Numbers in (−1, 1), none of them close to 0.
fn numbers<F: Float>(stream: u64, shape: &[usize]) -> ArrayD<F> {
    let mut draws = vec![0.0; shape.iter().product()];
    Noise::new(stream).fill_uniform(0, &mut draws);
    let away = |u: f64| if u < 0.5 { -0.05 - 1.8 * u } else { 0.05 + 1.8 * (u - 0.5) };
    let data = draws.into_iter().map(|u| F::of(away(u))).collect();
    ArrayD::from_shape_vec(IxDyn(shape), data).unwrap()
}

/// An input a layer made for `n` features can take.
fn input<F: Float>(row: &LayerRow, stream: u64, rows: usize, n: usize) -> ArrayD<F> {
    let x = numbers(stream, &(row.input)(rows, n));
    match row.indices {
        Some(count) => x.mapv(|x: F| F::of((x.widen().abs() * count as f64).floor())),
        None => x,
    }
}

/// Gives every parameter values of its own.
fn fill<F: Float>(params: &mut impl Parameters<F>) {
    fill_from(100, params);
}

/// The same, others for another first stream.
fn fill_from<F: Float>(mut stream: u64, params: &mut impl Parameters<F>) {
    params.visit(&Path::ROOT, &mut |Place { shape, kind, .. }, param| {
        stream = stream.wrapping_add(1);
        if kind != ParamKind::Buffer {
            let values = numbers::<F>(stream, shape);
            param.value.iter_mut().zip(&values).for_each(|(to, from)| *to = *from);
        }
    });
}

/// Where a layer of the registry has a kink or a step, whatever the sign.
const KINKS: [f64; 7] = [0.0, 0.3, 0.4, 0.5, 1.0, 3.0, 6.0];

/// Numbers in (−4.1, 4.1) that central differences can be taken at: none close to a kink, no two
/// close to each other, and far apart in every row and column. Multiples of the golden ratio,
/// without their whole parts, lie like that.
fn apart(seed: u64, shape: &[usize]) -> ArrayD<f64> {
    let start = Noise::new(seed).uniform(0);
    let mut i = 0.0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        i += 1.0;
        let x = 8.0 * (start + i * 0.618_033_988_749_895).fract() - 4.0;
        let size = KINKS.iter().fold(0.1 + x.abs(), |size, kink| {
            if (size - kink).abs() > 1e-3 { size } else { kink + 1e-3f64.copysign(size - kink) }
        });
        size.copysign(x)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(10)))]

    #[test]
    fn backward_passes_agree_with_central_differences(
        rows in 4usize..10, features in 2usize..8, seed: u64,
    ) {
        for row in LAYERS.iter() {
            // Models have too many numbers: some of each array, and all along a direction below.
            let at_most = if row.is_model() { 4 } else { usize::MAX };
            let nudged = Nudged { input: row.indices.is_none(), at_most };
            for mode in [Mode::Train(Noise::new(seed)), Mode::Eval] {
                let report = tries(row, seed).map(|seed| {
                    let mut layer = (row.make.1)(features);
                    fill_from(seed, &mut layer);
                    let x = match row.indices {
                        Some(_) => input(row, seed, rows, features),
                        None => apart(seed, &(row.input)(rows, features)),
                    };
                    // Running statistics that evaluation can use.
                    let mut y = ArrayD::zeros(layer.output_shape(x.shape()).unwrap());
                    layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(seed))).unwrap();
                    gradcheck::some_of(nudged, &mut layer, &x, mode, Noise::new(!seed)).unwrap()
                });
                let report = report.min_by(|a, b| a.worst.total_cmp(&b.worst)).unwrap();
                let name = row.about.name;
                prop_assert!(report.worst <= 1e-6, "{name} in {mode:?}: {report:?}");
            }
        }
    }
}

/// Models of ReLUs or largest numbers.
const BENT: [&str; 4] = ["mlp", "lenet", "plain_cnn", "resnet"];

/// Seeds of inputs to try: inside a model, a ReLU may bend where differences are taken, and they are
/// wrong there. Wrong gradients are wrong for every input.
fn tries(row: &LayerRow, seed: u64) -> impl Iterator<Item = u64> {
    let count = if BENT.contains(&row.about.name) { 5 } else { 1 };
    (0..count).map(move |i| seed.wrapping_add(i))
}

/// How far the gradients of all numbers together are from the slope along a random direction,
/// relative to the larger of 1 and the slope.
fn off_along_a_direction(row: &LayerRow, n: usize, x: &ArrayD<f64>, mode: Mode, seed: u64) -> f64 {
    // So close that hardly a kink lies between.
    const H: f64 = 1e-6;
    let mut layer = (row.make.1)(n);
    fill_from(seed, &mut layer);
    let shape = layer.output_shape(x.shape()).unwrap();
    let (mut y, u) = (ArrayD::zeros(shape.clone()), numbers::<f64>(!seed, shape.slice()));
    // Running statistics that evaluation can use.
    layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(seed))).unwrap();
    layer.forward(x.view(), y.view_mut(), mode).unwrap();
    let mut dx = ArrayD::zeros(x.raw_dim());
    layer.backward(x.view(), y.view(), u.view(), Some(dx.view_mut()), mode).unwrap();

    let direction = |i: usize, shape: &[usize]| numbers::<f64>(seed ^ (i as u64 + 7) << 20, shape);
    let along_x = match row.indices {
        None => direction(0, x.shape()),
        Some(_) => ArrayD::zeros(x.raw_dim()),
    };
    let (mut slope, mut number) = ((&dx * &along_x).sum(), 0);
    layer.visit(&Path::ROOT, &mut |place, param| {
        number += 1;
        let count = place.shape.first().copied().unwrap_or(1);
        if let Some(grad) = param.grad.to_dense(count, place.len()) {
            let along = direction(number, place.shape);
            slope += grad.iter().zip(&along).map(|(g, v)| g * v).sum::<f64>();
        }
    });
    let mut at = |step: f64| {
        let shift = |layer: &mut Box<dyn Layer<f64>>, step: f64| {
            let mut number = 0;
            layer.visit(&Path::ROOT, &mut |place, param| {
                number += 1;
                if place.kind != ParamKind::Buffer {
                    let along = direction(number, place.shape);
                    param.value.iter_mut().zip(&along).for_each(|(w, v)| *w += step * v);
                }
            });
        };
        shift(&mut layer, step);
        layer.forward((x + &along_x * step).view(), y.view_mut(), mode).unwrap();
        shift(&mut layer, -step);
        (&u * &y).sum()
    };
    let measured = (8.0 * (at(H) - at(-H)) - (at(2.0 * H) - at(-2.0 * H))) / (12.0 * H);
    (slope - measured).abs() / slope.abs().max(measured.abs()).max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(10)))]

    /// Of models, and of layers of whole numbers.
    #[test]
    fn gradients_are_the_slope_along_any_direction(
        rows in 4usize..10, features in 2usize..8, seed: u64,
    ) {
        for row in LAYERS.iter().filter(|row| row.indices.is_some() || row.is_model()) {
            for mode in [Mode::Train(Noise::new(seed)), Mode::Eval] {
                let right = tries(row, seed).any(|seed| {
                    let x = input::<f64>(row, seed, rows, features);
                    off_along_a_direction(row, features, &x, mode, seed) <= 1e-6
                });
                prop_assert!(right, "{} in {mode:?}", row.about.name);
            }
        }
    }
}

/// Output, input gradient and every parameter with its gradient, as bits.
fn pass(layer: &mut Box<dyn Layer<f32>>, x: &ArrayD<f32>) -> Vec<u32> {
    let mode = Mode::Train(Noise::new(4));
    let mut y = ArrayD::zeros(layer.output_shape(x.shape()).unwrap());
    let mut dx = ArrayD::zeros(x.raw_dim());
    layer.forward(x.view(), y.view_mut(), mode).unwrap();
    let dy = numbers(12, y.shape());
    layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
    let mut all: Vec<f32> = y.into_iter().chain(dx).collect();
    layer.visit(&Path::ROOT, &mut |_, mut param| {
        all.extend_from_slice(param.value);
        all.extend_from_slice(param.grad.values().unwrap_or_default());
    });
    all.into_iter().map(f32::to_bits).collect()
}

#[test]
fn threads_change_nothing() {
    for row in LAYERS.iter() {
        let x = input(row, 9, 700, 203);
        let results = [1, 2, 3, 7].map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut layer = (row.make.0)(203);
            fill(&mut layer);
            pool.install(|| pass(&mut layer, &x))
        });
        assert!(results.iter().all(|other| *other == results[0]), "{}", row.about.name);
    }
}

#[test]
fn infer_is_forward_in_evaluation() {
    for row in LAYERS.iter() {
        let mut layer = (row.make.1)(8);
        fill(&mut layer);
        let x = input::<f64>(row, 10, 5, 8);
        let shape = layer.output_shape(x.shape()).unwrap();
        let (mut y, mut z) = (ArrayD::zeros(shape.clone()), ArrayD::zeros(shape));
        // One training pass first, so that evaluation has something to remember.
        layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1))).unwrap();
        layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        layer.infer(x.view(), z.view_mut()).unwrap();
        assert_eq!(y.mapv(f64::to_bits), z.mapv(f64::to_bits), "{}", row.about.name);
    }
}

/// A view of another memory layout gives the bits of its copy.
#[test]
fn layouts_change_nothing() {
    for row in LAYERS.iter() {
        let x = input::<f32>(row, 11, 8, 6);
        let turned = x.t().as_standard_layout().into_owned();
        let mut results = Vec::new();
        for x in [x.view(), turned.t()] {
            let mut layer = (row.make.0)(6);
            fill(&mut layer);
            let mut y = ArrayD::zeros(layer.output_shape(x.shape()).unwrap());
            layer.forward(x, y.view_mut(), Mode::Train(Noise::new(2))).unwrap();
            results.push(y.mapv(f32::to_bits));
        }
        assert_eq!(results[0], results[1], "{}", row.about.name);
    }
}

/// Whatever argument does not fit: the message names the layer or what it is made of, what has the
/// wrong shape, and that shape.
#[test]
fn wrong_shapes_are_refused() {
    let wrong = || ArrayD::<f64>::zeros(IxDyn(&[2, 7]));
    for row in LAYERS.iter() {
        let mut layer = (row.make.1)(4);
        let x = input::<f64>(row, 3, 3, 4);
        let says = |refused: Result<()>, what: &str| {
            let name = row.about.name;
            let message = match refused {
                Ok(()) => "was taken".to_string(),
                Err(error) => error.to_string(),
            };
            assert!(
                message.contains(&format!("{what} has shape [2, 7]")),
                "{name}, {what}: {message}"
            );
        };
        let mode = Mode::Train(Noise::new(1));
        says(layer.forward(x.view(), wrong().view_mut(), mode), "output");
        says(layer.infer(x.view(), wrong().view_mut()), "output");
        let mut y = ArrayD::zeros(layer.output_shape(x.shape()).unwrap());
        layer.forward(x.view(), y.view_mut(), mode).unwrap();
        let (dy, mut dx) = (y.clone(), ArrayD::zeros(x.raw_dim()));
        let mut backward = |y: &ArrayD<f64>, dy: &ArrayD<f64>, dx: &mut ArrayD<f64>| {
            layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode)
        };
        says(backward(&wrong(), &dy, &mut dx), "output");
        says(backward(&y, &wrong(), &mut dx), "output gradient");
        says(backward(&y, &dy, &mut wrong()), "input gradient");
        backward(&y, &dy, &mut dx).unwrap();
    }
}

#[test]
fn a_penalty_has_the_gradient_of_its_value() {
    const H: f64 = 1e-5;
    for row in PENALTIES {
        let w = numbers::<f64>(20, &[4, 5]);
        let mut params = Dict::new();
        params.insert("w", w.clone());
        params.set_grad("w", ArrayD::zeros(w.raw_dim()).view()).unwrap();
        let penalty = (row.make.1)();
        let value = penalize(&*penalty, &mut params).unwrap();
        assert_eq!(value, penalty.value(w.as_slice().unwrap(), w.shape()), "{}", row.about.name);
        let grad = params.grad("w").unwrap();
        for (i, grad) in grad.iter().enumerate() {
            let at = |d: f64| {
                let mut w = w.clone();
                *w.iter_mut().nth(i).unwrap() += d;
                penalty.value(w.as_slice().unwrap(), w.shape())
            };
            let measured = (at(H) - at(-H)) / (2.0 * H);
            assert!((measured - grad).abs() < 1e-8, "{}: {grad}, {measured}", row.about.name);
        }
    }
}

#[test]
fn bad_penalties_are_refused_by_name() {
    for row in PENALTIES {
        for (field, make, values) in row.refuses {
            for value in *values {
                let message = make(*value).validate().err().map(|error| error.to_string());
                let message = message.unwrap_or_default();
                assert!(
                    message.contains(field),
                    "{}: {field} = {value}: {message:?}",
                    row.about.name
                );
            }
        }
    }
}
