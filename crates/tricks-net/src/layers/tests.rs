use super::*;
use ndarray::{ArrayD, Axis, IxDyn, ShapeBuilder as _, Slice};
use proptest::prelude::*;
use tricks_tensor::{Error, Layer, Mode, Noise, Parameters, Path, gradcheck, ndarray};

/// Uniform on [−2, 2), never within 0.01 of the kink of ReLU.
fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let noise = Noise::new(seed);
    let mut i = 0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        i += 1;
        let u = 4.0 * noise.uniform(i) - 2.0;
        u + f64::copysign(0.01, u)
    })
}

fn randomize<F: tricks_tensor::Float>(params: &mut impl Parameters<F>, seed: u64) {
    let noise = Noise::new(seed);
    params.visit(&Path::ROOT, &mut |place, param| {
        let noise = noise.path(place.path);
        for (i, value) in param.value.iter_mut().enumerate() {
            *value = F::of(2.0 * noise.uniform(i as u64) - 1.0);
        }
    });
}

fn dense(inputs: usize, outputs: usize, bias: bool, seed: u64) -> Dense<f64> {
    let mut dense =
        if bias { Dense::new(inputs, outputs) } else { Dense::without_bias(inputs, outputs) };
    randomize(&mut dense, seed);
    dense
}

/// The same numbers as views of other strides: C, Fortran, reversed, and every second element.
fn layouts(x: &ArrayD<f64>) -> Vec<ArrayD<f64>> {
    let mut fortran = ArrayD::zeros(x.raw_dim().f());
    fortran.assign(x);
    let mut reversed = x.clone();
    reversed.invert_axis(Axis(0));
    let mut reversed = reversed.as_standard_layout().into_owned();
    reversed.invert_axis(Axis(0));
    let mut wide = x.shape().to_vec();
    let last = wide.len() - 1;
    wide[last] *= 2;
    let mut spread = ArrayD::from_elem(wide, f64::NAN);
    spread.slice_axis_mut(Axis(last), Slice::new(0, None, 2)).assign(x);
    spread.slice_axis_inplace(Axis(last), Slice::new(0, None, 2));
    vec![fortran, reversed, spread]
}

/// All results of a pass: `y`, `dx`, and the gradients of the parameters.
fn run<L: Layer<f64>>(
    layer: &mut L,
    x: &ArrayD<f64>,
    dy: &ArrayD<f64>,
    like: impl Fn(&[usize]) -> ArrayD<f64>,
) -> Vec<f64> {
    let mode = Mode::Train(Noise::new(5));
    let (mut y, mut dx) = (like(dy.shape()), like(x.shape()));
    layer.forward(x.view(), y.view_mut(), mode).unwrap();
    layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
    let mut all: Vec<f64> = y.iter().chain(&dx).copied().collect();
    layer.visit(&Path::ROOT, &mut |_, param| {
        if let tricks_tensor::Grad::Dense(grad) = param.grad {
            all.extend_from_slice(grad);
        }
    });
    all
}

fn same_in_any_layout<L: Layer<f64>>(mut layer: L, x: &[usize]) {
    let y = layer.output_shape(x).unwrap();
    let (x, dy) = (draw(x, 1), draw(ndarray::Dimension::slice(&y), 2));
    let want = run(&mut layer, &x, &dy, |shape| ArrayD::zeros(shape));
    for (i, (x, dy)) in layouts(&x).iter().zip(&layouts(&dy)).enumerate() {
        let like = |shape: &[usize]| layouts(&ArrayD::zeros(shape)).swap_remove(i);
        assert_eq!(run(&mut layer, x, dy, like), want, "{} {i}", layer.name());
    }
}

#[test]
fn any_layout_gives_the_same_bits() {
    same_in_any_layout(dense(7, 5, true, 1), &[6, 7]);
    same_in_any_layout(dense(4, 3, false, 1), &[2, 5, 4]);
    same_in_any_layout(ReLU, &[5, 7]);
    same_in_any_layout(Sigmoid, &[5, 7]);
    same_in_any_layout(Tanh, &[2, 3, 4]);
    same_in_any_layout(mlp(4, 6, 3), &[5, 4]);
}

