//! Laws that every optimizer obeys.

#![allow(clippy::unwrap_used)]

use rayon::ThreadPoolBuilder;
use tricks_conformance::registry::{RULES, RuleForm};
use tricks_net::layers::Dense;
use tricks_optim::{Optimizer, Rule};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{Dict, Float, Grad, Noise, Parameters, Path, StateDict, Values};

fn forms() -> impl Iterator<Item = (String, &'static RuleForm)> {
    RULES.iter().flat_map(|row| {
        row.forms.iter().map(move |form| (format!("{} ({})", row.about.name, form.name), form))
    })
}

fn wide(form: &RuleForm) -> Box<dyn Rule<f64>> {
    (form.make.1)()
}

/// Numbers in (−1, 1), the same for the same `(stream, index)`.
fn numbers<F: Float>(stream: u64, first: u64, len: usize) -> Vec<F> {
    let mut draws = vec![0.0; len];
    Noise::new(stream).fill_uniform(first, &mut draws);
    draws.into_iter().map(|u| F::of(2.0 * u - 1.0)).collect()
}

fn bits<F: Float>(values: impl IntoIterator<Item = F>) -> Vec<u64> {
    values.into_iter().map(|x| x.widen().to_bits()).collect()
}

fn array<F: Float>(shape: &[usize], data: Vec<F>) -> ArrayD<F> {
    ArrayD::from_shape_vec(IxDyn(shape), data).unwrap()
}

/// A map of a matrix, a vector, a scalar and nothing.
fn dict<F: Float>() -> Dict<F> {
    let mut params = Dict::new();
    for (i, shape) in [&[7, 5][..], &[11], &[], &[0, 3]].into_iter().enumerate() {
        let len = shape.iter().product();
        params.insert(format!("p{i}"), array(shape, numbers(1, 1000 * i as u64, len)));
    }
    params
}

/// Gradients of step `t`; every third step one parameter has none.
fn set_gradients<F: Float>(params: &mut Dict<F>, t: u64) {
    let names: Vec<String> = params.names().map(str::to_string).collect();
    for (i, name) in names.iter().enumerate() {
        let shape = params[name.as_str()].shape().to_vec();
        if t % 3 == 2 && i as u64 == t % 2 {
            params.clear_grad(name);
        } else {
            let draws = numbers(2 + t, 1000 * i as u64, shape.iter().product());
            params.set_grad(name, array(&shape, draws).view()).unwrap();
        }
    }
}

fn all_bits<F: Float>(params: &Dict<F>) -> Vec<Vec<u64>> {
    params.names().map(|name| bits(params[name].iter().copied())).collect()
}

fn resumes<F: Float>(name: &str, make: fn() -> Box<dyn Rule<F>>) {
    let mut params = dict::<F>();
    let mut whole = Optimizer::builder(make()).bind(&mut params).unwrap();
    for t in 0..4 {
        set_gradients(&mut params, t);
        whole.step(0.01, &mut params).unwrap();
    }
    let mut resumed_params = params.clone();
    let saved = whole.state();
    let from_file = StateDict::from_bytes("state", &saved.to_bytes().unwrap()).unwrap();
    assert_eq!(from_file, saved, "{name}");
    let mut resumed = Optimizer::builder(make()).bind(&mut resumed_params).unwrap();
    resumed.load_state(&from_file).unwrap();
    for t in 4..9 {
        set_gradients(&mut params, t);
        set_gradients(&mut resumed_params, t);
        // Another rate after the restart: nothing remembers the old one.
        whole.step(0.02, &mut params).unwrap();
        resumed.step(0.02, &mut resumed_params).unwrap();
        assert_eq!(all_bits(&params), all_bits(&resumed_params), "{name}, step {t}");
    }
    assert_eq!(whole.state(), resumed.state(), "{name}");
}

#[test]
fn a_resumed_run_gives_the_same_bits() {
    for (name, form) in forms() {
        resumes(&name, form.make.0);
        resumes(&name, form.make.1);
    }
}

