//! Laws that every optimizer obeys.

#![allow(clippy::unwrap_used)]

use rayon::ThreadPoolBuilder;
use tricks_conformance::registry::{RULES, RuleForm};
use tricks_net::layers::Dense;
use tricks_optim::{Optimizer, Rule, Scope, Storage};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{
    Dict, Float, Grad, Noise, ParamKind, ParamMut, Parameters, Path, Place, RowGrad, StateDict,
    Values,
};

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

/// A map of parameters of those of the shapes that the rule takes.
fn dict_of<F: Float>(rule: &dyn Rule<F>, shapes: &[&[usize]]) -> Dict<F> {
    let mut params = Dict::new();
    let taken = shapes.iter().filter(|shape| rule.check_shape(shape).is_ok());
    for (i, shape) in taken.enumerate() {
        let len = shape.iter().product();
        params.insert(format!("p{i}"), array(shape, numbers(1, 1000 * i as u64, len)));
    }
    params
}

/// A matrix, a vector, another matrix, a scalar, one of three dimensions, and nothing.
fn dict<F: Float>(rule: &dyn Rule<F>) -> Dict<F> {
    dict_of(rule, &[&[7, 5], &[11], &[3, 4], &[], &[2, 3, 2], &[0, 3]])
}

fn is_element_wise(form: &RuleForm) -> bool {
    wide(form).scope() == Scope::Element
}

/// How the memory of a rule can be stored: all ways if it is updated element by element.
fn storages(form: &RuleForm) -> &'static [Storage] {
    match is_element_wise(form) {
        true => &[Storage::Full, Storage::Single, Storage::Bf16, Storage::Block8],
        false => &[Storage::Full],
    }
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

fn resumes<F: Float>(name: &str, make: fn() -> Box<dyn Rule<F>>, storage: Storage) {
    let bind = |params: &mut Dict<F>| {
        Optimizer::builder(make()).storage(storage, Noise::new(7)).bind(params).unwrap()
    };
    let name = format!("{name}, {storage:?}, {}", F::NAME);
    let mut params = dict::<F>(&*make());
    let mut whole = bind(&mut params);
    for t in 0..4 {
        set_gradients(&mut params, t);
        whole.step(0.01, &mut params).unwrap();
    }
    let mut resumed_params = params.clone();
    let saved = whole.state();
    let from_file = StateDict::from_bytes("state", &saved.to_bytes().unwrap()).unwrap();
    assert_eq!(from_file, saved, "{name}");
    let mut resumed = bind(&mut resumed_params);
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
        for storage in storages(form) {
            resumes(&name, form.make.0, *storage);
            resumes(&name, form.make.1, *storage);
        }
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

        // A slice has one dimension: to a rule that knows rows and columns it is something else.
        let knows_shapes = matches!(wide(form).name(), "Adafactor" | "Muon");
        let mut of_slice = (!knows_shapes).then(|| {
            let mut bound = [("weight", &mut slice[..], &mut slice_grad[..])];
            Optimizer::builder(wide(form)).bind(&mut bound).unwrap()
        });
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
            if let Some(of_slice) = &mut of_slice {
                let mut params = [("weight", &mut slice[..], &mut slice_grad[..])];
                of_slice.step(0.01, &mut params).unwrap();
            }
            of_map.step(0.01, &mut map).unwrap();
            of_layer.step(0.01, &mut layer).unwrap();
        }
        let want = bits(map["weight"].iter().copied());
        assert_eq!(bits(layer.weight().iter().copied()), want, "{name}: layer");
        if !knows_shapes {
            assert_eq!(bits(slice), want, "{name}: slice");
        }
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
    for (name, form) in forms().filter(|(_, form)| is_element_wise(form)) {
        let whole = bits(run_cut(wide(form), 1003, 1003, 5));
        for cut in [0, 1, 17, 500, 1002] {
            assert_eq!(bits(run_cut(wide(form), 1003, cut, 5)), whole, "{name}, cut at {cut}");
        }
    }
}

