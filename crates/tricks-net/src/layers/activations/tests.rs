use super::*;
use proptest::prelude::*;
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Layer, Mode, Noise, gradcheck};

const INF: f64 = f64::INFINITY;

fn value<F: Float>(layer: &(impl Layer<F> + ?Sized), x: F) -> F {
    let (x, mut y) = (ArrayD::from_elem(vec![1], x), ArrayD::zeros(vec![1]));
    layer.infer(x.view(), y.view_mut()).unwrap();
    y[[0]]
}

fn slope<F: Float>(layer: &mut (impl Layer<F> + ?Sized), at: F) -> F {
    let (x, mut dx) = (ArrayD::from_elem(vec![1], at), ArrayD::zeros(vec![1]));
    let (y, dy) = (ArrayD::from_elem(vec![1], value(layer, at)), ArrayD::ones(vec![1]));
    layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
    dx[[0]]
}

/// An activation with its values and slopes at −∞ and ∞.
type Ends<F> = (Box<dyn Layer<F>>, [f64; 2], [f64; 2]);

fn all<F: Float>() -> Vec<Ends<F>> {
    let step = [0.0, 1.0];
    vec![
        (Box::new(ReLU), [0.0, INF], step),
        (Box::new(ReLU6), [0.0, 6.0], [0.0; 2]),
        (Box::new(LeakyReLU::new(0.5).unwrap()), [-INF, INF], [0.5, 1.0]),
        (Box::new(Threshold::new(0.25, 4.0).unwrap()), [4.0, INF], step),
        (Box::new(PReLU::new(1).unwrap()), [-INF, INF], [0.25, 1.0]),
        (Box::new(ELU::new(0.5).unwrap()), [-0.5, INF], step),
        (Box::new(CELU::new(2.0).unwrap()), [-2.0, INF], step),
        (Box::new(SELU), [-1.7580993408473766, INF], [0.0, 1.0507009873554805]),
        (Box::new(GELU::Erf), [0.0, INF], step),
        (Box::new(GELU::Tanh), [0.0, INF], step),
        (Box::new(SiLU), [0.0, INF], step),
        (Box::new(Mish), [0.0, INF], step),
        (Box::new(Sigmoid), [0.0, 1.0], [0.0; 2]),
        (Box::new(LogSigmoid), [-INF, 0.0], [1.0, 0.0]),
        (Box::new(Softplus::new(4.0).unwrap()), [0.0, INF], step),
        (Box::new(Tanh), [-1.0, 1.0], [0.0; 2]),
        (Box::new(Softsign), [-1.0, 1.0], [0.0; 2]),
        (Box::new(Hardtanh::new(-0.5, 2.0).unwrap()), [-0.5, 2.0], [0.0; 2]),
        (Box::new(Hardsigmoid), [0.0, 1.0], [0.0; 2]),
        (Box::new(Hardswish), [0.0, INF], step),
        (Box::new(Hardshrink::default()), [-INF, INF], [1.0; 2]),
        (Box::new(Softshrink::default()), [-INF, INF], [1.0; 2]),
        (Box::new(Tanhshrink), [-INF, INF], [1.0; 2]),
    ]
}

fn ends<F: Float>() {
    for (mut layer, values, slopes) in all::<F>() {
        for (end, x) in [-INF, INF].into_iter().enumerate() {
            let (name, x) = (layer.name(), F::of(x));
            assert_eq!(value(&layer, x), F::of(values[end]), "{name}({x:?})");
            assert_eq!(slope(&mut layer, x), F::of(slopes[end]), "{name}'({x:?})");
        }
        assert!(value(&layer, F::nan()).is_nan(), "{} loses a NaN", layer.name());
        for x in [-1e30, -1e4, -1000.0, -200.0, -0.0, 0.0, 1e-30, 50.0, 1000.0, 1e30] {
            let (name, x) = (layer.name(), F::of(x));
            assert!(value(&layer, x).is_finite(), "{name}({x:?})");
            assert!(slope(&mut layer, x).is_finite(), "{name}'({x:?})");
        }
    }
}

#[test]
fn ends_are_the_limits() {
    ends::<f32>();
    ends::<f64>();
}

#[test]
fn far_below_zero_no_digit_is_lost() {
    let near = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-13, "{got}, {want}");
    // −10 Φ(−10), −30 σ(−30), −30 tanh(e⁻³⁰), ln(1 + e⁻³⁰), to 17 digits.
    near(value(&GELU::Erf, -10.0), -7.619853024160527e-23);
    near(value(&SiLU, -30.0), -30.0 * 9.357622968839299e-14);
    near(value(&Mish, -30.0), -30.0 * 9.357622968839737e-14);
    near(value(&Softplus::default(), -30.0), 9.357622968839737e-14);
}