#[test]
fn slices_maps_and_layers_are_the_same() {
    let (outputs, inputs) = (6, 9);
    for (name, form) in forms() {
        let start = numbers::<f64>(3, 0, outputs * inputs);
        let mut slice = start.clone();
        let mut slice_grad = vec![0.0; slice.len()];
        let mut map = Dict::new();
        map.insert("weight", array(&[outputs, inputs], start.clone()));
        let weight = array(&[outputs, inputs], start).into_dimensionality().unwrap();
        let mut layer = Dense::with_parameters(weight, None).unwrap();

        let mut of_slice = Optimizer::builder(wide(form))
            .bind(&mut [("weight", &mut slice[..], &mut slice_grad[..])])
            .unwrap();
        let mut of_map = Optimizer::builder(wide(form)).bind(&mut map).unwrap();
        let mut of_layer = Optimizer::builder(wide(form)).bind(&mut layer).unwrap();
        for t in 0..6 {
            let grad = numbers::<f64>(4 + t, 0, outputs * inputs);
            slice_grad.copy_from_slice(&grad);
            map.set_grad("weight", array(&[outputs, inputs], grad.clone()).view()).unwrap();
            layer.visit(&Path::ROOT, &mut |_, param| {
                let Grad::Dense(to) = param.grad else { panic!("a dense gradient") };
                to.copy_from_slice(&grad);
            });
            of_slice.step(0.01, &mut [("weight", &mut slice[..], &mut slice_grad[..])]).unwrap();
            of_map.step(0.01, &mut map).unwrap();
            of_layer.step(0.01, &mut layer).unwrap();
        }
        let want = bits(slice);
        assert_eq!(bits(map["weight"].iter().copied()), want, "{name}: map");
        assert_eq!(bits(layer.weight().iter().copied()), want, "{name}: layer");
    }
}

/// Runs a rule on named slices of one flat vector, cut at `cuts`.
fn run_cut<F: Float>(rule: Box<dyn Rule<F>>, len: usize, cut: usize, steps: u64) -> Vec<F> {
    let (mut values, mut grads) = (numbers::<F>(5, 0, len), vec![F::zero(); len]);
    let mut optimizer = None;
    let mut rule = Some(rule);
    for t in 0..steps {
        grads.copy_from_slice(&numbers(6 + t, 0, len));
        let (a, b) = values.split_at_mut(cut);
        let (da, db) = grads.split_at_mut(cut);
        let mut params = [("a", a, da), ("b", b, db)];
        let optimizer = optimizer.get_or_insert_with(|| {
            Optimizer::builder(rule.take().unwrap()).bind(&mut params).unwrap()
        });
        optimizer.step(0.01, &mut params).unwrap();
    }
    values
}

#[test]
fn cutting_a_parameter_in_two_changes_nothing() {
    for (name, form) in forms() {
        let whole = bits(run_cut(wide(form), 1003, 1003, 5));
        for cut in [0, 1, 17, 500, 1002] {
            assert_eq!(bits(run_cut(wide(form), 1003, cut, 5)), whole, "{name}, cut at {cut}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    // Above the size at which work is shared, and not a multiple of anything.
    const LEN: usize = 200_003;
    for (name, form) in forms() {
        let mut results = [1, 2, 3, 7].map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let rule = (form.make.0)();
            pool.install(|| bits(run_cut(rule, LEN, 130_000, 3)))
        });
        let [one, rest @ ..] = &mut results;
        assert!(rest.iter().all(|other| other == one), "{name}");
    }
}

#[test]
fn without_a_learning_rate_nothing_moves() {
    for (name, form) in forms() {
        let mut params = dict::<f64>();
        let before = all_bits(&params);
        let mut optimizer = Optimizer::builder(wide(form)).bind(&mut params).unwrap();
        for t in 0..5 {
            set_gradients(&mut params, t);
            optimizer.step(0.0, &mut params).unwrap();
        }
        assert_eq!(all_bits(&params), before, "{name}");
    }
}

#[test]
fn single_precision_follows_double() {
    for (name, form) in forms() {
        let narrow = run_cut((form.make.0)(), 400, 100, 30);
        let wide = run_cut(wide(form), 400, 100, 30);
        for (i, (a, b)) in narrow.iter().zip(&wide).enumerate() {
            // The first AdaGrad and RMSProp steps are ±η whatever the gradient; near a gradient
            // of 0 the two precisions may differ by more than rounding, but not by a step.
            assert!((a.widen() - b).abs() < 5e-5, "{name}: element {i} is {a}, in f64 {b}");
        }
    }
}

#[test]
fn bad_hyper_parameters_are_refused_by_name() {
    for row in RULES.iter() {
        for (field, make, values) in row.refuses {
            for value in *values {
                let mut params = dict::<f64>();
                let refused = Optimizer::builder(make(*value)).bind(&mut params);
                let message = refused.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(
                    message.contains(field),
                    "{}: {field} = {value}: {message:?}",
                    row.about.name
                );
            }
        }
    }
}

/// After an error, parameters and state are as they were, and the next step works.
#[test]
fn a_step_that_fails_changes_nothing() {
    for (name, form) in forms() {
        let mut params = dict::<f64>();
        let mut optimizer = Optimizer::builder(wide(form)).bind(&mut params).unwrap();
        set_gradients(&mut params, 0);
        optimizer.step(0.01, &mut params).unwrap();
        set_gradients(&mut params, 1);
        let (before, state) = (all_bits(&params), optimizer.state());
        let good = params.grad("p2").unwrap().clone();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            params.set_grad("p2", ArrayD::from_elem(IxDyn(&[]), bad).view()).unwrap();
            let error = optimizer.step(0.01, &mut params).unwrap_err().to_string();
            assert!(error.contains("p2"), "{name}: {error}");
            assert_eq!(all_bits(&params), before, "{name}");
            assert_eq!(optimizer.state(), state, "{name}");
        }
        params.set_grad("p2", good.view()).unwrap();

        let mut other = params.clone();
        other.insert("p3", array::<f64>(&[0, 4], vec![]));
        assert!(optimizer.step(0.01, &mut other).is_err(), "{name}: another shape");
        let mut more = params.clone();
        more.insert("p4", array::<f64>(&[1], vec![1.0]));
        assert!(optimizer.step(0.01, &mut more).is_err(), "{name}: one more");
        for rate in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(optimizer.step(rate, &mut params).is_err(), "{name}: rate {rate}");
        }
        assert_eq!(all_bits(&other)[..3], before[..3], "{name}");
        assert_eq!((all_bits(&params), optimizer.state()), (before, state), "{name}");
        optimizer.step(0.01, &mut params).unwrap();
    }
}