/// One element alone goes through the loop's scalar rest, many go through its vectors.
fn scalar_is_vector<F: Float>(name: &str, make: fn() -> Box<dyn Rule<F>>) {
    const LEN: usize = 67;
    let whole = bits(run_cut(make(), LEN, LEN, 4));
    let mut values = numbers::<F>(5, 0, LEN);
    let mut grads = [F::zero(); LEN];
    let names: Vec<String> = (0..LEN).map(|i| i.to_string()).collect();
    let mut optimizer = None;
    for t in 0..4 {
        grads.copy_from_slice(&numbers(6 + t, 0, LEN));
        let pairs = values.chunks_mut(1).zip(grads.chunks_mut(1));
        let mut params: Vec<_> = names
            .iter()
            .zip(pairs)
            .map(|(name, (value, grad))| (name.as_str(), value, grad))
            .collect();
        let optimizer = optimizer
            .get_or_insert_with(|| Optimizer::builder(make()).bind(&mut params[..]).unwrap());
        optimizer.step(0.01, &mut params[..]).unwrap();
    }
    assert_eq!(bits(values), whole, "{name}, {}", F::NAME);
}

#[test]
fn scalar_code_and_vector_code_agree() {
    for (name, form) in forms().filter(|(_, form)| is_element_wise(form)) {
        scalar_is_vector(&name, form.make.0);
        scalar_is_vector(&name, form.make.1);
    }
}

#[test]
fn threads_change_nothing() {
    // Above the size at which work is shared, and not a multiple of anything; and two of one size,
    // which are cut near the end of the first.
    let sets: [&[&[usize]]; 2] =
        [&[&[130_003], &[211, 331], &[5]], &[&[3, 5], &[70_001], &[70_001]]];
    for shapes in sets {
        threads_change_nothing_in(shapes);
    }
}

fn threads_change_nothing_in(shapes: &[&[usize]]) {
    for (name, form) in forms() {
        for storage in storages(form).iter().filter(|storage| **storage != Storage::Single) {
            let mut results = [1, 2, 3, 7].map(|threads| {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let rule = (form.make.0)();
                    let mut params = dict_of(&*rule, shapes);
                    let builder = Optimizer::builder(rule).storage(*storage, Noise::new(1));
                    let mut optimizer = builder.bind(&mut params).unwrap();
                    for t in [0, 1, 3] {
                        set_gradients(&mut params, t);
                        optimizer.step(0.01, &mut params).unwrap();
                    }
                    all_bits(&params)
                })
            });
            let [one, rest @ ..] = &mut results;
            assert!(rest.iter().all(|other| other == one), "{name}, {storage:?}");
        }
    }
}

/// A table of embeddings whose gradient has some rows.
struct Table {
    values: Vec<f64>,
    grad: RowGrad<f64>,
}

const ROWS: usize = 9;
const WIDTH: usize = 5;

impl Parameters<f64> for Table {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        let path = at.name("table");
        let place = Place { path: &path, kind: ParamKind::Embedding, shape: &[ROWS, WIDTH] };
        f(place, ParamMut { value: &mut self.values, grad: self.grad.lend() });
    }
}

#[test]
fn a_row_sparse_gradient_touches_its_rows_alone() {
    for (name, form) in forms().filter(|(_, form)| is_element_wise(form)) {
        let start = numbers::<f64>(3, 0, ROWS * WIDTH);
        let mut table = Table { values: start.clone(), grad: RowGrad::new(WIDTH) };
        // The same rows as a parameter of their own.
        let touched = [6, 1, 8];
        let row = |of: &[f64], row: usize| of[row * WIDTH..][..WIDTH].to_vec();
        let mut alone = Dict::new();
        let rows = touched.iter().flat_map(|r| row(&start, *r)).collect();
        alone.insert_as("rows", ParamKind::Embedding, array(&[3, WIDTH], rows));
        let mut sparse = Optimizer::builder(wide(form)).bind(&mut table).unwrap();
        let mut dense = Optimizer::builder(wide(form)).bind(&mut alone).unwrap();
        let mut fresh = None;
        for t in 0..5 {
            let grad = numbers::<f64>(20 + t, 0, 3 * WIDTH);
            table.grad.clear();
            table.grad.add_all(&touched, &grad);
            alone.set_grad("rows", array(&[3, WIDTH], grad).view()).unwrap();
            sparse.step(0.01, &mut table).unwrap();
            dense.step(0.01, &mut alone).unwrap();
            // Memory before the first step is made, not saved: rows that are not touched keep it.
            fresh.get_or_insert_with(|| sparse.state());
        }
        let fresh = fresh.unwrap();
        for (i, r) in touched.iter().enumerate() {
            let want = alone["rows"].as_slice().unwrap();
            assert_eq!(bits(row(&table.values, *r)), bits(row(want, i)), "{name}, row {r}");
        }
        let after = sparse.state();
        for other in (0..ROWS).filter(|r| !touched.contains(r)) {
            assert_eq!(bits(row(&table.values, other)), bits(row(&start, other)), "{name}");
            for slot in wide(form).slots().iter().filter(|slot| !slot.from_param) {
                let entry = format!("table/{}", slot.name);
                let of = |state: &StateDict| {
                    row(state.get::<f64>(&entry, &[ROWS, WIDTH]).unwrap(), other)
                };
                assert_eq!(bits(of(&after)), bits(of(&fresh)), "{name}: {entry}, row {other}");
            }
        }
    }
}

