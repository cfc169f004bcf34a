//! Laws that every initializer obeys.

#![allow(clippy::unwrap_used)]

use rayon::ThreadPoolBuilder;
use tricks_conformance::registry::INITIALIZERS;
use tricks_conformance::registry::{InitializerRow, LAYERS};
use tricks_conformance::statistics::{Law, kolmogorov_smirnov};
use tricks_init::{
    Constant, Fan, Gain, Initializer, Layout, Normal, Orthogonal, VarianceScaling, initialize,
};
use tricks_net::layers::{self, Sequential};
use tricks_net::models::{self, ConvNetConfig, GptConfig, mlp, resnet};
use tricks_tensor::ndarray::{ArrayView1, ArrayViewMut1};
use tricks_tensor::{Float, Layer, Noise, ParamKind, Parameters, Path};

const FAN: Fan = Fan { fan_in: 3, fan_out: 2 };

/// A shape of the row's, its fan, and its length. One that many threads share where each number is
/// for itself.
fn shape(row: &InitializerRow, threads: bool) -> (Vec<usize>, Fan, usize) {
    let mut shape = row.shape.to_vec();
    if threads && row.by_index {
        shape[0] = 3001;
    }
    let fan = Fan::of(&shape, Layout::OutIn).unwrap();
    let len = shape.iter().product();
    (shape, fan, len)
}

#[test]
fn single_precision_is_rounded_double() {
    for row in INITIALIZERS {
        for (form, make, _) in row.forms {
            let (shape, fan, len) = shape(row, false);
            let (mut narrow, mut wide) = (vec![0.0f32; len], vec![0.0f64; len]);
            make.0().fill(fan, &shape, Noise::new(3), &mut narrow).unwrap();
            make.1().fill(fan, &shape, Noise::new(3), &mut wide).unwrap();
            let rounded = wide.iter().map(|x| *x as f32);
            assert!(narrow.iter().copied().eq(rounded), "{} ({form})", row.about.name);
        }
    }
}

#[test]
fn threads_change_nothing() {
    for row in INITIALIZERS {
        for (form, make, _) in row.forms {
            let (shape, fan, len) = shape(row, true);
            let results = [1, 2, 3, 7].map(|threads| {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut out = vec![0.0f64; len];
                pool.install(|| make.1().fill(fan, &shape, Noise::new(5), &mut out)).unwrap();
                out.into_iter().map(f64::to_bits).collect::<Vec<_>>()
            });
            let same = results.iter().all(|other| *other == results[0]);
            assert!(same, "{} ({form})", row.about.name);
        }
    }
}

/// Draw `i` depends on the noise and `i` alone: a longer parameter begins like a shorter one.
#[test]
fn a_draw_depends_on_its_index_alone() {
    for row in INITIALIZERS.iter().filter(|row| row.by_index) {
        for (form, make, _) in row.forms {
            let (mut short, mut long) = ([0.0f64; 33], [0.0f64; 99]);
            make.1().fill(FAN, &[3, 11], Noise::new(9), &mut short).unwrap();
            make.1().fill(FAN, &[9, 11], Noise::new(9), &mut long).unwrap();
            assert_eq!(short, long[..33], "{} ({form})", row.about.name);
        }
    }
}

#[test]
fn bad_numbers_are_refused_by_name_and_nothing_is_written() {
    for row in INITIALIZERS {
        for (field, make, values) in row.refuses {
            for value in *values {
                let mut out = [7.0f64; 6];
                let refused = make(*value).fill(FAN, &[2, 3], Noise::new(1), &mut out);
                let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(
                    message.contains(field),
                    "{}: {field} = {value}: {message:?}",
                    row.about.name
                );
                assert_eq!(out, [7.0; 6], "{}: {field} = {value}", row.about.name);
            }
        }
    }
}

#[test]
fn a_slice_of_another_length_is_refused() {
    for row in INITIALIZERS {
        for (form, make, _) in row.forms {
            let mut out = [0.0f64; 5];
            let refused = make.1().fill(FAN, &[2, 3], Noise::new(1), &mut out).is_err();
            assert!(refused, "{} ({form})", row.about.name);
        }
    }
}

/// Kolmogorov and Smirnov's test, mean and deviation, of the draws that are not fixed zeros.
#[test]
fn draws_follow_their_law() {
    for row in INITIALIZERS {
        let (shape, fan, len) = shape(row, false);
        for (form, make, law) in row.forms {
            let Some(law) = law else { continue };
            for seed in [1, 42, 20_260_101] {
                let mut draws = vec![f64::NAN; len];
                make.1().fill(fan, &shape, Noise::new(seed), &mut draws).unwrap();
                draws.retain(|x| *x != 0.0);
                if let Err(message) = law(fan).check(&draws) {
                    panic!("{} ({form}), seed {seed}: {message}", row.about.name);
                }
                // Neighbours come from one block of random bits; they must not be correlated.
                let (mean, std) = law(fan).moments();
                let pairs = draws.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum::<f64>();
                let n = draws.len() as f64;
                let correlation = pairs / (n * std * std);
                assert!(correlation.abs() <= 5.0 / n.sqrt(), "{} ({form})", row.about.name);
            }
        }
    }
}

