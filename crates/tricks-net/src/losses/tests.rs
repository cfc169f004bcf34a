use super::*;
use ndarray::{Array2, ArrayD, Axis, IxDyn, ShapeBuilder as _, arr2};
use proptest::prelude::*;
use tricks_tensor::Noise;

fn draw(shape: &[usize], seed: u64, low: f64, high: f64) -> ArrayD<f64> {
    let mut i = 0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        i += 1;
        low + (high - low) * Noise::new(seed).uniform(i)
    })
}

/// The gradient of `loss` against central differences.
fn check(
    loss: &impl Loss<f64>,
    y: &ArrayD<f64>,
    target: Target<'_, f64>,
) -> Result<(), TestCaseError> {
    let mut dy = ArrayD::from_elem(y.raw_dim(), f64::NAN);
    let value = loss.evaluate(y.view(), target.clone(), Some(dy.view_mut())).unwrap();
    prop_assert_eq!(value, loss.evaluate(y.view(), target.clone(), None).unwrap());
    let h = 1e-5;
    let mut moved = y.clone();
    for (i, &analytic) in dy.iter().enumerate() {
        let mut at = |d: f64| {
            moved.clone_from(y);
            *moved.iter_mut().nth(i).unwrap() += d;
            loss.evaluate(moved.view(), target.clone(), None).unwrap()
        };
        let measured = (at(h) - at(-h)) / (2.0 * h);
        let off = (analytic - measured).abs() / analytic.abs().max(measured.abs()).max(1.0);
        prop_assert!(off <= 1e-6, "{} {}", analytic, measured);
    }

    // Any layout of views, the same bits.
    let fortran = |a: &ArrayD<f64>| {
        let mut copy = ArrayD::zeros(a.raw_dim().f());
        copy.assign(a);
        copy
    };
    let target = match target {
        Target::Values(values) => fortran(&values.to_owned()),
        Target::Labels(_) => ArrayD::zeros(vec![0]),
    };
    if !target.is_empty() {
        let mut other = fortran(&dy);
        other.fill(f64::NAN);
        let again = loss.gradient(fortran(y).view(), &target, other.view_mut()).unwrap();
        prop_assert_eq!(value.to_bits(), again.to_bits());
        prop_assert_eq!(other, dy);
    }
    Ok(())
}

proptest! {
    #[test]
    fn gradients(n in 1usize..6, k in 1usize..6, seed: u64, smooth in 0.0..1.0) {
        let y = draw(&[n, k], seed, -3.0, 3.0);
        let values = draw(&[n, k], !seed, 0.0, 1.0);
        let labels: Vec<usize> =
            (0..n).map(|i| Noise::new(seed).word(i as u64) as usize % k).collect();
        check(&MeanSquaredError::default(), &y, (&values).into())?;
        for label_smoothing in [0.0, smooth, 1.0] {
            let loss = SoftmaxCrossEntropy { label_smoothing, ..Default::default() };
            check(&loss, &y, (&labels).into())?;
            check(&loss, &y, (&values).into())?;
        }
    }

    #[test]
    fn labels_are_one_hot_targets(n in 1usize..5, k in 1usize..5, seed: u64, smooth in 0.0..1.0) {
        let y = draw(&[n, k], seed, -9.0, 9.0);
        let labels: Vec<usize> = (0..n).map(|i| (seed >> i) as usize % k).collect();
        let one_hot =
            Array2::from_shape_fn((n, k), |(i, j)| f64::from(u8::from(labels[i] == j)));
        let loss = SoftmaxCrossEntropy { label_smoothing: smooth, ..Default::default() };
        let (a, b) = (loss.value(y.view(), &labels)?, loss.value(y.view(), &one_hot)?);
        prop_assert!((a - b).abs() <= 1e-12 * a.abs().max(1.0), "{} {}", a, b);
    }

    #[test]
    fn adding_a_constant_changes_nothing(seed: u64, shift in -1e6..1e6) {
        let y = draw(&[4, 3], seed, -3.0, 3.0);
        let loss = SoftmaxCrossEntropy::default();
        let a = loss.value(y.view(), &[0, 1, 2, 0])?;
        let b = loss.value(y.mapv(|y| y + shift).view(), &[0, 1, 2, 0])?;
        prop_assert!((a - b).abs() < 1e-8);
    }
}