#[test]
fn lines_with_infinities() {
    let run = |layer: &dyn Layer<f64>, x: [f64; 3]| {
        let (x, mut y) =
            (ArrayD::from_shape_vec(vec![3], x.to_vec()).unwrap(), ArrayD::zeros(vec![3]));
        layer.infer(x.view(), y.view_mut()).unwrap();
        y.into_raw_vec_and_offset().0
    };
    assert_eq!(run(&Softmax::default(), [-INF, 3.0, -INF]), [0.0, 1.0, 0.0]);
    assert_eq!(run(&LogSoftmax::default(), [-INF, 3.0, -INF]), [-INF, 0.0, -INF]);
    for x in [[-INF; 3], [1.0, INF, 2.0], [1.0, f64::NAN, -INF]] {
        assert!(run(&Softmax::default(), x).iter().any(|y| y.is_nan()), "{x:?}");
        assert!(run(&LogSoftmax::default(), x).iter().any(|y| y.is_nan()), "{x:?}");
    }
}

/// Numbers none of which is within 0.01 of a corner of any activation.
fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let noise = Noise::new(seed);
    let mut i = 0;
    ArrayD::from_shape_simple_fn(shape.to_vec(), || {
        i += 1;
        // In (k + 0.05, k + 0.2) for k of −4…4: between all corners, which are multiples of ¼.
        (9.0 * noise.uniform(i)).floor() - 4.0 + 0.05 + 0.15 * noise.uniform(1000 + i)
    })
}

proptest! {
    #[test]
    fn gradients(n in 0usize..4, c in 1usize..4, l in 1usize..5, axis in 0usize..3, seed: u64) {
        let mut layers: Vec<Box<dyn Layer<f64>>> = all().into_iter().map(|row| row.0).collect();
        layers.push(Box::new(PReLU::new(c).unwrap()));
        layers.push(Box::new(Softmax::along(axis)));
        layers.push(Box::new(LogSoftmax::along(axis)));
        layers.push(Box::new(GLU::default()));
        let x = draw(&[n, c, 2 * l], seed);
        for mut layer in layers {
            let report = gradcheck::layer(&mut layer, &x, Mode::Eval, Noise::new(!seed)).unwrap();
            prop_assert!(report.worst <= 1e-6, "{}: {report:?}", layer.name());
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let hyper = |error: Error| error.to_string();
    assert_eq!(
        hyper(ELU::new(-1.0).unwrap_err()),
        "ELU: alpha is -1, must be finite and at least 0"
    );
    assert_eq!(hyper(CELU::new(0.0).unwrap_err()), "CELU: alpha is 0, must be finite and above 0");
    for (refused, want) in [
        (LeakyReLU::new(f64::NAN).err(), "LeakyReLU: negative_slope is NaN, must be finite"),
        (Softplus::new(0.0).err(), "Softplus: beta is 0, must be finite and above 0"),
        (Softshrink::new(-0.1).err(), "Softshrink: lambda is -0.1, must be finite and at least 0"),
        (Hardshrink::new(INF).err(), "Hardshrink: lambda is inf, must be finite and at least 0"),
        (Threshold::new(f64::NAN, 0.0).err(), "Threshold: threshold is NaN, must be finite"),
        (Threshold::new(0.0, INF).err(), "Threshold: value is inf, must be finite"),
        (Hardtanh::new(-INF, 1.0).err(), "Hardtanh: min is -inf, must be finite"),
        (Hardtanh::new(0.0, INF).err(), "Hardtanh: max is inf, must be finite"),
    ] {
        assert_eq!(refused.map(hyper).as_deref(), Some(want));
    }
    assert_eq!(
        hyper(Hardtanh::new(1.0, 1.0).unwrap_err()),
        "Hardtanh: max is 1, must be above min, 1"
    );
    assert_eq!(
        hyper(PReLU::<f32>::new(0).unwrap_err()),
        "PReLU: channels is 0, must be at least 1"
    );
    let shape =
        |layer: &dyn Layer<f32>, x: &[usize]| layer.output_shape(x).unwrap_err().to_string();
    assert_eq!(shape(&Softmax::along(2), &[3, 4]), "Softmax: axis 2 of an input with 2 axes");
    assert_eq!(shape(&LogSoftmax::default(), &[]), "LogSoftmax: an input without axes");
    assert_eq!(
        shape(&GLU::default(), &[3, 5]),
        "GLU: axis 1 of [3, 5] has 5 numbers, which is odd"
    );
    let prelu = PReLU::new(3).unwrap();
    assert_eq!(shape(&prelu, &[2, 4]), "PReLU: input has shape [2, 4], weight [3]");
    assert_eq!(shape(&prelu, &[3]), "PReLU: input has shape [3], weight [3]");
}
