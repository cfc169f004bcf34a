use super::*;
use super::{gru::GruCell, lstm::LstmCell, rnn::RnnCell};
use crate::layers::recurrence::Cell as _;
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice};
use tricks_tensor::{Layer, Mode, Noise, Parameters, Path, gradcheck, ndarray};

/// Uniform on [−1, 1).
fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut x = ArrayD::zeros(IxDyn(shape));
    Noise::new(seed).fill_uniform(0, x.as_slice_mut().unwrap());
    x.mapv(|u| 2.0 * u - 1.0)
}

fn randomize(params: &mut impl Parameters<f64>) {
    params.visit(&Path::ROOT, &mut |place, param| {
        let noise = Noise::new(1).path(place.path);
        for (i, value) in param.value.iter_mut().enumerate() {
            *value = 2.0 * noise.uniform(i as u64) - 1.0;
        }
    });
}

#[test]
fn all_agree_with_central_differences() {
    fn check(mut layer: impl Layer<f64>) {
        randomize(&mut layer);
        let x = draw(&[2, 4, 3], 5);
        let report = gradcheck::layer(&mut layer, &x, Mode::Eval, Noise::new(6)).unwrap();
        report.within(1e-8).unwrap();
    }
    check(Rnn::new(3, 2).unwrap());
    check(Rnn::new(3, 2).unwrap().activation(RnnActivation::ReLU));
    check(Lstm::new(3, 5).unwrap());
    check(Gru::new(3, 2).unwrap());
}

/// Two halves, the second from the state of the first, are the whole; and the gradient of that
/// state is what central differences say.
macro_rules! carries_its_state {
    ($layer:ident, $states:literal) => {{
        let mut layer = $layer::<f64>::new(3, 2).unwrap();
        randomize(&mut layer);
        let x = draw(&[2, 5, 3], 1);
        let mut whole = ArrayD::zeros(vec![2, 5, 2]);
        layer.forward(x.view(), whole.view_mut(), Mode::Eval).unwrap();
        let end = layer.state().map(|state| state.to_owned());
        assert_eq!(end[0].view().into_dyn(), whole.index_axis(Axis(1), 4));

        let (first, second) = x.view().split_at(Axis(1), 2);
        let (mut y0, mut y1) = (ArrayD::zeros(vec![2, 2, 2]), ArrayD::zeros(vec![2, 3, 2]));
        layer.forward(first, y0.view_mut(), Mode::Eval).unwrap();
        let middle = layer.state().map(|state| state.to_owned());
        let start = middle.each_ref().map(|state| state.view());
        layer.forward_from(second.view(), start, y1.view_mut()).unwrap();
        let close = |a: ArrayViewD<'_, f64>, b: ArrayViewD<'_, f64>| {
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-14), "{a} {b}");
        };
        close(y0.view(), whole.slice_axis(Axis(1), Slice::from(..2)));
        close(y1.view(), whole.slice_axis(Axis(1), Slice::from(2..)));
        for (a, b) in layer.state().into_iter().zip(&end) {
            close(a.into_dyn(), b.view().into_dyn());
        }

        let u = draw(&[2, 3, 2], 3);
        layer.backward(second.view(), y1.view(), u.view(), None, Mode::Eval).unwrap();
        let grads = layer.start_gradient().map(|grad| grad.to_owned());
        for s in 0..$states {
            for i in 0..4 {
                let mut at = |h: f64| {
                    let mut start = middle.clone();
                    start[s].as_slice_mut().unwrap()[i] += h;
                    let start = start.each_ref().map(|state| state.view());
                    layer.forward_from(second.view(), start, y1.view_mut()).unwrap();
                    (&u * &y1).sum()
                };
                let measured = (at(1e-5) - at(-1e-5)) / 2e-5;
                let got = grads[s].as_slice().unwrap()[i];
                assert!((got - measured).abs() < 1e-8, "{s}[{i}]: {got} {measured}");
            }
        }
    }};
}

#[test]
fn states_are_carried() {
    carries_its_state!(Rnn, 1);
    carries_its_state!(Lstm, 2);
    carries_its_state!(Gru, 1);
}

/// One step of one unit, by hand: all sums are 1 but where it says.
#[test]
fn a_step_by_hand() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-14, "{got} {want}");

    let (gates, [h]) = RnnCell::default().forward([0.25], [0.5], [9.0]);
    close(h, 0.75f64.tanh());
    assert_eq!(gates, [h]);

    let (_, [h, c]) = LstmCell.forward([1.0, 2.0, 3.0, 4.0], [0.5; 4], [9.0, 2.0]);
    let want = sigmoid(2.5) * 2.0 + sigmoid(1.5) * 3.5f64.tanh();
    close(c, want);
    close(h, sigmoid(4.5) * want.tanh());

    let (_, [h]) = GruCell.forward([1.0, 2.0, 3.0], [0.5, 0.25, 4.0], [2.0]);
    let z = sigmoid(2.25);
    close(h, (1.0 - z) * (3.0 + sigmoid(1.5) * 4.0).tanh() + z * 2.0);
}