#[test]
fn numbers_by_hand() {
    // −ln p₀ = ln(e + 1 + 1) − 1; with ε = 0.3 the target is (0.8, 0.1, 0.1).
    let y = arr2(&[[1.0f64, 0.0, 0.0]]).into_dyn();
    let log_sum = (1f64.exp() + 2.0).ln();
    let plain = SoftmaxCrossEntropy::default().value(y.view(), &[0]).unwrap();
    assert!((plain - (log_sum - 1.0)).abs() < 1e-15);
    let smooth = SoftmaxCrossEntropy { label_smoothing: 0.3, ..Default::default() };
    let smooth = smooth.value(y.view(), &[0]).unwrap();
    assert!((smooth - (0.8 * (log_sum - 1.0) + 0.2 * log_sum)).abs() < 1e-15);

    let mut dy = ArrayD::zeros(vec![1, 3]);
    let target = arr2(&[[0.0, 1.0, -2.0]]);
    let value = MeanSquaredError::default().gradient(y.view(), &target, dy.view_mut()).unwrap();
    assert_eq!(value, 2.0);
    assert_eq!(dy, arr2(&[[2.0 / 3.0, -2.0 / 3.0, 4.0 / 3.0]]).into_dyn());
}

#[test]
fn impossible_and_poisoned_logits() {
    let loss = SoftmaxCrossEntropy::default();
    let y = arr2(&[[0.0, f64::NEG_INFINITY]]).into_dyn();
    assert_eq!(loss.value(y.view(), &[0]).unwrap(), 0.0);
    assert_eq!(loss.value(y.view(), &[1]).unwrap(), f64::INFINITY);
    for j in 0..2 {
        let mut y = arr2(&[[1.0, 2.0]]).into_dyn();
        y[[0, j]] = f64::NAN;
        assert!(loss.value(y.view(), &[0]).unwrap().is_nan());
        assert!(
            MeanSquaredError::default().value(y.view(), &arr2(&[[0.0, 0.0]])).unwrap().is_nan()
        );
    }
}

#[test]
fn cross_entropy_of_many_classes_and_large_logits() {
    // More classes than are computed together; logits up to ±1000.
    let classes = 75;
    let logit = |i: usize| 1000.0 - (i * 37 % classes) as f64 * (2000.0 / 74.0);
    let y = ArrayD::from_shape_fn(vec![1, classes], |at| logit(at[1]));
    let mut dy = ArrayD::zeros(y.raw_dim());
    for label in [0, 31, 32, 74] {
        let loss = SoftmaxCrossEntropy::default().gradient(y.view(), &[label], dy.view_mut());
        let sum: f64 = (0..classes).map(|i| (logit(i) - 1000.0).exp()).sum();
        let want = sum.ln() + 1000.0 - logit(label);
        assert!((loss.unwrap() - want).abs() <= 1e-12 * want.max(1.0), "{label}");
        for (i, dy) in dy.iter().enumerate() {
            let p = (logit(i) - 1000.0).exp() / sum;
            let want = p - f64::from(u8::from(i == label));
            assert!((dy - want).abs() < 1e-15, "{label}: {i}");
        }
    }
}

#[test]
fn classes_are_where_they_are_said_to_be() {
    let y = ArrayD::from_shape_fn(vec![2, 3, 4], |at| (at[0] * 5 + at[1] * at[2]) as f64 / 7.0);
    let labels = [0, 1, 2, 1, 0, 2];
    let last = SoftmaxCrossEntropy::next_token();
    let mut dy = ArrayD::zeros(y.raw_dim());
    let loss = last.gradient(y.view(), &labels, dy.view_mut()).unwrap();
    let turned = y.view().permuted_axes(IxDyn(&[0, 2, 1]));
    let mut dturned = ArrayD::zeros(turned.raw_dim());
    let want = SoftmaxCrossEntropy::default();
    let want = want.gradient(turned, &labels, dturned.view_mut()).unwrap();
    assert_eq!(loss, want);
    assert_eq!(dy, dturned.permuted_axes(IxDyn(&[0, 2, 1])));
    let text =
        |y: &[usize]| last.value(ArrayD::<f64>::zeros(y).view(), &labels).unwrap_err().to_string();
    let want = "SoftmaxCrossEntropy: logits have shape [3], expected [rows, …, classes]";
    assert_eq!(text(&[3]), want);
    let want = "SoftmaxCrossEntropy: labels has shape [6], rows of logits [8]";
    assert_eq!(text(&[2, 4, 3]), want);
}