fn is_finite(state: &StateDict) -> bool {
    state.iter().all(|(_, entry)| match &entry.values {
        Values::F32(values) => values.iter().all(|x| x.is_finite()),
        Values::F64(values) => values.iter().all(|x| x.is_finite()),
        _ => true,
    })
}

/// Steps with `extreme` in one element of a gradient, or in all of them, and an ordinary step between.
fn survives<F: Float>(name: &str, make: fn() -> Box<dyn Rule<F>>, extreme: F, everywhere: bool) {
    let mut params = dict::<F>();
    let mut optimizer = Optimizer::builder(make()).bind(&mut params).unwrap();
    for t in 0..6 {
        set_gradients(&mut params, 3 * t);
        if t % 2 == 0 {
            let mut grad = params.grad("p0").unwrap().clone();
            let some = if everywhere { grad.len() } else { 1 };
            grad.iter_mut().take(some).for_each(|g| *g = extreme);
            params.set_grad("p0", grad.view()).unwrap();
        }
        let (before, state) = (all_bits(&params), optimizer.state());
        let what = format!("{name}, {}, a gradient of {extreme:e}, step {t}", F::NAME);
        if optimizer.step(0.01, &mut params).is_err() {
            assert!(t % 2 == 0, "{what}: an ordinary step is refused");
            assert_eq!((all_bits(&params), optimizer.state()), (before, state), "{what}");
        } else {
            let finite = params.names().all(|name| params[name].iter().all(|x| x.is_finite()));
            assert!(finite && is_finite(&optimizer.state()), "{what}: not finite");
        }
    }
}

fn survives_all<F: Float>(name: &str, make: fn() -> Box<dyn Rule<F>>) {
    let denormal = F::min_positive_value() / F::of(4.0);
    // A rule that squares refuses the largest; one that adds gradients up takes them, and its sum,
    // which comes to 1/(1 − μ) = 10 of them, must have room.
    let largest = if make().squares() { F::max_value() } else { F::max_value() / F::of(16.0) };
    let numbers = [F::of(1e30), F::of(-1e30), largest, denormal, F::zero(), F::of(1e-30)];
    for extreme in numbers {
        survives(name, make, extreme, false);
        survives(name, make, extreme, true);
    }
}

#[test]
fn a_gradient_of_any_size_is_refused_or_leaves_all_finite() {
    for (name, form) in forms() {
        survives_all(&name, form.make.0);
        survives_all(&name, form.make.1);
    }
}
