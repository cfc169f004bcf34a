//! Laws that hold for every penalty, and what `penalize` touches.
#![allow(clippy::unwrap_used)] // in helpers of tests

use proptest::prelude::*;
use tricks_regularize::{
    ElasticNet, Gram, GroupLasso, L1, L2, Orthogonal, Penalty, Proximal, penalize, penalize_where,
    proximal_step, proximal_step_where,
};
use tricks_tensor::ndarray::{arr1, arr2};
use tricks_tensor::{Dict, Float, Grad, Noise, ParamKind, ParamMut, Parameters, Path, Place};

fn all<F: Float>(lambda: f64) -> [Box<dyn Penalty<F>>; 3] {
    let net = ElasticNet { l1: lambda, l2: 0.5 * lambda };
    [Box::new(L1 { lambda }), Box::new(L2 { lambda }), Box::new(net)]
}

proptest! {
    #[test]
    fn gradients_are_derivatives(len in 1usize..60, lambda in 0.0..2.0, seed: u64) {
        let mut w = vec![0.0; len];
        Noise::new(seed).fill_uniform(0, &mut w);
        // Away from the kink at 0.
        w.iter_mut().for_each(|w| *w = 4.0 * *w - 2.0 + (*w - 0.5).signum() * 1e-3);
        for penalty in all::<f64>(lambda) {
            let mut grad = vec![1.0; len];
            penalty.add_grad(&w, &[len], &mut grad);
            for i in 0..len {
                let mut value_at = |d| {
                    let kept = w[i];
                    w[i] += d;
                    let value = penalty.value(&w, &[len]);
                    w[i] = kept;
                    value
                };
                let measured = (value_at(1e-5) - value_at(-1e-5)) / 2e-5;
                prop_assert!((grad[i] - 1.0 - measured).abs() < 1e-6, "{} {}", grad[i], measured);
            }
        }
    }

    #[test]
    fn threads_and_precision_do_not_matter(len in 0usize..200_000, seed: u64) {
        let mut w = vec![0.0; len];
        Noise::new(seed).fill_uniform(0, &mut w);
        let narrow: Vec<_> = w.iter().map(|w| (w - 0.5) as f32).collect();
        let wide: Vec<_> = narrow.iter().copied().map(f64::from).collect();
        for (a, b) in all::<f32>(0.5).iter().zip(all::<f64>(0.5)) {
            prop_assert_eq!(a.value(&narrow, &[len]), b.value(&wide, &[len]));
            let run = || {
                let mut grad = vec![0.25; len];
                a.add_grad(&narrow, &[len], &mut grad);
                (a.value(&narrow, &[len]).to_bits(), grad)
            };
            let in_pool = |n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(run);
            prop_assert!(in_pool(1) == in_pool(3));
        }
    }
}

fn params() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert("w", arr2(&[[1.0, -2.0], [0.0, 2.0]]));
    params.insert("frozen", arr1(&[100.0]));
    params.insert_as("b", ParamKind::Bias, arr1(&[3.0]));
    params.insert_as("gamma", ParamKind::Scale, arr1(&[5.0]));
    for name in ["w", "b", "gamma"] {
        let grad = params[name].mapv(|_| 1.0);
        params.set_grad(name, grad.view()).unwrap();
    }
    params
}

#[test]
fn weights_only_unless_chosen_otherwise() {
    let mut some = params();
    assert_eq!(penalize(&L1 { lambda: 0.5 }, &mut some).unwrap(), 2.5);
    assert_eq!(some.grad("w").unwrap(), &arr2(&[[1.5, 0.5], [1.0, 1.5]]).into_dyn());
    assert_eq!(some.grad("b").unwrap()[[0]], 1.0);
    assert_eq!(some.grad("gamma").unwrap()[[0]], 1.0);
    assert!(some.grad("frozen").is_none());

    let mut every = params();
    let l2 = L2 { lambda: 2.0 };
    assert_eq!(penalize_where(&l2, &mut every, |_| true).unwrap(), 9.0 + 9.0 + 25.0);
    assert_eq!(every.grad("gamma").unwrap()[[0]], 11.0);
}