#[test]
fn refusals() {
    let say = |r: Result<f64>| r.unwrap_err().to_string();
    let y = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn();
    let ce = SoftmaxCrossEntropy::default();
    let empty = ArrayD::<f64>::zeros(vec![0, 3]);
    let none: [usize; 0] = [];
    let cases = [
        (ce.value(y.view(), &[0, 3]), "labels: row 1 has 3, must be below 3"),
        (ce.value(y.view(), &[0]), "SoftmaxCrossEntropy: labels has shape [1], rows of logits [2]"),
        (
            ce.value(y.view(), &arr2(&[[1.0, 0.0, 0.0]])),
            "SoftmaxCrossEntropy: targets has shape [1, 3], logits [2, 3]",
        ),
        (
            ce.value(y.view(), &arr2(&[[1.0, 0.0, 0.0], [0.0, -0.5, 1.0]])),
            "SoftmaxCrossEntropy: target is -0.5 at flat index 4, must be finite and at least 0",
        ),
        (
            ce.value(y.index_axis(Axis(0), 0), &[0]),
            "SoftmaxCrossEntropy: logits have shape [3], expected [rows, classes, …]",
        ),
        (
            ce.value(empty.view(), &none),
            "SoftmaxCrossEntropy: output has shape [0, 3]: the mean loss of nothing is undefined",
        ),
        (
            SoftmaxCrossEntropy { label_smoothing: 1.5, ..Default::default() }
                .value(y.view(), &[0, 1]),
            "SoftmaxCrossEntropy: label_smoothing is 1.5, must be in [0, 1]",
        ),
        (
            ce.gradient(y.view(), &[0, 1], ArrayD::zeros(vec![2, 2]).view_mut()),
            "SoftmaxCrossEntropy: gradient has shape [2, 2], output [2, 3]",
        ),
        (
            MeanSquaredError::default().value(y.view(), &arr2(&[[0.0, 0.0, 0.0]])),
            "MeanSquaredError: target has shape [1, 3], output [2, 3]",
        ),
        (
            MeanSquaredError::default().value(y.view(), &[0, 1]),
            "MeanSquaredError: the targets are labels, it needs values",
        ),
        (
            MeanSquaredError::default().value(empty.view(), &empty),
            "MeanSquaredError: output has shape [0, 3]: the mean loss of nothing is undefined",
        ),
        (
            MeanSquaredError::default().gradient(
                y.view(),
                &y,
                ArrayD::zeros(vec![3, 2]).view_mut(),
            ),
            "MeanSquaredError: gradient has shape [3, 2], output [2, 3]",
        ),
    ];
    for (result, want) in cases {
        assert_eq!(say(result), want);
    }
}