/// What is confined stays inside, and comes close to both ends.
#[test]
fn confined_draws_stay_inside() {
    for row in INITIALIZERS {
        let (shape, fan, len) = shape(row, false);
        for (form, make, law) in row.forms {
            let (low, high) = match law.map(|law| law(fan)) {
                Some(Law::Uniform { low, high } | Law::Cut { low, high, .. }) => (low, high),
                _ => continue,
            };
            let mut draws = vec![f64::NAN; len];
            make.1().fill(fan, &shape, Noise::new(9), &mut draws).unwrap();
            let least = draws.iter().copied().fold(f64::INFINITY, f64::min);
            let most = draws.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let (name, allowed) = (row.about.name, 1e-12 * (high - low));
            assert!(least >= low - allowed && most <= high + allowed, "{name} ({form})");
            let near = 0.05 * (high - low);
            assert!(least < low + near, "{name} ({form}): {least} to {most}");
            assert!(most > high - near || low > 0.0, "{name} ({form}): {least} to {most}");
        }
    }
}

/// The test tells a wrong deviation from a right one, or it would prove nothing.
#[test]
fn the_test_of_draws_can_fail() {
    let mut draws = [0.0; 9999];
    Normal { mean: 0.0, std: 1.1 }.fill(FAN, &[9999], Noise::new(1), &mut draws).unwrap();
    assert!(Law::normal(1.0).check(&draws).is_err());
    assert!(Law::normal(1.1).check(&draws).is_ok());
    Constant::zeros().fill(FAN, &[9999], Noise::new(1), &mut draws).unwrap();
    assert_eq!(kolmogorov_smirnov(&draws, |x| Law::normal(1.0).cdf(x)), 0.0);
}

/// Every activation that acts number by number, and the gain that undoes it.
fn gains() -> Vec<(Box<dyn Layer<f64>>, Gain)> {
    vec![
        (Box::new(layers::ReLU), Gain::Relu),
        (Box::new(layers::ReLU6), Gain::Relu6),
        (Box::new(layers::LeakyReLU::default()), Gain::LeakyRelu(0.01)),
        (Box::new(layers::PReLU::new(1).unwrap()), Gain::LeakyRelu(0.25)),
        (
            Box::new(layers::Threshold::new(0.0, 0.5).unwrap()),
            Gain::of(|x| if x > 0.0 { x } else { 0.5 }),
        ),
        (Box::new(layers::ELU::default()), Gain::Elu(1.0)),
        (
            Box::new(layers::CELU::new(1.5).unwrap()),
            Gain::of(|x| if x > 0.0 { x } else { 1.5 * ((x / 1.5).exp() - 1.0) }),
        ),
        // By design: it keeps the size of its input.
        (Box::new(layers::SELU), Gain::Linear),
        (Box::new(layers::GELU::Erf), Gain::Gelu),
        (Box::new(layers::GELU::Tanh), Gain::GeluTanh),
        (Box::new(layers::SiLU), Gain::Silu),
        (Box::new(layers::Mish), Gain::Mish),
        (Box::new(layers::Sigmoid), Gain::Factor(1.846_228_545_338_605)),
        (Box::new(layers::LogSigmoid), Gain::LogSigmoid),
        (Box::new(layers::Softplus::default()), Gain::Softplus),
        (Box::new(layers::Softsign), Gain::Softsign),
        (Box::new(layers::Tanh), Gain::Factor(1.592_537_419_722_831_2)),
        (Box::new(layers::Tanhshrink), Gain::Tanhshrink),
        (Box::new(layers::Hardtanh::default()), Gain::Hardtanh),
        (Box::new(layers::Hardsigmoid), Gain::Hardsigmoid),
        (Box::new(layers::Hardswish), Gain::Hardswish),
        (Box::new(layers::Hardshrink::default()), Gain::Hardshrink(0.5)),
        (Box::new(layers::Softshrink::default()), Gain::Softshrink(0.5)),
    ]
}

/// By quadrature, and on normal draws.
#[test]
fn gains_undo_the_activations() {
    let mut z = vec![0.0; 100_000];
    Noise::new(12).fill_normal(0, &mut z);
    let apply = |layer: &dyn Layer<f64>, x: &[f64]| {
        let mut y = vec![0.0; x.len()];
        let (x, out) = (ArrayView1::from(x), ArrayViewMut1::from(&mut y[..]));
        let (x, out) = (x.insert_axis(tricks_tensor::ndarray::Axis(1)), out);
        layer
            .infer(x.into_dyn(), out.insert_axis(tricks_tensor::ndarray::Axis(1)).into_dyn())
            .unwrap();
        y
    };
    for (layer, gain) in gains() {
        let (name, gain) = (layer.name(), gain.value());
        let measured = Gain::of(|x| apply(&*layer, &[x])[0]).value();
        assert!((measured / gain - 1.0).abs() < 1e-9, "{name}: {gain} against {measured}");
        let square = apply(&*layer, &z).iter().map(|y| y * y).sum::<f64>() / z.len() as f64;
        assert!((square * gain * gain - 1.0).abs() < 0.03, "{name}: {gain}, {square}");
    }
}