#[test]
fn bad_strengths_and_lengths_change_nothing() {
    for lambda in [-0.1, f64::NAN, f64::INFINITY] {
        for penalty in all::<f64>(lambda) {
            let mut some = params();
            penalize(&*penalty, &mut some).unwrap_err();
            assert_eq!(some.grad("w"), params().grad("w"));
        }
    }
    let refused = penalize(&L1 { lambda: -0.1 }, &mut params()).unwrap_err().to_string();
    assert_eq!(refused, "L1: lambda is -0.1, must be finite and at least 0");
    let net = ElasticNet { l1: 0.0, l2: f64::NAN };
    let refused = penalize(&net, &mut params()).unwrap_err().to_string();
    assert_eq!(refused, "ElasticNet: l2 is NaN, must be finite and at least 0");

    let (mut a, mut da, mut b, mut db) = ([1.0], [0.0], [1.0, 2.0], [0.0]);
    let mut uneven = [("a", &mut a[..], &mut da[..]), ("b", &mut b[..], &mut db[..])];
    let refused = penalize(&L2::default(), &mut uneven).unwrap_err().to_string();
    assert_eq!(refused, "b: gradient has shape [1], shape [2]");
    assert_eq!(da, [0.0], "checked before anything is changed");
}

/// A proximal map gives the minimum of ‖x − w‖²/2 + step R(x): no point near it is lower.
#[test]
fn proximal_maps_are_minima() {
    let (shape, step) = ([3, 4], 0.3);
    let mut w = [0.0; 12];
    Noise::new(2).fill_uniform(0, &mut w);
    w.iter_mut().for_each(|w| *w = 2.0 * *w - 1.0);
    w[4..8].iter_mut().for_each(|w| *w /= 10.0);
    let penalties: [Box<dyn Proximal<f64>>; 5] = [
        Box::new(L1 { lambda: 0.9 }),
        Box::new(L2 { lambda: 0.9 }),
        Box::new(ElasticNet { l1: 0.9, l2: 0.4 }),
        Box::new(GroupLasso { lambda: 0.9, dim: 0 }),
        Box::new(GroupLasso { lambda: 0.9, dim: 1 }),
    ];
    for (i, penalty) in penalties.iter().enumerate() {
        let mut x = w;
        penalty.shrink(step, &mut x, &shape);
        let cost = |x: &[f64; 12]| {
            let distance: f64 = x.iter().zip(w).map(|(x, w)| (x - w) * (x - w)).sum();
            distance / 2.0 + step * penalty.value(x, &shape)
        };
        let least = cost(&x);
        for nudge in 0..200u64 {
            let mut near = x;
            for (k, near) in (0..).zip(&mut near) {
                *near += 1e-3 * (Noise::new(nudge).uniform(k) - 0.5);
            }
            assert!(cost(&near) > least, "penalty {i}, nudge {nudge}");
        }
        assert_eq!(i != 1 && i != 4, x[4..8].contains(&0.0), "penalty {i}: {x:?}");
        // No step, no change.
        let mut still = w;
        penalty.shrink(0.0, &mut still, &shape);
        assert_eq!(still, w);
    }
    let mut nan = [f64::NAN];
    L1 { lambda: 9.0 }.shrink(1.0, &mut nan, &[1]);
    assert!(nan[0].is_nan(), "a NaN is not hidden");
}