/// Of labels and rows, losses one by one, several arrays, sequences and smoothing.
#[test]
fn refusals_of_other_kinds() {
    let y = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn();
    let ones = |shape: &[usize]| ArrayD::<f64>::ones(IxDyn(shape));
    let ignoring = SoftmaxCrossEntropy { ignore_index: Some(1), ..Default::default() };
    let margin = MultiMargin { margin: f64::NAN, ..Default::default() };
    let mut two = ones(&[2]);
    let one_by_one = |losses: &mut ArrayD<f64>, upstream: &ArrayD<f64>| {
        let mut dy = ones(&[2, 3]);
        let back = Some((upstream.view(), dy.view_mut()));
        let target = Target::from(&[0, 1]);
        SoftmaxCrossEntropy::default().each(y.view(), target, losses.view_mut(), back).map(|()| 0.0)
    };
    let triplet = |loss: TripletMargin, shapes: [&[usize]; 3], target: Option<&ArrayD<f64>>| {
        let inputs = shapes.map(ones);
        let target = target.map(|target| target.view());
        loss.evaluate(inputs.each_ref().map(|x| x.view()), target, [None, None, None])
    };
    let pair = |loss: &dyn JointLoss<f64, 2>, target: Option<f64>, grad: &[usize]| {
        let (inputs, mut grad) = ([ones(&[2, 3]), ones(&[2, 3])], ones(grad));
        let target = target.map(|t| ones(&[2]) * t);
        let target = target.as_ref().map(|target| target.view());
        let grads = [Some(grad.view_mut()), None];
        loss.evaluate(inputs.each_ref().map(|x| x.view()), target, grads)
    };
    let plain = TripletMargin::default;
    let ctc = |x: &[usize], frames: &[usize], labels: &[&[usize]], dx: &[usize]| {
        let dx = &mut ones(dx);
        Ctc::default().evaluate(ones(x).view(), frames, labels, Some(dx.view_mut()))
    };
    let e: &[usize] = &[];
    let (two_by_three, x): (&[usize], &[usize]) = (&[2, 3], &[2, 5, 3]);
    let cases = [
        (
            ignoring.value(y.view(), &[1, 1]),
            "SoftmaxCrossEntropy: every label is ignored or has weight 0: the mean loss of nothing \
             is undefined",
        ),
        (
            Nll::default().value(y.view(), &[0, 1, 2]),
            "Nll: labels has shape [3], rows of scores [2]",
        ),
        (
            MultiMargin::default().value(y.view(), &y),
            "MultiMargin: the targets are values, it needs labels",
        ),
        (margin.value(y.view(), &[0, 1]), "MultiMargin: margin is NaN, must be finite"),
        (
            HingeEmbedding { margin: f64::INFINITY, ..Default::default() }.value(y.view(), &y),
            "HingeEmbedding: margin is inf, must be finite",
        ),
        (
            PolyCrossEntropy { epsilon: f64::NAN, ..Default::default() }.value(y.view(), &[0, 1]),
            "PolyCrossEntropy: epsilon is NaN, must be finite",
        ),
        (
            one_by_one(&mut ones(&[3]), &two),
            "SoftmaxCrossEntropy: losses has shape [3], expected [2]",
        ),
        (
            one_by_one(&mut two, &ones(&[2, 1])),
            "SoftmaxCrossEntropy: upstream gradient has shape [2, 1], losses [2]",
        ),
        (
            triplet(plain(), [two_by_three, two_by_three, &[2, 4]], None),
            "TripletMargin: input has shape [2, 4], first input [2, 3]",
        ),
        (
            triplet(plain(), [&[], &[], &[]], None),
            "TripletMargin: inputs are single numbers, it needs vectors",
        ),
        (
            triplet(plain(), [two_by_three; 3], Some(&ones(&[2]))),
            "TripletMargin: has no target, one was given",
        ),
        (
            triplet(TripletMargin { margin: 0.0, ..plain() }, [two_by_three; 3], None),
            "TripletMargin: margin is 0, must be finite and above 0",
        ),
        (
            triplet(TripletMargin { p: 0.5, ..plain() }, [two_by_three; 3], None),
            "TripletMargin: p is 0.5, must be finite and at least 1",
        ),
        (
            pair(&CosineEmbedding::default(), None, two_by_three),
            "CosineEmbedding: needs a target, none was given",
        ),
        (
            pair(&CosineEmbedding { margin: 2.0, ..Default::default() }, Some(1.0), two_by_three),
            "CosineEmbedding: margin is 2, must be in [-1, 1]",
        ),
        (
            pair(&CosineEmbedding::default(), Some(1.0), &[3]),
            "CosineEmbedding: gradient has shape [3], inputs [2, 3]",
        ),
        (
            pair(&MarginRanking { margin: f64::NAN, ..Default::default() }, None, two_by_three),
            "MarginRanking: margin is NaN, must be finite",
        ),
        (
            ctc(two_by_three, &[5, 5], &[e, e], x),
            "Ctc: logits have shape [2, 3], expected [n, time, classes]",
        ),
        (ctc(x, &[5; 3], &[e, e], x), "Ctc: frames has shape [3], sequences [2]"),
        (ctc(x, &[5; 2], &[e], x), "Ctc: labels has shape [1], sequences [2]"),
        (
            ctc(x, &[5; 2], &[e, e], &[2, 3, 5]),
            "Ctc: gradient has shape [2, 3, 5], logits [2, 5, 3]",
        ),
        (
            smooth_labels(ones(&[2, 0]).view(), 0.1).map(|_| 0.0),
            "smooth_labels: labels have shape [2, 0], expected [.., classes]",
        ),
        (
            smooth_labels(y.view(), 1.5).map(|_| 0.0),
            "smooth_labels: alpha is 1.5, must be in [0, 1]",
        ),
    ];
    for (result, want) in cases {
        assert_eq!(result.unwrap_err().to_string(), want);
    }
}