fn mlp(inputs: usize, hidden: usize, outputs: usize) -> Sequential<f64> {
    let mut net = Sequential::new()
        .push(Tanh)
        .push(Dense::new(inputs, hidden))
        .push(Sigmoid)
        .push(Sequential::new().push(Dense::new(hidden, hidden)).push(ReLU))
        .push(Dense::without_bias(hidden, outputs));
    randomize(&mut net, 3);
    net
}

fn check(layer: &mut impl Layer<f64>, shape: &[usize], seed: u64) -> Result<(), TestCaseError> {
    let mode = Mode::Train(Noise::new(seed));
    let report = gradcheck::layer(layer, &draw(shape, seed), mode, Noise::new(!seed)).unwrap();
    prop_assert!(report.worst <= 1e-6, "{}: {report:?}", layer.name());
    Ok(())
}

proptest! {
    #[test]
    fn gradients(n in 0usize..5, m in 1usize..4, i in 1usize..6, o in 1usize..6, bias: bool, seed: u64) {
        check(&mut dense(i, o, bias, seed), &[n, i], seed)?;
        check(&mut dense(i, o, bias, seed), &[m, n, i], seed)?;
        check(&mut dense(i, o, bias, seed), &[i], seed)?;
        check(&mut ReLU, &[n, m, i], seed)?;
        check(&mut Sigmoid, &[n, i], seed)?;
        check(&mut Tanh, &[i], seed)?;
    }
}

#[test]
fn gradients_through_containers() {
    // The seeds keep every inner ReLU away from its kink.
    for (seed, n) in [(1, 1), (2, 3), (3, 7)] {
        check(&mut mlp(4, 6, 3), &[n, 4], seed).unwrap();
    }
    check(&mut Sequential::new(), &[2, 3], 1).unwrap();
}