/// But for those that look at several numbers at once.
#[test]
fn no_activation_is_without_a_gain() {
    let gains = gains();
    for row in LAYERS.iter().filter(|row| row.about.file.contains("/activations/")) {
        let name = row.about.name;
        let several = ["Softmax", "LogSoftmax", "GLU"].contains(&name);
        assert!(several || gains.iter().any(|(layer, _)| layer.name() == name), "{name}");
    }
}

/// Every parameter by name.
fn values<F: Float>(net: &mut dyn Parameters<F>) -> Vec<(String, Vec<F>)> {
    let mut all = Vec::new();
    net.visit(&Path::ROOT, &mut |place, param| {
        all.push((place.path.to_string(), param.value.to_vec()));
    });
    all
}

/// From one seed, a net of `f32` holds the rounded numbers of the net of `f64`, whatever fills it.
#[test]
fn nets_of_both_precisions_start_from_the_same_point() {
    fn nets<F: Float>() -> Vec<Sequential<F>> {
        let gpt = GptConfig {
            vocabulary: 7,
            max_len: 5,
            d_model: 4,
            num_layers: 2,
            num_heads: 2,
            dim_feedforward: 6,
            ..GptConfig::default()
        };
        let images = ConvNetConfig { channels: 2, classes: 3, width: 4, blocks: 1, drop_path: 0.0 };
        let recurrent = Sequential::new()
            .push(layers::Lstm::new(3, 4).unwrap())
            .push(layers::SequenceMean)
            .push(layers::Dense::new(4, 2));
        vec![
            mlp(&[6, 5, 4, 2]).unwrap(),
            resnet(&images).unwrap(),
            models::gpt(&gpt).unwrap(),
            recurrent,
        ]
    }
    let fills: [(&str, Fill<f32>, Fill<f64>); 3] = [
        ("He", he, he),
        ("orthogonal", orthogonal, orthogonal),
        ("torch", tricks_init::torch_defaults, tricks_init::torch_defaults),
    ];
    for (fill, narrow, wide) in fills {
        for (mut single, mut double) in nets::<f32>().into_iter().zip(nets::<f64>()) {
            let before = values(&mut double);
            narrow(&mut single, Noise::new(8)).unwrap();
            wide(&mut double, Noise::new(8)).unwrap();
            let (single, double) = (values(&mut single), values(&mut double));
            assert_ne!(before, double, "{fill}");
            assert_eq!(single.len(), double.len());
            for ((name, single), (other, double)) in single.into_iter().zip(double) {
                let rounded: Vec<f32> = double.into_iter().map(|x| x as f32).collect();
                assert_eq!((&name, single), (&other, rounded), "{fill}");
            }
        }
    }
}

type Fill<F> = fn(&mut Sequential<F>, Noise) -> tricks_tensor::Result<()>;

fn he<F: Float>(net: &mut Sequential<F>, noise: Noise) -> tricks_tensor::Result<()> {
    initialize(net, Layout::OutIn, &VarianceScaling::he_normal(), noise)
}

fn orthogonal<F: Float>(net: &mut Sequential<F>, noise: Noise) -> tricks_tensor::Result<()> {
    initialize(net, Layout::OutIn, &Orthogonal::default(), noise)
}

/// The names of every layer that has parameters are those PyTorch's defaults go by.
#[test]
fn torch_defaults_reach_every_layer() {
    for row in LAYERS.iter() {
        let mut layer = (row.make.1)(6);
        let kinds = |layer: &mut Box<dyn Layer<f64>>| {
            let mut kinds = Vec::new();
            layer.visit(&Path::ROOT, &mut |place, _| kinds.push((place.kind, place.shape.len())));
            kinds
        };
        let before = values(&mut layer);
        tricks_init::torch_defaults(&mut layer, Noise::new(3)).unwrap();
        let kinds = kinds(&mut layer);
        for (((name, old), (_, new)), (kind, axes)) in
            before.iter().zip(values(&mut layer)).zip(kinds)
        {
            let drawn = match kind {
                ParamKind::Weight => axes >= 2,
                ParamKind::Embedding => true,
                // Attention's own stay 0.
                ParamKind::Bias => !(name.contains("in_proj") || name.contains("out_proj")),
                _ => false,
            };
            let changed = *old != new;
            assert!(changed == drawn || old.is_empty(), "{}: {name}", row.about.name);
        }
    }
}
