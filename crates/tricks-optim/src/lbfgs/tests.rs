use super::*;
use tricks_tensor::ndarray::{arr1, arr2};
use tricks_tensor::{Dict, ParamKind, ParamMut, Path, Place, RowGrad, StateDict};

type Slices<'a, F> = [(&'a str, &'a mut [F], &'a mut [F]); 1];

/// Σ (1 − xᵢ)² + 100 (xᵢ₊₁ − xᵢ²)²
fn rosenbrock<F: Float>(params: &mut Slices<'_, F>) -> Result<f64> {
    let [(_, x, g)] = params;
    let (mut loss, mut grad) = (0.0, vec![0.0; x.len()]);
    for i in 1..x.len() {
        let (a, b) = (x[i - 1].widen(), x[i].widen());
        let (along, across) = (1.0 - a, b - a * a);
        loss += along * along + 100.0 * across * across;
        grad[i - 1] += -2.0 * along - 400.0 * a * across;
        grad[i] += 200.0 * across;
    }
    g.iter_mut().zip(grad).for_each(|(g, grad)| *g = F::of(grad));
    Ok(loss)
}

/// x²
fn square(params: &mut Slices<'_, f64>) -> Result<f64> {
    let [(_, x, g)] = params;
    g[0] = 2.0 * x[0];
    Ok(x[0] * x[0])
}

fn bits<F: Float>(x: &[F]) -> Vec<u64> {
    x.iter().map(|x| x.widen().to_bits()).collect()
}

#[test]
fn fixed_steps_by_hand() {
    let (mut x, mut g) = ([1.0], [0.0]);
    let mut params = [("x", &mut x[..], &mut g[..])];
    let mut lbfgs = Lbfgs::bind(&mut params).unwrap();
    lbfgs.max_iter = 1;
    // d = −2, t = ½ min(1, 1/2).
    let step = lbfgs.step(0.5, &mut params, square).unwrap();
    assert_eq!(params[0].1[0], 0.5);
    let stop = LbfgsStop::Iterations;
    assert_eq!(step, LbfgsStep { loss: 1.0, evaluations: 1, iterations: 1, stop });
    // s = −½, y = −1: H = ½ is exact, and half the way is gone each time.
    for want in [0.25, 0.125] {
        lbfgs.step(0.5, &mut params, square).unwrap();
        assert_eq!(params[0].1[0], want);
    }
    // The whole way, and an evaluation where it ends.
    lbfgs.max_iter = 20;
    let step = lbfgs.step(1.0, &mut params, square).unwrap();
    assert_eq!((params[0].1[0], step.stop, step.evaluations), (0.0, LbfgsStop::Gradient, 2));
    assert_eq!((lbfgs.iterations(), lbfgs.evaluations()), (4, 5));
}

#[test]
fn every_reason_to_stop() {
    let run = |x: f64, lr: f64, set: fn(&mut Lbfgs<f64>)| {
        let (mut x, mut g) = ([x], [0.0]);
        let mut params = [("x", &mut x[..], &mut g[..])];
        let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
        set(&mut lbfgs);
        lbfgs.step(lr, &mut params, square).unwrap()
    };
    assert_eq!(run(1e-8, 1.0, |_| ()).stop, LbfgsStop::Gradient);
    assert_eq!(run(1e-8, 1.0, |_| ()).iterations, 0);
    assert_eq!(run(1e-6, 1.0, |_| ()).stop, LbfgsStop::Slope);
    assert_eq!(run(1.0, 0.1, |lbfgs| lbfgs.max_iter = 1).stop, LbfgsStop::Iterations);
    assert_eq!(run(1.0, 0.1, |lbfgs| lbfgs.max_eval = Some(2)).stop, LbfgsStop::Evaluations);
    assert_eq!(run(1.0, 0.1, |lbfgs| lbfgs.tolerance_change = 0.9).stop, LbfgsStop::Move);
    assert_eq!(run(0.02, 0.4, |lbfgs| lbfgs.tolerance_change = 1e-3).stop, LbfgsStop::Loss);
    // Nowhere to go with a rate of 0.
    let step = run(1.0, 0.0, |_| ());
    assert_eq!((step.stop, step.evaluations), (LbfgsStop::Move, 1));
}

#[test]
fn rosenbrock_in_few_evaluations() {
    for (start, most) in [(vec![-1.2, 1.0], 50), (vec![-1.2, 1.0, -0.5, 2.0, 0.3, -1.0], 120)] {
        let (mut x, mut g) = (start.clone(), vec![0.0; start.len()]);
        let mut params = [("x", &mut x[..], &mut g[..])];
        let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
        (lbfgs.max_iter, lbfgs.max_eval) = (200, Some(400));
        lbfgs.tolerance_change = 1e-14;
        let step = lbfgs.step(1.0, &mut params, rosenbrock).unwrap();
        assert!(step.evaluations <= most, "{step:?}");
        assert!(x.iter().all(|x: &f64| (x - 1.0).abs() < 1e-5), "{step:?} {x:?}");
    }
}