#[test]
fn dense_by_hand() {
    let weight = ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let mut dense = Dense::with_parameters(weight, Some(ndarray::arr1(&[0.5, -0.5]))).unwrap();
    let x = ndarray::arr2(&[[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]).into_dyn();
    let dy = ndarray::arr2(&[[1.0, 2.0], [3.0, -1.0]]).into_dyn();
    let got = run(&mut dense, &x, &dy, |shape| ArrayD::zeros(shape));
    let y = [-1.5, -2.5, 4.5, 12.5];
    let dx = [9.0, 12.0, 15.0, -1.0, 1.0, 3.0];
    let dw = [7.0, 3.0, -1.0, 0.0, -1.0, -2.0];
    let db = [4.0, 1.0];
    assert_eq!(got, [&y[..], &dx, &dw, &db].concat());
}

#[test]
fn backward_sets_and_skips() {
    let mut net = mlp(4, 6, 3);
    let (x, dy) = (draw(&[5, 4], 1), draw(&[5, 3], 2));
    let want = run(&mut net, &x, &dy, |shape| ArrayD::zeros(shape));
    assert_eq!(run(&mut net, &x, &dy, |shape| ArrayD::zeros(shape)), want, "sets, not adds");

    // Without `dx` the gradients of the parameters are the same.
    let mode = Mode::Train(Noise::new(5));
    let mut y = ArrayD::zeros(vec![5, 3]);
    net.forward(x.view(), y.view_mut(), mode).unwrap();
    net.backward(x.view(), y.view(), dy.view(), None, mode).unwrap();
    let mut grads = Vec::new();
    net.visit(&Path::ROOT, &mut |_, param| {
        if let tricks_tensor::Grad::Dense(grad) = param.grad {
            grads.extend_from_slice(grad);
        }
    });
    assert_eq!(grads, want[want.len() - grads.len()..]);
}

#[test]
fn names_and_activations() {
    let mut net = mlp(4, 6, 3);
    let mut names = Vec::new();
    net.visit(&Path::ROOT, &mut |place, _| names.push(place.path.to_string()));
    let want = [
        "layers.1.weight",
        "layers.1.bias",
        "layers.3.layers.0.weight",
        "layers.3.layers.0.bias",
        "layers.4.weight",
    ];
    assert_eq!(names, want);

    let (x, mut y) = (draw(&[5, 4], 1), ArrayD::zeros(vec![5, 3]));
    net.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
    let shapes: Vec<_> = net.activations().map(|a| a.shape().to_vec()).collect();
    assert_eq!(shapes, [[5, 4], [5, 6], [5, 6], [5, 6]]);
    assert_eq!(
        net.activations().next().unwrap()[[0, 0]],
        tricks_tensor::Float::tanh_exact(x[[0, 0]])
    );

    let mut inferred = ArrayD::zeros(vec![5, 3]);
    net.infer(x.view(), inferred.view_mut()).unwrap();
    assert_eq!(inferred, y);
    assert_eq!(format!("{net:?}"), r#"["Tanh", "Dense", "Sigmoid", "Sequential", "Dense"]"#);
}

#[test]
fn extremes() {
    let x = ndarray::arr1(&[1000.0, -1000.0, -700.0, f64::NAN, 0.0, f64::INFINITY]).into_dyn();
    let of = |layer: &dyn Layer<f64>| {
        let mut y = ArrayD::zeros(vec![6]);
        layer.infer(x.view(), y.view_mut()).unwrap();
        y.into_raw_vec_and_offset().0
    };
    let y = of(&Sigmoid);
    assert_eq!((y[0], y[1], y[4], y[5]), (1.0, 0.0, 0.5, 1.0));
    assert!(y[2] > 0.0 && y[2] < 1e-300 && y[3].is_nan());
    let y = of(&Tanh);
    assert!(y[3].is_nan() && (y[0], y[1], y[4]) == (1.0, -1.0, 0.0));
    let y = of(&ReLU);
    assert!(y[3].is_nan() && (y[0], y[1], y[5]) == (1000.0, 0.0, f64::INFINITY));
}

#[test]
fn wrong_shapes_are_refused_with_both() {
    let mut net = mlp(4, 6, 3);
    let (x, mut y) = (draw(&[5, 4], 1), ArrayD::zeros(vec![5, 3]));
    let say = |r: tricks_tensor::Result<()>| r.unwrap_err().to_string();
    let mode = Mode::Eval;

    let mut short = ArrayD::zeros(vec![4, 3]);
    let refused = say(net.forward(x.view(), short.view_mut(), mode));
    assert_eq!(refused, "Sequential: output has shape [4, 3], expected [5, 3]");
    let refused = say(net.forward(draw(&[5, 3], 1).view(), y.view_mut(), mode));
    assert_eq!(refused, "layers.1 (Dense): input has shape [5, 3], weight [6, 4]");
    let refused = say(net.backward(x.view(), y.view(), y.view(), None, mode));
    let want = "layers.0: output of the last forward pass has shape [0], expected [5, 4]";
    assert_eq!(refused, want);
    net.forward(x.view(), y.view_mut(), mode).unwrap();
    let mut dx = ArrayD::zeros(vec![5, 5]);
    let refused = say(net.backward(x.view(), y.view(), y.view(), Some(dx.view_mut()), mode));
    assert_eq!(refused, "Sequential: input gradient has shape [5, 5], expected [5, 4]");

    let nested = Sequential::<f64>::new().push(Sequential::new().push(Tanh).push(Dense::new(2, 3)));
    let refused = nested.output_shape(&[1, 3]).unwrap_err().to_string();
    assert_eq!(refused, "layers.0.layers.1 (Dense): input has shape [1, 3], weight [3, 2]");

    let mut one = dense(4, 3, true, 1);
    let refused = say(one.backward(x.view(), x.view(), y.view(), None, mode));
    assert_eq!(refused, "Dense: output has shape [5, 4], expected [5, 3]");
    assert!(one.output_shape(&[]).is_err());
    let refused = say(ReLU.infer(x.view(), y.view_mut()));
    assert_eq!(refused, "ReLU: output has shape [5, 3], input [5, 4]");
    let bias = Some(ndarray::arr1(&[0.0; 2]));
    let refused = Dense::with_parameters(ndarray::arr2(&[[1.0]]), bias).unwrap_err();
    assert!(matches!(refused, Error::Shape { .. }));
}

#[test]
fn threads_do_not_matter() {
    let mut dense = Dense::<f32>::new(300, 200);
    randomize(&mut dense, 1);
    let mut net = Sequential::new().push(dense).push(Tanh).push(Sigmoid).push(ReLU);
    let x = draw(&[500, 300], 1).mapv(|x| x as f32);
    let mut pass = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mut y, mut dx) = (ArrayD::zeros(vec![500, 200]), ArrayD::zeros(vec![500, 300]));
            net.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
            net.backward(x.view(), y.view(), y.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
            (y, dx)
        })
    };
    let want = pass(1);
    for threads in [2, 3] {
        assert_eq!(pass(threads), want);
    }
}
