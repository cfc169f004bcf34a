//! Laws that hold for every penalty, and what `penalize` touches.
#![allow(clippy::unwrap_used)] // in helpers of tests

use proptest::prelude::*;
use tricks_regularize::{ElasticNet, L1, L2, Penalty, penalize, penalize_where};
use tricks_tensor::ndarray::{arr1, arr2};
use tricks_tensor::{Dict, Float, Noise, ParamKind};

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
            penalty.add_grad(&w, &mut grad);
            for i in 0..len {
                let mut value_at = |d| {
                    let kept = w[i];
                    w[i] += d;
                    let value = penalty.value(&w);
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
            prop_assert_eq!(a.value(&narrow), b.value(&wide));
            let run = || {
                let mut grad = vec![0.25; len];
                a.add_grad(&narrow, &mut grad);
                (a.value(&narrow).to_bits(), grad)
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