#[test]
fn f32_goes_where_f64_goes() {
    let start = [-0.5f32, 0.5, 0.25];
    let (mut x, mut g) = (start, [0.0f32; 3]);
    let (mut wide, mut wide_g) = (start.map(f64::from), [0.0f64; 3]);
    let mut narrow = [("x", &mut x[..], &mut g[..])];
    let mut params = [("x", &mut wide[..], &mut wide_g[..])];
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    let mut single = Lbfgs::strong_wolfe(&mut narrow).unwrap();
    for (tolerance, max_iter) in [(1e-4, 3), (1e-3, 40)] {
        (lbfgs.max_iter, single.max_iter) = (max_iter, max_iter);
        let a = lbfgs.step(1.0, &mut params, rosenbrock).unwrap();
        let b = single.step(1.0, &mut narrow, rosenbrock).unwrap();
        assert!((a.loss - b.loss).abs() < 1e-3, "{a:?} {b:?}");
        for (a, b) in params[0].1.iter().zip(&*narrow[0].1) {
            assert!((a - f64::from(*b)).abs() < tolerance, "{a} {b}");
        }
    }
    assert!((params[0].1[0] - 1.0).abs() < 1e-5, "{:?}", params[0].1);
}

#[test]
fn the_search_turns_back_where_the_loss_is_not_finite() {
    // x − ln x, and NaN below 0: the first try goes to −8, lowest at 1.
    let barrier = |params: &mut Slices<'_, f64>| {
        let [(_, x, g)] = params;
        g[0] = 1.0 - 1.0 / x[0];
        Ok(x[0] - x[0].ln())
    };
    let (mut x, mut g) = ([3.0], [0.0]);
    let mut params = [("x", &mut x[..], &mut g[..])];
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    let step = lbfgs.step(16.0, &mut params, barrier).unwrap();
    assert!((params[0].1[0] - 1.0).abs() < 1e-3, "{step:?} {:?}", params[0].1);
    // Without a search there is no way back but the start.
    let mut fixed = Lbfgs::bind(&mut params).unwrap();
    params[0].1[0] = 3.0;
    let error = fixed.step(16.0, &mut params, barrier).unwrap_err();
    assert_eq!(error.to_string(), "Lbfgs: the loss is NaN at evaluation 2");
    assert_eq!((params[0].1[0], fixed.iterations()), (3.0, 0));
}

#[test]
fn a_move_out_of_the_numbers_is_too_long() {
    // −x has no lowest point.
    let endless = |params: &mut Slices<'_, f32>| {
        let [(_, x, g)] = params;
        assert!(x[0].is_finite());
        g[0] = -1.0;
        Ok(f64::from(-x[0]))
    };
    let (mut x, mut g) = ([1e38f32], [0.0]);
    let mut params = [("x", &mut x[..], &mut g[..])];
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    lbfgs.step(1e38, &mut params, endless).unwrap();
    assert!(params[0].1[0] >= 1e38 && params[0].1[0].is_finite());
    let mut fixed = Lbfgs::bind(&mut params).unwrap();
    params[0].1[0] = 3e38;
    let error = fixed.step(1e38, &mut params, endless).unwrap_err().to_string();
    assert!(error.ends_with("takes the parameters to infinity"), "{error}");
    assert_eq!(params[0].1[0], 3e38);
}

#[test]
fn a_direction_that_overflows_is_replaced() {
    let (mut x, mut g) = ([0.5f64, 0.5], [0.0; 2]);
    let mut params = [("x", &mut x[..], &mut g[..])];
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    // A pair with so little curvature that H g is beyond all numbers.
    lbfgs.memory.iterations = 1;
    lbfgs.memory.history.push(Pair::new(vec![1e155, 0.0], vec![1e-153, 0.0]).unwrap(), 5);
    lbfgs.max_iter = 100;
    lbfgs.step(1.0, &mut params, rosenbrock).unwrap();
    assert!((x[0] - 1.0).abs() < 1e-4 && (x[1] - 1.0).abs() < 1e-4, "{x:?}");
}

