//! L-BFGS resumes bit for bit, and does not ask how many threads there are.

#![allow(clippy::unwrap_used)]

use rayon::ThreadPoolBuilder;
use tricks_optim::{Lbfgs, LineSearch};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{Dict, Float, Noise, ParamKind, Result, StateDict};

/// A matrix, a scalar, nothing, and a running statistic between them.
fn dict<F: Float>(rows: usize) -> Dict<F> {
    let mut params = Dict::new();
    for (name, kind, shape) in [
        ("a", ParamKind::Weight, &[rows, 3][..]),
        ("b", ParamKind::Buffer, &[2]),
        ("c", ParamKind::Bias, &[]),
        ("d", ParamKind::Weight, &[0, 3]),
    ] {
        let mut draws = vec![0.0f64; shape.iter().product()];
        Noise::new(5).fill_uniform(0, &mut draws);
        let data = draws.into_iter().map(|u| F::of(2.0 * u - 1.0)).collect();
        params.insert_as(name, kind, ArrayD::from_shape_vec(IxDyn(shape), data).unwrap());
    }
    params
}

/// Σ kᵢ (xᵢ² − 1)² / 4 with k from 1 to 5: curved, and the curvature changes.
fn loss<F: Float>(params: &mut Dict<F>) -> Result<f64> {
    let mut sum = 0.0;
    for name in ["a", "c", "d"] {
        let mut grad = params[name].clone();
        for (i, g) in grad.iter_mut().enumerate() {
            let (k, x) = ((1 + i % 5) as f64, g.widen());
            let off = x * x - 1.0;
            sum += 0.25 * k * off * off;
            *g = F::of(k * off * x);
        }
        params.set_grad(name, grad.view())?;
    }
    Ok(sum)
}

fn bits<F: Float>(params: &Dict<F>) -> Vec<u64> {
    let all = params.names().flat_map(|name| params[name].iter());
    all.map(|x| x.widen().to_bits()).collect()
}

fn resumes<F: Float>(line_search: LineSearch) {
    let mut params = dict::<F>(7);
    let mut whole = Lbfgs::bind(&mut params).unwrap();
    (whole.line_search, whole.max_iter, whole.history_size) = (line_search, 3, 3);
    whole.max_eval = Some(9);
    for saved_after in 0..5 {
        let saved = whole.state();
        let from_file = StateDict::from_bytes("state", &saved.to_bytes().unwrap()).unwrap();
        assert_eq!(from_file, saved);
        let mut resumed_params = params.clone();
        let mut resumed = Lbfgs::bind(&mut resumed_params).unwrap();
        (resumed.line_search, resumed.max_iter, resumed.history_size) = (line_search, 3, 3);
        resumed.max_eval = Some(9);
        resumed.load_state(&from_file).unwrap();
        let mut whole_params = params.clone();
        let mut goes_on = whole.clone();
        for _ in 0..3 {
            let a = goes_on.step(0.1, &mut whole_params, loss).unwrap();
            let b = resumed.step(0.1, &mut resumed_params, loss).unwrap();
            assert_eq!(a, b, "saved after {saved_after}");
            assert_eq!(bits(&whole_params), bits(&resumed_params), "saved after {saved_after}");
        }
        assert_eq!(goes_on.state(), resumed.state());
        let before = bits(&params);
        whole.step(0.1, &mut params, loss).unwrap();
        assert_ne!(bits(&params), before);
    }
    assert_eq!(whole.state().count("pairs").unwrap(), 3);
}

#[test]
fn a_resumed_run_gives_the_same_bits() {
    for line_search in [LineSearch::Fixed, LineSearch::StrongWolfe] {
        resumes::<f32>(line_search);
        resumes::<f64>(line_search);
    }
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    let run = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut params = dict::<f32>(70_000);
            let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
            (lbfgs.max_iter, lbfgs.max_eval) = (5, Some(40));
            let step = lbfgs.step(1.0, &mut params, loss).unwrap();
            (bits(&params), step, lbfgs.state())
        })
    };
    let one = run(1);
    assert!(one.1.iterations >= 3, "{:?}", one.1);
    for threads in [2, 3] {
        assert!(run(threads) == one, "{threads} threads");
    }
}