#[test]
fn a_rule_of_whole_tensors_refuses_rows_by_name() {
    for (name, form) in forms().filter(|(_, form)| !is_element_wise(form)) {
        let mut table = Table { values: numbers(3, 0, ROWS * WIDTH), grad: RowGrad::new(WIDTH) };
        table.grad.add(2, &[1.0; WIDTH]);
        let mut optimizer = Optimizer::builder(wide(form)).bind(&mut table).unwrap();
        let before = bits(table.values.iter().copied());
        let error = optimizer.step(0.01, &mut table).unwrap_err().to_string();
        assert!(error.contains("table") && error.contains("row-sparse"), "{name}: {error}");
        assert_eq!(bits(table.values), before, "{name}");
    }
}

#[test]
fn the_point_to_evaluate_is_lent_and_taken_back() {
    for (name, form) in forms() {
        let mut params = dict::<f64>(&*wide(form));
        let mut optimizer = Optimizer::builder(wide(form)).bind(&mut params).unwrap();
        for t in 0..9 {
            set_gradients(&mut params, t);
            optimizer.step(0.01, &mut params).unwrap();
        }
        let before = all_bits(&params);
        let lent = optimizer.evaluate(&mut params, |params| all_bits(params)).unwrap();
        assert_eq!(all_bits(&params), before, "{name}");
        let has_another = name.starts_with("ScheduleFree") || name == "Asgd (averaging early)";
        assert_eq!(lent != before, has_another, "{name}");
    }
}

#[test]
fn without_a_learning_rate_nothing_moves() {
    // Rprop's steps start from the rate, and are at least `step_min`.
    for (name, form) in forms().filter(|(_, form)| wide(form).name() != "Rprop") {
        let mut params = dict::<f64>(&*wide(form));
        let before = all_bits(&params);
        let mut optimizer = Optimizer::builder(wide(form)).bind(&mut params).unwrap();
        for t in 0..5 {
            set_gradients(&mut params, t);
            optimizer.step(0.0, &mut params).unwrap();
        }
        assert_eq!(all_bits(&params), before, "{name}");
    }
}

/// The parameters after some steps, in `f64`.
fn run_dict<F: Float>(rule: Box<dyn Rule<F>>) -> Vec<f64> {
    let mut params = dict_of(&*rule, &[&[300], &[10, 12]]);
    let mut optimizer = Optimizer::builder(rule).bind(&mut params).unwrap();
    for t in 0..30 {
        set_gradients(&mut params, 3 * t);
        optimizer.step(0.01, &mut params).unwrap();
    }
    params.names().flat_map(|name| params[name].iter().map(|x| x.widen())).collect()
}

#[test]
fn single_precision_follows_double() {
    for (name, form) in forms() {
        let (narrow, wide) = (run_dict((form.make.0)()), run_dict(wide(form)));
        assert_eq!(narrow.len(), wide.len(), "{name}");
        for (i, (a, b)) in narrow.iter().zip(&wide).enumerate() {
            // The first AdaGrad and RMSProp steps are ±η whatever the gradient; near a gradient
            // of 0 the two precisions may differ by more than rounding, but not by a step.
            assert!((a - b).abs() < 5e-5, "{name}: element {i} is {a}, in f64 {b}");
        }
    }
}