/// What a refused step must leave as it was.
fn refused(
    lbfgs: &mut Lbfgs<f64>,
    x: &[f64],
    lr: f64,
    loss: impl FnMut(&mut Slices<'_, f64>) -> Result<f64>,
) -> String {
    let (mut value, mut g) = (x.to_vec(), vec![0.0; x.len()]);
    let before = lbfgs.state();
    let error = {
        let mut params = [("x", &mut value[..], &mut g[..])];
        lbfgs.step(lr, &mut params, loss).unwrap_err().to_string()
    };
    assert_eq!(bits(&value), bits(x), "{error}");
    assert_eq!(lbfgs.state(), before, "{error}");
    error
}

/// After a step, so that there is a memory.
fn used() -> (Lbfgs<f64>, Vec<f64>) {
    let (mut x, mut g) = (vec![-1.2, 1.0], [0.0; 2]);
    let mut params = [("x", &mut x[..], &mut g[..])];
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    (lbfgs.max_iter, lbfgs.max_eval) = (5, Some(50));
    lbfgs.step(1.0, &mut params, rosenbrock).unwrap();
    assert_eq!(lbfgs.state().count("pairs").unwrap(), 4);
    (lbfgs, x)
}

#[test]
fn a_refused_step_changes_nothing() {
    let (mut lbfgs, x) = used();
    // The loss fails at its first, second, ... evaluation.
    for fails_at in 1..=5 {
        let mut calls = 0;
        let error = refused(&mut lbfgs, &x, 1.0, |params| {
            calls += 1;
            if calls == fails_at {
                return Err(Error::invalid("data", "ran out"));
            }
            rosenbrock(params)
        });
        assert_eq!((error.as_str(), calls), ("data: ran out", fails_at));
    }
    let error = refused(&mut lbfgs, &x, 1.0, |_| Ok(f64::NAN));
    assert_eq!(error, "Lbfgs: the loss is NaN at evaluation 1");
    let error = refused(&mut lbfgs, &x, 1.0, |params| {
        rosenbrock(params)?;
        params[0].2[1] = f64::INFINITY;
        Ok(1.0)
    });
    assert_eq!(error, "x: gradient is inf at flat index 1");
    let error = refused(&mut lbfgs, &x, 1.0, |params| {
        params[0].2.fill(1e200);
        Ok(1.0)
    });
    assert_eq!(error, "Lbfgs: the squares of the gradients sum to inf");
    let error = refused(&mut lbfgs, &[1.0, f64::NAN], 1.0, rosenbrock);
    assert_eq!(error, "x: parameter is NaN at flat index 1");
}

#[test]
fn hyper_parameters_out_of_range_are_named() {
    let (mut lbfgs, x) = used();
    for lr in [-1.0, f64::NAN, f64::INFINITY] {
        let error = refused(&mut lbfgs, &x, lr, rosenbrock);
        assert_eq!(error, format!("Lbfgs: lr is {lr}, must be finite and at least 0"));
    }
    type Set = fn(&mut Lbfgs<f64>);
    let cases: [(Set, &str); 6] = [
        (|l| l.max_iter = 0, "Lbfgs: max_iter is 0, must be at least 1"),
        (|l| l.max_eval = Some(0), "Lbfgs: max_eval is 0, must be at least 1"),
        (|l| l.history_size = 0, "Lbfgs: history_size is 0, must be at least 1"),
        (|l| l.tolerance_grad = -1.0, "Lbfgs: tolerance_grad is -1, must be finite and at least 0"),
        (
            |l| l.tolerance_change = f64::NAN,
            "Lbfgs: tolerance_change is NaN, must be finite and at least 0",
        ),
        (
            |l| l.tolerance_grad = f64::INFINITY,
            "Lbfgs: tolerance_grad is inf, must be finite and at least 0",
        ),
    ];
    for (set, want) in cases {
        let mut lbfgs = lbfgs.clone();
        set(&mut lbfgs);
        assert_eq!(refused(&mut lbfgs, &x, 1.0, rosenbrock), want);
    }
    let (mut x, mut g) = ([1.0f32], [0.0]);
    let mut params = [("x", &mut x[..], &mut g[..])];
    let mut single = Lbfgs::bind(&mut params).unwrap();
    let error = single.step(1e300, &mut params, |_| Ok(0.0)).unwrap_err().to_string();
    assert!(error.ends_with("must be finite as f32"), "{error}");
}

#[test]
fn other_parameters_are_refused() {
    let (mut lbfgs, x) = used();
    let (mut value, mut g) = (x.clone(), vec![0.0; 2]);
    let mut renamed = [("w", &mut value[..], &mut g[..])];
    let error = lbfgs.step(1.0, &mut renamed, rosenbrock).unwrap_err();
    assert_eq!(error.to_string(), "parameter 0: found w, expected x");
    let (mut long, mut g) = ([1.0; 3], [0.0; 3]);
    let error = lbfgs.step(1.0, &mut [("x", &mut long[..], &mut g[..])], rosenbrock).unwrap_err();
    assert_eq!(error.to_string(), "x: parameter has shape [3], bound with [2]");
    // Nor may the loss rename them.
    let before = lbfgs.state();
    let mut params = [("x", &mut value[..], &mut g[..2])];
    let error = lbfgs.step(1.0, &mut params, |params| {
        params[0].0 = "w";
        rosenbrock(params)
    });
    assert_eq!(error.unwrap_err().to_string(), "parameter 0: found w, expected x");
    assert_eq!(lbfgs.state(), before);
}

/// A matrix, a running statistic, and a bias that a loss may not reach.
fn dict() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert("w", arr2(&[[1.0, -2.0], [0.5, 3.0]]));
    params.insert_as("mean", ParamKind::Buffer, arr1(&[7.0]));
    params.insert("b", arr1(&[4.0]));
    params
}