#[test]
fn no_numbers_and_long_memory() {
    let mut layer = Lstm::<f64>::new(3, 2).unwrap();
    randomize(&mut layer);
    for shape in [[0, 4, 3], [2, 0, 3]] {
        let x = ArrayD::zeros(IxDyn(&shape));
        let (mut y, mut dx) = (ArrayD::zeros(vec![shape[0], shape[1], 2]), x.clone());
        layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        layer.backward(x.view(), y.view(), y.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert_eq!(layer.state()[0].dim(), (shape[0], 2));
        layer.visit(&Path::ROOT, &mut |_, mut param| {
            assert!(param.grad.values().unwrap().iter().all(|grad| *grad == 0.0));
        });
    }
    assert_eq!(Gru::<f64>::new(1, 2).unwrap().state()[0].dim(), (0, 2));
}

#[test]
fn what_is_refused() {
    let refused = Gru::<f32>::new(0, 2).unwrap_err().to_string();
    assert_eq!(refused, "Gru: inputs is 0, must be at least 1");
    let refused = Rnn::<f32>::new(2, 0).unwrap_err().to_string();
    assert_eq!(refused, "Rnn: hidden is 0, must be at least 1");
    let mut layer = Lstm::<f64>::new(3, 2).unwrap();
    let refused = layer.output_shape(&[2, 3]).unwrap_err().to_string();
    assert_eq!(refused, "Lstm: input has shape [2, 3], must be [samples, time, 3]");
    let (x, mut y) = (ArrayD::zeros(vec![2, 4, 3]), ArrayD::zeros(vec![2, 4, 2]));
    let [h, c] = [ndarray::Array2::zeros((2, 2)), ndarray::Array2::zeros((2, 3))];
    let refused = layer.forward_from(x.view(), [h.view(), c.view()], y.view_mut());
    let want = "Lstm: state at the start has shape [2, 3], expected [2, 2]";
    assert_eq!(refused.unwrap_err().to_string(), want);
    let refused = layer.backward(x.view(), y.view(), y.view(), None, Mode::Eval).unwrap_err();
    let want = "Lstm: gates of the last forward pass has shape [0], expected [2, 4, 8]";
    assert_eq!(refused.to_string(), want);
}

/// Every gradient of a layer.
fn gradients(layer: &mut impl Parameters<f64>) -> Vec<f64> {
    let mut all = Vec::new();
    layer.visit(&Path::ROOT, &mut |_, mut param| {
        all.extend_from_slice(param.grad.values().unwrap_or_default());
    });
    all
}

/// Gradients that go from the second half into the first are those of the whole.
macro_rules! gradients_cross_halves {
    ($layer:ident) => {{
        let mut whole = $layer::<f64>::new(3, 2).unwrap();
        randomize(&mut whole);
        let (mut a, mut b) = (whole.clone(), whole.clone());
        let (x, dy) = (draw(&[2, 5, 3], 1), draw(&[2, 5, 2], 2));
        let (mut y, mut dx) = (ArrayD::zeros(dy.raw_dim()), ArrayD::zeros(x.raw_dim()));
        whole.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        whole.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();

        let ((x0, x1), (dy0, dy1)) =
            (x.view().split_at(Axis(1), 2), dy.view().split_at(Axis(1), 2));
        let (mut y0, mut y1) = (ArrayD::zeros(dy0.raw_dim()), ArrayD::zeros(dy1.raw_dim()));
        let (mut dx0, mut dx1) = (ArrayD::zeros(x0.raw_dim()), ArrayD::zeros(x1.raw_dim()));
        a.forward(x0.view(), y0.view_mut(), Mode::Eval).unwrap();
        b.forward_from(x1.view(), a.state(), y1.view_mut()).unwrap();
        b.backward(x1, y1.view(), dy1, Some(dx1.view_mut()), Mode::Eval).unwrap();
        let inputs = [x0.view(), y0.view(), dy0.view()];
        a.backward_from(inputs, b.start_gradient(), Some(dx0.view_mut())).unwrap();

        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-13, "{a} {b}");
        dx.slice_axis(Axis(1), Slice::from(..2)).iter().zip(&dx0).for_each(|(a, b)| close(*a, *b));
        dx.slice_axis(Axis(1), Slice::from(2..)).iter().zip(&dx1).for_each(|(a, b)| close(*a, *b));
        let halves = gradients(&mut a).into_iter().zip(gradients(&mut b)).map(|(a, b)| a + b);
        gradients(&mut whole).into_iter().zip(halves).for_each(|(a, b)| close(a, b));

        let bad = ndarray::Array2::zeros((2, 3));
        let dend = b.start_gradient().map(|_| bad.view());
        let refused = a.backward_from([x0, y0.view(), dy0], dend, None).unwrap_err().to_string();
        let name = stringify!($layer);
        let want = format!("{name}: gradient of the end has shape [2, 3], expected [2, 2]");
        assert_eq!(refused, want);
    }};
}

#[test]
fn gradients_go_from_half_to_half() {
    gradients_cross_halves!(Rnn);
    gradients_cross_halves!(Lstm);
    gradients_cross_halves!(Gru);
}