#[test]
fn a_proximal_step_moves_weights_only_unless_chosen_otherwise() {
    let mut some = params();
    proximal_step(&L1 { lambda: 10.0 }, 0.1, &mut some).unwrap();
    assert_eq!(some["w"], arr2(&[[0.0, -1.0], [0.0, 1.0]]).into_dyn());
    assert_eq!((some["b"][[0]], some["gamma"][[0]], some["frozen"][[0]]), (3.0, 5.0, 100.0));
    proximal_step_where(&L1 { lambda: 10.0 }, 0.1, &mut some, |at| at.kind == ParamKind::Bias)
        .unwrap();
    assert_eq!((some["b"][[0]], some["gamma"][[0]]), (2.0, 5.0));
    for lr in [-0.1, f64::NAN, f64::INFINITY] {
        let refused = proximal_step(&L1 { lambda: 10.0 }, lr, &mut some).unwrap_err().to_string();
        assert_eq!(refused, format!("proximal_step: lr is {lr}, must be finite and at least 0"));
    }
    proximal_step(&L1 { lambda: -1.0 }, 0.1, &mut some).unwrap_err();
    assert_eq!(some["w"], arr2(&[[0.0, -1.0], [0.0, 1.0]]).into_dyn());
}

/// Shapes a penalty cannot read are refused by name, before anything is changed.
#[test]
fn shapes_that_mean_nothing_are_refused() {
    let mut vector = Dict::<f64>::new();
    vector.insert("first", arr2(&[[1.0, 2.0]]));
    vector.insert("then", arr1(&[1.0, 2.0]));
    for name in ["first", "then"] {
        let grad = vector[name].mapv(|_| 0.0);
        vector.set_grad(name, grad.view()).unwrap();
    }
    let cases: [(Box<dyn Penalty<f64>>, &str); 3] = [
        (
            Box::new(GroupLasso { lambda: 1.0, dim: 1 }),
            "GroupLasso: then has shape [2], which has no axis 1",
        ),
        (
            Box::new(Orthogonal { lambda: 1.0, of: Gram::Rows }),
            "Orthogonal: then has shape [2], needs rows and columns",
        ),
        (
            Box::new(Orthogonal { lambda: -1.0, of: Gram::Rows }),
            "Orthogonal: lambda is -1, must be finite and at least 0",
        ),
    ];
    for (penalty, want) in cases {
        let refused = penalize(&*penalty, &mut vector).unwrap_err().to_string();
        assert_eq!(refused, want);
        assert!(vector.grad("first").unwrap().iter().all(|grad| *grad == 0.0));
        if !want.contains("lambda") {
            penalize_where(&*penalty, &mut vector, |place| place.path.is("first")).unwrap();
            vector.set_grad("first", arr2(&[[0.0, 0.0]]).into_dyn().view()).unwrap();
        }
    }
}

/// A table of 4 × 2 of which rows 1 and 3 have a gradient.
struct Table {
    value: [f64; 8],
    rows: [usize; 2],
    grad: [f64; 4],
}

impl Parameters<f64> for Table {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        let place = Place { path: &at.name("table"), kind: ParamKind::Embedding, shape: &[4, 2] };
        let grad = Grad::Rows { rows: &self.rows, values: &mut self.grad };
        f(place, ParamMut { value: &mut self.value, grad });
    }
}

#[test]
fn of_a_sparse_gradient_the_rows_it_holds_are_penalized() {
    let value = [9.0, 9.0, 3.0, 4.0, 9.0, 9.0, 0.0, -2.0];
    let mut table = Table { value, rows: [1, 3], grad: [1.0; 4] };
    assert_eq!(penalize(&L1 { lambda: 0.5 }, &mut table).unwrap(), 0.0, "no weight");
    assert_eq!(penalize_where(&L1 { lambda: 0.5 }, &mut table, |_| true).unwrap(), 4.5);
    assert_eq!(table.grad, [1.5, 1.5, 1.0, 0.5]);
    assert_eq!(table.value, value);
    let lasso = GroupLasso { lambda: 1.0, dim: 0 };
    let value = penalize_where(&lasso, &mut table, |_| true).unwrap();
    assert!((value - 2f64.sqrt() * 7.0).abs() < 1e-14);
    proximal_step_where(&L1 { lambda: 5.0 }, 0.5, &mut table, |_| true).unwrap();
    assert_eq!(table.value, [9.0, 9.0, 0.5, 1.5, 9.0, 9.0, 0.0, 0.0]);
}
