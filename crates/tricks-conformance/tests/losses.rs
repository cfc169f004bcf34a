//! Laws that every loss obeys.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tricks_conformance::registry::{JOINT_LOSSES, JointForm, LOSSES, LossRow, Targets};
use tricks_net::losses::{Ctc, EachLoss, JointLoss, Target};
use tricks_tensor::ndarray::{ArrayD, ArrayViewD, Axis, Dimension as _, IxDyn, ShapeBuilder as _};
use tricks_tensor::{Float, Noise};

/// Small, since some losses bend at once; not smaller, or rounding shows.
const H: f64 = 4e-7;

/// Numbers in (low, high).
fn numbers(stream: u64, shape: &[usize], low: f64, high: f64) -> ArrayD<f64> {
    let mut draws = vec![0.0; shape.iter().product()];
    Noise::new(stream).fill_uniform(0, &mut draws);
    let data = draws.into_iter().map(|u| low + (high - low) * u).collect();
    ArrayD::from_shape_vec(IxDyn(shape), data).unwrap()
}

/// Shapes of three classes: rows, rows with more axes, one row, none but classes.
fn shape(case: u64) -> Vec<usize> {
    let size = |i| 1 + (Noise::new(case).word(i) % 4) as usize;
    match case % 3 {
        0 => vec![size(0) + 1, 3],
        1 => vec![size(0), 3, 3],
        _ => vec![size(0), 3, size(1), 3],
    }
}

/// A target to hold an output of a shape against.
struct Held {
    labels: Vec<usize>,
    values: ArrayD<f64>,
    with: Targets,
}

impl Held {
    fn new(case: u64, shape: &[usize], with: Targets) -> Self {
        let rows = shape.iter().product::<usize>() / shape.get(1).copied().unwrap_or(1).max(1);
        // Not only labels that are ignored.
        let labels = (0..rows).map(|i| (i + 1 + (case % 2) as usize) % 3).collect();
        let mut values = numbers(case ^ 0xabc, shape, 0.0, 1.0);
        if with == Targets::Signs {
            values.mapv_inplace(|u| if u < 0.5 { -1.0 } else { 1.0 });
        }
        let labels = if rows == 1 { vec![1] } else { labels };
        Self { labels, values, with }
    }

    fn target(&self) -> Target<'_, f64> {
        match self.with {
            Targets::Labels => (&self.labels).into(),
            Targets::Values | Targets::Signs => (&self.values).into(),
        }
    }
}

fn output(row: &LossRow, case: u64, shape: &[usize]) -> ArrayD<f64> {
    let (low, high) = if row.probabilities { (0.05, 0.95) } else { (-2.0, 2.0) };
    numbers(case, shape, low, high)
}

/// Calls `f` for every loss, form and kind of target, with the shape and numbers of a case.
fn every(case: u64, f: impl Fn(&LossRow, &dyn EachLoss<f64>, ArrayD<f64>, Held)) {
    for row in LOSSES.iter() {
        for form in row.forms {
            for &with in row.targets {
                let shape = shape(case);
                let held = Held::new(case, &shape, with);
                f(row, &*(form.1)(), output(row, case, &shape), held);
            }
        }
    }
}

/// The same for several cases.
fn all(f: impl Fn(&LossRow, &dyn EachLoss<f64>, ArrayD<f64>, Held)) {
    (0..9).for_each(|case| every(case, &f));
}