/// Σ w², and the buffer counts.
fn squares(params: &mut Dict<f64>) -> Result<f64> {
    let grad = params["w"].mapv(|w| 2.0 * w);
    params.set_grad("w", grad.view())?;
    if let Some(mut mean) = params.get_mut("mean") {
        mean += 1.0;
    }
    Ok(params["w"].mapv(|w| w * w).sum())
}

#[test]
fn an_absent_gradient_is_zero_and_buffers_belong_to_the_loss() {
    let mut params = dict();
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    let step = lbfgs.step(1.0, &mut params, squares).unwrap();
    assert_eq!(step.stop, LbfgsStop::Gradient, "{step:?}");
    assert!(params["w"].iter().all(|w| w.abs() < 1e-7), "{:?}", params["w"]);
    assert_eq!(params["b"][[0]], 4.0);
    assert_eq!(params["mean"][[0]], 7.0 + step.evaluations as f64);
    let names: Vec<String> = lbfgs.state().iter().map(|(name, _)| name.to_string()).collect();
    assert!(names.iter().all(|name| !name.starts_with("mean")), "{names:?}");
}

/// A table whose gradient is row-sparse.
struct Table(Vec<f64>, RowGrad<f64>);

impl Parameters<f64> for Table {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        let place = Place { path: &at.name("table"), kind: ParamKind::Embedding, shape: &[2, 1] };
        f(place, ParamMut { value: &mut self.0, grad: self.1.lend() });
    }
}

#[test]
fn a_row_sparse_gradient_is_refused_by_name() {
    let mut table = Table(vec![1.0, 2.0], RowGrad::new(1));
    let mut lbfgs = Lbfgs::strong_wolfe(&mut table).unwrap();
    let error = lbfgs.step(1.0, &mut table, |table| {
        table.1.add(1, &[4.0]);
        Ok(table.0[1] * table.0[1])
    });
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "Lbfgs: table: the gradient is row-sparse, all numbers are needed");
    assert_eq!(table.0, [1.0, 2.0]);
}

#[test]
fn no_parameters_are_at_rest() {
    let mut params = Dict::<f64>::new();
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    let step = lbfgs.step(1.0, &mut params, |_| Ok(1.0)).unwrap();
    assert_eq!((step.loss, step.stop), (1.0, LbfgsStop::Gradient));
}

#[test]
fn a_state_is_refused_with_everything_that_is_wrong() {
    let (mut lbfgs, _) = used();
    let good = lbfgs.state();
    let refused = |lbfgs: &mut Lbfgs<f64>, change: &dyn Fn(&mut StateDict)| {
        let mut state = good.clone();
        change(&mut state);
        let error = lbfgs.load_state(&state).unwrap_err().to_string();
        assert_eq!(lbfgs.state(), good, "{error}");
        error
    };
    let error = refused(&mut lbfgs, &|state| {
        *state = StateDict::new();
        state.insert("w/s", &[1], &[0.0]);
    });
    for problem in [
        "iterations is missing",
        "evaluations is missing",
        "pairs is missing",
        "x/moved is missing, expected f64 [2]",
        "x/grad is missing, expected f64 [2]",
        "x/s is missing",
        "x/y is missing",
        "w/s is unexpected",
    ] {
        assert!(error.contains(problem), "{error}");
    }
    let error = refused(&mut lbfgs, &|state| state.insert_count("pairs", u64::MAX));
    assert!(error.contains("pairs is 18446744073709551615, more than any memory holds"), "{error}");
    let error = refused(&mut lbfgs, &|state| state.insert_count("pairs", 3));
    assert!(error.contains("x/s is f64 [4, 2], expected f64 [3, 2]"), "{error}");
    let error = refused(&mut lbfgs, &|state| state.insert("x/grad", &[2], &[0.0, f64::NAN]));
    assert_eq!(error, "state does not fit: x/grad is NaN at flat index 1");
    let error = refused(&mut lbfgs, &|state| {
        let s = state.get::<f64>("x/s", &[4, 2]).unwrap().to_vec();
        let back: Vec<f64> = s.iter().map(|s| -s).collect();
        state.insert("x/s", &[4, 2], &[&s[..4], &back[4..]].concat());
    });
    assert_eq!(error, "state does not fit: pair 2 of 4 has no positive curvature");
    lbfgs.load_state(&good).unwrap();
    assert_eq!(lbfgs.state(), good);
}