/// Gradients with a mean and noise of a tenth of it: averages of squares hardly vary.
fn run_packed(rule: Box<dyn Rule<f32>>, storage: Storage) -> Vec<f64> {
    let mut params = dict_of(&*rule, &[&[200]]);
    let mut optimizer =
        Optimizer::builder(rule).storage(storage, Noise::new(9)).bind(&mut params).unwrap();
    for t in 0..100 {
        let noise = numbers::<f32>(50 + t, 0, 200).into_iter();
        let grad = noise.enumerate().map(|(i, x)| (1.0 + 0.1 * x) * (1.0 + i as f32 / 100.0));
        params.set_grad("p0", array(&[200], grad.collect()).view()).unwrap();
        optimizer.step(1e-3, &mut params).unwrap();
    }
    params["p0"].iter().map(|x| x.widen()).collect()
}

#[test]
fn packed_memory_goes_where_full_memory_goes() {
    for (name, form) in forms().filter(|(_, form)| is_element_wise(form)) {
        let start: Vec<f64> =
            dict_of::<f32>(&*(form.make.0)(), &[&[200]])["p0"].iter().map(|x| x.widen()).collect();
        let full = run_packed((form.make.0)(), Storage::Full);
        let way = |to: &[f64]| -> f64 { to.iter().zip(&start).map(|(a, b)| (a - b).powi(2)).sum() };
        for storage in [Storage::Bf16, Storage::Block8] {
            let packed = run_packed((form.make.0)(), storage);
            let apart: f64 = packed.iter().zip(&full).map(|(a, b)| (a - b).powi(2)).sum();
            // A tenth of the way, as lengths.
            assert!(
                apart <= 0.01 * way(&full),
                "{name}, {storage:?}: {} apart after {}",
                apart.sqrt(),
                way(&full).sqrt()
            );
        }
    }
}

#[test]
fn bad_hyper_parameters_are_refused_by_name() {
    for row in RULES.iter() {
        for (field, make, values) in row.refuses {
            for value in *values {
                let rule = make(*value);
                let mut params = dict::<f64>(&*rule);
                let refused = Optimizer::builder(rule).bind(&mut params);
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
        let mut params = dict::<f64>(&*wide(form));
        let mut optimizer = Optimizer::builder(wide(form)).bind(&mut params).unwrap();
        set_gradients(&mut params, 0);
        optimizer.step(0.01, &mut params).unwrap();
        set_gradients(&mut params, 1);
        let (before, state) = (all_bits(&params), optimizer.state());
        let last = params.names().filter(|name| !params[*name].is_empty()).last().unwrap();
        let last = last.to_string();
        let good = params.grad(&last).unwrap().clone();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut grad = good.clone();
            *grad.iter_mut().last().unwrap() = bad;
            params.set_grad(&last, grad.view()).unwrap();
            let error = optimizer.step(0.01, &mut params).unwrap_err().to_string();
            assert!(error.contains(&last), "{name}: {error}");
            assert_eq!(all_bits(&params), before, "{name}");
            assert_eq!(optimizer.state(), state, "{name}");
        }
        params.set_grad(&last, good.view()).unwrap();

        // Another shape of the last parameter, which is empty.
        let empty = params.names().last().unwrap().to_string();
        let mut other = params.clone();
        other.insert(empty.as_str(), array::<f64>(&[0, 4], vec![]));
        assert!(optimizer.step(0.01, &mut other).is_err(), "{name}: another shape");
        let mut more = params.clone();
        more.insert("q", array::<f64>(&[1, 1], vec![1.0]));
        assert!(optimizer.step(0.01, &mut more).is_err(), "{name}: one more");
        for rate in [f64::NAN, f64::INFINITY, -0.1] {
            assert!(optimizer.step(rate, &mut params).is_err(), "{name}: rate {rate}");
        }
        assert_eq!(all_bits(&other), before, "{name}");
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
    let mut params = dict::<F>(&*make());
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