/// `analytic` against central differences of `value`, for every element of `x` that is not beside
/// a kink.
fn differences(
    name: &str,
    x: &ArrayD<f64>,
    analytic: &ArrayD<f64>,
    value: impl Fn(&ArrayD<f64>) -> f64,
) {
    for (i, analytic) in analytic.iter().enumerate() {
        let at = |d: f64| {
            let mut x = x.clone();
            *x.iter_mut().nth(i).unwrap() += d;
            value(&x)
        };
        let (up, down) = (at(H), at(-H));
        let measured = (up - down) / (2.0 * H);
        let scale = analytic.abs().max(measured.abs()).max(1.0);
        if (measured - analytic).abs() <= 1e-6 * scale {
            continue;
        }
        // At a kink there is no gradient: the slopes on its sides differ, by twice what the one
        // between them is off.
        let middle = at(0.0);
        let jump = ((up - middle) - (middle - down)).abs() / H;
        let kink = jump >= 1.9 * (measured - analytic).abs();
        assert!(kink, "{name}: element {i}: {analytic}, measured {measured}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(8)))]

    #[test]
    fn a_loss_has_the_gradient_of_its_value(case: u64) {
        every(case, |row, loss, y, held| {
            let mut dy = ArrayD::from_elem(y.raw_dim(), f64::NAN);
            let value = loss.evaluate(y.view(), held.target(), Some(dy.view_mut())).unwrap();
            let alone = loss.evaluate(y.view(), held.target(), None).unwrap();
            assert_eq!(value.to_bits(), alone.to_bits(), "{}", row.about.name);
            differences(row.about.name, &y, &dy, |y| {
                loss.evaluate(y.view(), held.target(), None).unwrap()
            });
        });
    }

    #[test]
    fn losses_one_by_one_have_their_gradient(case: u64) {
        every(case, |row, loss, y, held| one_by_one(row.about.name, loss, &y, &held));
    }

    #[test]
    fn joint_losses_have_their_gradients(case: u64) {
        joint_losses(case);
    }
}

#[test]
fn a_wrong_gradient_is_no_kink() {
    let x = numbers(1, &[4], 0.5, 2.0);
    let value = |x: &ArrayD<f64>| x.iter().map(|x| x * x * x + (x - 1.0).abs()).sum();
    let right = |x: f64| 3.0 * x * x + (x - 1.0).signum();
    differences("right", &x, &x.mapv(right), value);
    let wrong = std::panic::catch_unwind(|| {
        differences("wrong", &x, &x.mapv(|x| right(x) + 1e-5), value);
    });
    assert!(wrong.is_err());
    // Beside the kink any number between its slopes will do.
    let beside = ArrayD::from_elem(IxDyn(&[1]), 1.0 + 0.1 * H);
    differences("kink", &beside, &ArrayD::from_elem(IxDyn(&[1]), 3.0), value);
}

/// Losses one by one, and their gradient from one above.
fn each(
    loss: &dyn EachLoss<f64>,
    y: &ArrayD<f64>,
    held: &Held,
    upstream: &ArrayD<f64>,
) -> (ArrayD<f64>, ArrayD<f64>) {
    let mut losses = ArrayD::from_elem(upstream.raw_dim(), f64::NAN);
    let mut dy = ArrayD::from_elem(y.raw_dim(), f64::NAN);
    let back = Some((upstream.view(), dy.view_mut()));
    loss.each(y.view(), held.target(), losses.view_mut(), back).unwrap();
    (losses, dy)
}

fn one_by_one(name: &str, loss: &dyn EachLoss<f64>, y: &ArrayD<f64>, held: &Held) {
    let shape = loss.each_shape(y.shape());
    let upstream = numbers(77, shape.slice(), -1.0, 1.0);
    let (losses, dy) = each(loss, y, held, &upstream);
    differences(name, y, &dy, |y| (&each(loss, y, held, &upstream).0 * &upstream).sum());
    // Any reduction is a multiple of the sum, for value and gradient alike.
    let value = loss.evaluate(y.view(), held.target(), None).unwrap();
    let ones = ArrayD::ones(shape);
    let (_, of_sum) = each(loss, y, held, &ones);
    let mut dy = ArrayD::zeros(y.raw_dim());
    loss.evaluate(y.view(), held.target(), Some(dy.view_mut())).unwrap();
    let factor = value / losses.sum();
    for (dy, of_sum) in dy.iter().zip(&of_sum) {
        let off = (dy - factor * of_sum).abs();
        assert!(losses.sum().abs() < 1e-3 || off < 1e-9, "{name}");
    }
}

#[test]
fn layouts_change_nothing() {
    all(|row, loss, y, held| {
        let shape = loss.each_shape(y.shape());
        let upstream = numbers(78, shape.slice(), -1.0, 1.0);
        let (losses, dy) = each(loss, &y, &held, &upstream);
        // In Fortran order, and with rows that run backwards in memory.
        let fortran = |a: &ArrayD<f64>| {
            let mut copy = ArrayD::zeros(a.raw_dim().f());
            copy.assign(a);
            copy
        };
        let turned = |a: &ArrayD<f64>| {
            let mut copy = a.clone();
            copy.invert_axis(Axis(0));
            let mut copy = copy.as_standard_layout().into_owned();
            copy.invert_axis(Axis(0));
            copy
        };
        for change in [&fortran as &dyn Fn(&ArrayD<f64>) -> ArrayD<f64>, &turned] {
            let (mut to, mut back) = (change(&losses), change(&dy));
            to.fill(f64::NAN);
            back.fill(f64::NAN);
            let other = Held { values: change(&held.values), labels: held.labels.clone(), ..held };
            let upstream = change(&upstream);
            let lent = Some((upstream.view(), back.view_mut()));
            loss.each(change(&y).view(), other.target(), to.view_mut(), lent).unwrap();
            let bits = |a: &ArrayD<f64>| a.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!((bits(&to), bits(&back)), (bits(&losses), bits(&dy)), "{}", row.about.name);
            let a = loss.evaluate(y.view(), held.target(), None).unwrap();
            let b = loss.evaluate(change(&y).view(), other.target(), None).unwrap();
            assert_eq!(a.to_bits(), b.to_bits(), "{}", row.about.name);
        }
    });
}

#[test]
fn outputs_of_a_thousand_are_no_trouble() {
    all(|row, loss, y, held| {
        // e^1000 is what it is.
        if row.probabilities || row.about.name == "PoissonNll" {
            return;
        }
        let y = y.mapv(|y| if y > 1.0 { 1000.0 } else { (1000.0 * y).max(-1000.0) });
        let mut dy = ArrayD::zeros(y.raw_dim());
        let value = loss.evaluate(y.view(), held.target(), Some(dy.view_mut())).unwrap();
        let fine = value.is_finite() && dy.iter().all(|dy| dy.is_finite());
        assert!(fine, "{}: {value}, {dy}", row.about.name);
    });
}

#[test]
fn not_a_number_stays_or_is_refused() {
    all(|row, loss, mut y, held| {
        y.fill(f64::NAN);
        let value = loss.evaluate(y.view(), held.target(), None);
        assert!(value.is_err() || value.unwrap().is_nan(), "{}", row.about.name);
    });
}

#[test]
fn single_precision_is_close() {
    for row in LOSSES.iter() {
        for (form, &with) in row.forms.iter().zip(row.targets.iter().cycle()) {
            let (y, held) = (output(row, 3, &[4, 3]), Held::new(3, &[4, 3], with));
            let (y32, values) = (y.mapv(|x| x as f32), held.values.mapv(|x| x as f32));
            let target = match with {
                Targets::Labels => Target::from(&held.labels),
                _ => Target::from(&values),
            };
            let (mut dy, mut dy32) = (ArrayD::zeros(y.raw_dim()), ArrayD::zeros(y.raw_dim()));
            let a = (form.1)().evaluate(y.view(), held.target(), Some(dy.view_mut())).unwrap();
            let b = (form.0)().evaluate(y32.view(), target, Some(dy32.view_mut())).unwrap();
            let close = |a: f64, b: f64| (a - b).abs() <= 5e-5 * a.abs().max(1.0);
            let all = dy.iter().zip(&dy32).all(|(a, b)| close(*a, b.widen()));
            assert!(close(a, b) && all, "{}: {a}, {b}", row.about.name);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_written() {
    for row in LOSSES.iter() {
        let loss = (row.forms[0].1)();
        let name = row.about.name;
        let empty = ArrayD::<f64>::zeros(IxDyn(&[0, 3]));
        assert!(loss.evaluate(empty.view(), Target::from(&empty), None).is_err(), "{name}");
        let held = Held::new(2, &[2, 3], row.targets[0]);
        let y = output(row, 2, &[2, 3]);
        let mut dy = ArrayD::from_elem(IxDyn(&[3, 2]), 7.0);
        assert!(loss.evaluate(y.view(), held.target(), Some(dy.view_mut())).is_err(), "{name}");
        let mut losses = ArrayD::from_elem(loss.each_shape(y.shape()), 7.0);
        let ones = ArrayD::ones(losses.raw_dim());
        let back = Some((ones.view(), dy.view_mut()));
        assert!(loss.each(y.view(), held.target(), losses.view_mut(), back).is_err(), "{name}");
        let (short, mut dy) = (ArrayD::ones(IxDyn(&[1])), ArrayD::from_elem(y.raw_dim(), 7.0));
        let back = Some((short.view(), dy.view_mut()));
        assert!(loss.each(y.view(), held.target(), losses.view_mut(), back).is_err(), "{name}");
        assert!(losses.iter().chain(&dy).all(|x| *x == 7.0), "{name}");
        // A target of another shape, and of another kind.
        let other = Held::new(2, &[3, 3], row.targets[0]);
        assert!(loss.evaluate(y.view(), other.target(), None).is_err(), "{name}");
        for with in [Targets::Labels, Targets::Values] {
            let fits = row.targets.contains(&with)
                || (with == Targets::Values && row.targets.contains(&Targets::Signs));
            let held = Held::new(2, &[2, 3], with);
            assert!(fits || loss.evaluate(y.view(), held.target(), None).is_err(), "{name}");
        }
    }
}

#[test]
fn bad_losses_are_refused_by_name() {
    for row in LOSSES.iter() {
        for (field, make, values) in row.refuses {
            for value in *values {
                let held = Held::new(2, &[2, 3], row.targets[0]);
                let y = output(row, 2, &[2, 3]);
                let refused = make(*value).evaluate(y.view(), held.target(), None);
                let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
                let name = row.about.name;
                assert!(message.contains(field), "{name}: {field} = {value}: {message:?}");
            }
        }
    }
}

/// Value and losses of a joint loss against central differences of all its inputs.
fn joint<const N: usize>(
    name: &str,
    loss: &dyn JointLoss<f64, N>,
    inputs: &[ArrayD<f64>; N],
    target: Option<&ArrayD<f64>>,
    each_shape: &[usize],
) {
    let target = target.map(|target| target.view());
    let views = |inputs: &[ArrayD<f64>; N]| -> [ArrayD<f64>; N] { inputs.clone() };
    let upstream = numbers(5, each_shape, -1.0, 1.0);
    let value = |inputs: &[ArrayD<f64>; N]| {
        let lent: [ArrayViewD<'_, f64>; N] = inputs.each_ref().map(|x| x.view());
        loss.evaluate(lent, target.clone(), [(); N].map(|()| None)).unwrap()
    };
    let weighed = |inputs: &[ArrayD<f64>; N]| {
        let lent: [ArrayViewD<'_, f64>; N] = inputs.each_ref().map(|x| x.view());
        let (mut losses, none) = (ArrayD::zeros(IxDyn(each_shape)), [(); N].map(|()| None));
        loss.each(lent, target.clone(), losses.view_mut(), upstream.view(), none).unwrap();
        (losses * &upstream).sum()
    };
    let mut grads = inputs.each_ref().map(|x| ArrayD::from_elem(x.raw_dim().f(), f64::NAN));
    let lent = inputs.each_ref().map(|x| x.view());
    let with = grads.each_mut().map(|grad| Some(grad.view_mut()));
    let found = loss.evaluate(lent.clone(), target.clone(), with).unwrap();
    assert_eq!(found.to_bits(), value(inputs).to_bits(), "{name}");
    for (i, grad) in grads.iter().enumerate() {
        differences(name, &inputs[i], grad, |x| {
            let mut moved = views(inputs);
            moved[i] = x.clone();
            value(&moved)
        });
    }
    let mut losses = ArrayD::zeros(IxDyn(each_shape));
    let with = grads.each_mut().map(|grad| Some(grad.view_mut()));
    loss.each(lent.clone(), target.clone(), losses.view_mut(), upstream.view(), with).unwrap();
    for (i, grad) in grads.iter().enumerate() {
        differences(name, &inputs[i], grad, |x| {
            let mut moved = views(inputs);
            moved[i] = x.clone();
            weighed(&moved)
        });
    }
    // Refusals.
    let none = || [(); N].map(|()| None);
    let other = if target.is_some() { None } else { Some(upstream.view()) };
    assert!(loss.evaluate(lent.clone(), other, none()).is_err(), "{name}: target or not");
    let mut odd = lent.clone();
    let single = ArrayD::zeros(IxDyn(&[1, 9]));
    odd[1] = single.view();
    assert!(loss.evaluate(odd, target.clone(), none()).is_err(), "{name}: shapes");
    let empty = ArrayD::<f64>::zeros(IxDyn(&[0, 3]));
    let of_nothing = [(); N].map(|()| empty.view());
    assert!(loss.evaluate(of_nothing, target, none()).is_err(), "{name}: nothing");
}

fn joint_losses(case: u64) {
    for row in JOINT_LOSSES {
        for form in row.forms {
            let shape = shape(case);
            let draw = |i: u64| numbers(case ^ (i << 32), &shape, -2.0, 2.0);
            let name = row.about.name;
            // Vectors lose their axis.
            let vectors = ["CosineEmbedding", "TripletMargin"].contains(&name);
            let each = &shape[..shape.len() - usize::from(vectors)];
            let signs = numbers(9, each, -1.0, 1.0).mapv(f64::signum);
            match form {
                JointForm::Pair(make) => {
                    joint(name, &*make(), &[draw(1), draw(2)], Some(&signs), each);
                }
                JointForm::Variances(make) => {
                    let variances = draw(2).mapv(|x| 0.1 + x.abs());
                    joint(name, &*make(), &[draw(1), variances], Some(&draw(3)), each);
                }
                JointForm::Triplet(make) => {
                    joint(name, &*make(), &[draw(1), draw(2), draw(3)], None, each);
                }
            }
        }
    }
}

/// Every path of classes, written out.
fn spelled(logits: &ArrayD<f64>, frames: usize, labels: &[usize], blank: usize) -> f64 {
    let classes = logits.shape()[1];
    let p: Vec<Vec<f64>> = (0..frames)
        .map(|t| {
            let e: Vec<f64> = (0..classes).map(|k| logits[[t, k]].exp()).collect();
            let sum: f64 = e.iter().sum();
            e.into_iter().map(|e| e / sum).collect()
        })
        .collect();
    let mut total = 0.0;
    for code in 0..classes.pow(frames as u32) {
        let path: Vec<usize> =
            (0..frames).map(|t| code / classes.pow(t as u32) % classes).collect();
        let mut word = path.clone();
        word.dedup();
        word.retain(|k| *k != blank);
        if word == labels {
            total += path.iter().enumerate().map(|(t, k)| p[t][*k]).product::<f64>();
        }
    }
    -total.ln()
}

#[test]
fn ctc_is_the_sum_over_all_paths() {
    let (frames, labels): ([usize; 4], [&[usize]; 4]) =
        ([5, 4, 3, 5], [&[0, 2], &[0, 0], &[], &[2, 0, 2]]);
    let x = numbers(1, &[4, 5, 3], -2.0, 2.0);
    let ctc = Ctc { blank: 1, ..Ctc::default() };
    let mut losses = ArrayD::zeros(IxDyn(&[4]));
    let mut dx = ArrayD::from_elem(x.raw_dim().f(), f64::NAN);
    let upstream = numbers(2, &[4], -1.0, 1.0);
    let back = Some((upstream.view(), dx.view_mut()));
    ctc.each(x.view(), &frames, &labels, losses.view_mut(), back).unwrap();
    for i in 0..4 {
        let want = spelled(&x.index_axis(Axis(0), i).to_owned(), frames[i], labels[i], 1);
        assert!((losses[[i]] - want).abs() < 1e-12, "{i}: {}, {want}", losses[[i]]);
    }
    differences("Ctc", &x, &dx, |x| {
        ctc.each(x.view(), &frames, &labels, losses.clone().view_mut(), None).unwrap();
        let mut losses = ArrayD::zeros(IxDyn(&[4]));
        ctc.each(x.view(), &frames, &labels, losses.view_mut(), None).unwrap();
        (losses * &upstream).sum()
    });
    // The mean, logits of a thousand, and sequences of nothing.
    let mean = ctc.evaluate(x.view(), &frames, &labels, Some(dx.view_mut())).unwrap();
    assert!((mean - losses.sum() / 4.0).abs() < 1e-12);
    differences("Ctc", &x, &dx, |x| ctc.evaluate(x.view(), &frames, &labels, None).unwrap());
    let x = x * 1000.0;
    let value = ctc.evaluate(x.view(), &frames, &labels, Some(dx.view_mut())).unwrap();
    assert!(value.is_finite() && dx.iter().all(|dx| dx.is_finite()));
    let nothing = ctc.evaluate(x.view(), &[0; 4], &[&[], &[], &[], &[]], Some(dx.view_mut()));
    assert_eq!((nothing.unwrap(), dx.sum()), (0.0, 0.0));

    let refused = |frames: &[usize], labels: &[&[usize]]| {
        ctc.evaluate(x.view(), frames, labels, None).unwrap_err().to_string()
    };
    let e: &[usize] = &[];
    for (frames, labels, want) in [
        ([5, 5, 5, 6], [e; 4], "sequence 3 has 6 frames, logits 5"),
        ([5; 4], [e, &[1], e, e], "sequence 1 has label 1, must be below 3 and not the blank"),
        ([5; 4], [e, e, &[3], e], "sequence 2 has label 3, must be below 3 and not the blank"),
        ([2; 4], [e, e, &[0, 0], e], "sequence 2 has 2 frames, its labels need 3"),
    ] {
        assert_eq!(refused(&frames, &labels), format!("Ctc: {want}"));
    }
    assert!(refused(&[5; 3], &[e; 4]).contains("frames"));
    let blank = Ctc { blank: 3, ..ctc }.evaluate(x.view(), &[5; 4], &[e; 4], None).unwrap_err();
    assert_eq!(blank.to_string(), "Ctc: blank is 3 of 3 classes");
}
