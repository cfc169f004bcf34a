//! Laws that everything obeys that is done to all gradients together.

#![allow(clippy::unwrap_used)]

use rayon::ThreadPoolBuilder;
use tricks_conformance::registry::{TRANSFORMS, TransformRow};
use tricks_optim::{
    ClipGlobalNorm, ClipValue, GradientAverage, GradientNoise, LbfgsDirection, Optimizer, Pending,
    Sgd, StepArgs, Transform,
};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{
    Dict, Error, Grad, Noise, ParamKind, ParamMut, Parameters, Path, Place, Result, RowGrad,
    StateDict,
};

/// Numbers in (−3, 3), the same for the same `(stream, index)`.
fn array(stream: u64, first: u64, shape: &[usize]) -> ArrayD<f64> {
    let mut draws = vec![0.0; shape.iter().product()];
    Noise::new(stream).fill_uniform(first, &mut draws);
    let numbers = draws.into_iter().map(|u| 6.0 * u - 3.0).collect();
    ArrayD::from_shape_vec(IxDyn(shape), numbers).unwrap()
}

const TABLE: [usize; 2] = [6, 2];

/// A buffer in front and in the middle, nothing, a scalar, a table.
fn dict() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert_as("a", ParamKind::Buffer, array(1, 0, &[2]));
    params.insert("b", array(1, 10, &[4, 3]));
    params.insert_as("c", ParamKind::Bias, array(1, 30, &[5]));
    params.insert_as("d", ParamKind::Buffer, array(1, 40, &[3]));
    params.insert("e", array(1, 50, &[0, 3]));
    params.insert("f", array(1, 60, &[]));
    params.insert_as("table", ParamKind::Embedding, array(1, 70, &TABLE));
    params
}

fn set_gradients(params: &mut Dict<f64>, t: u64) {
    let names: Vec<String> = params.names().map(str::to_string).collect();
    for (i, name) in names.iter().enumerate() {
        if params.kind(name) != Some(ParamKind::Buffer) {
            let shape = params[name.as_str()].shape().to_vec();
            params.set_grad(name, array(2 + t, 1000 * i as u64, &shape).view()).unwrap();
        }
    }
}

/// Moves the parameters, the same way for the same `t`.
fn set_values(params: &mut Dict<f64>, t: u64) {
    params.visit(&Path::ROOT, &mut |place, param| {
        if place.kind != ParamKind::Buffer {
            let mut draws = vec![0.0; param.value.len()];
            Noise::new(100 + t).path(place.path).fill_uniform(0, &mut draws);
            param.value.copy_from_slice(&draws);
        }
    });
}

/// Bits of the values of all parameters.
fn values(params: &mut (impl Parameters<f64> + ?Sized)) -> Vec<Vec<u64>> {
    let mut all = Vec::new();
    params.visit(&Path::ROOT, &mut |_, param| all.push(bits(param.value)));
    all
}

/// Bits of all gradients; none where there is none.
fn gradients(params: &mut (impl Parameters<f64> + ?Sized)) -> Vec<Option<Vec<u64>>> {
    let mut all = Vec::new();
    params.visit(&Path::ROOT, &mut |_, mut param| {
        all.push(param.grad.values().map(|grad| bits(grad)));
    });
    all
}

fn bits(numbers: &[f64]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_bits()).collect()
}

/// The gradients as a step would see them.
fn seen(params: &mut Dict<f64>, pending: Pending) -> Vec<f64> {
    let mut all = Vec::new();
    params.visit(&Path::ROOT, &mut |_, mut param| {
        let grad = param.grad.values().unwrap_or_default();
        all.extend(grad.iter().map(|g| pending.factor() * *g));
    });
    all
}

fn through_bytes(state: StateDict) -> StateDict {
    let read = StateDict::from_bytes("state", &state.to_bytes().unwrap()).unwrap();
    assert_eq!(read, state);
    read
}

fn rows() -> impl Iterator<Item = (&'static str, &'static TransformRow)> {
    TRANSFORMS.iter().map(|row| (row.about.name, row))
}

#[test]
fn bad_hyper_parameters_are_refused_by_name() {
    for (name, row) in rows() {
        for (field, make, wrong) in row.refuses {
            for x in *wrong {
                let (mut params, mut transform) = (dict(), make(*x));
                set_gradients(&mut params, 0);
                let (before, state) =
                    ((values(&mut params), gradients(&mut params)), transform.state());
                let error = transform.apply(&mut params, Pending::NONE).unwrap_err().to_string();
                assert!(
                    error.contains(name) && error.contains(field),
                    "{name}, {field} {x}: {error}"
                );
                assert_eq!(
                    (values(&mut params), gradients(&mut params)),
                    before,
                    "{name}, {field} {x}"
                );
                assert_eq!(transform.state(), state, "{name}, {field} {x}");
            }
        }
    }
}

#[test]
fn a_nan_is_refused_and_leaves_no_trace() {
    for (name, row) in rows() {
        let mut params = dict();
        let mut transform = (row.make)(&mut params);
        let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
        set_gradients(&mut params, 0);
        params.grad_mut("b").unwrap()[[2, 1]] = f64::NAN;
        let (before, state) = (values(&mut params), sgd.state());
        let stepped = transform
            .apply(&mut params, Pending::NONE)
            .and_then(|pending| sgd.step(StepArgs::new(0.1).clip(pending), &mut params));
        if row.hides_nans {
            stepped.unwrap();
            assert_eq!(params.grad("b").unwrap()[[2, 1]], 0.0, "{name}");
        } else {
            let error = stepped.unwrap_err().to_string();
            assert!(error.starts_with("b: gradient is NaN"), "{name}: {error}");
            assert_eq!((values(&mut params), sgd.state()), (before, state), "{name}");
        }
        set_gradients(&mut params, 1);
        let pending = transform.apply(&mut params, Pending::NONE).unwrap();
        sgd.step(StepArgs::new(0.1).clip(pending), &mut params).unwrap();
        params.visit(&Path::ROOT, &mut |place, param| {
            assert!(param.value.iter().all(|x| x.is_finite()), "{name}: {}", place.path);
        });
    }
}

/// For all of them: noise is added to what the step would see, limits are held to it.
#[test]
fn a_pending_factor_is_a_factor_on_the_gradients() {
    for (name, row) in rows() {
        for factor in [0.25, -2.0, 3.0, 1e-3] {
            let (mut params, mut scaled) = (dict(), dict());
            let (mut late, mut early) = ((row.make)(&mut params), (row.make)(&mut scaled));
            for t in 0..3 {
                set_values(&mut params, t);
                set_values(&mut scaled, t);
                set_gradients(&mut params, t);
                set_gradients(&mut scaled, t);
                scaled.visit(&Path::ROOT, &mut |_, mut param| {
                    let grad = param.grad.values().unwrap_or_default();
                    grad.iter_mut().for_each(|g| *g *= factor);
                });
                let pending = late.apply(&mut params, Pending::new(factor)).unwrap();
                let got = seen(&mut params, pending);
                let done = early.apply(&mut scaled, Pending::NONE).unwrap();
                let want = seen(&mut scaled, done);
                let size = want.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
                for (got, want) in got.iter().zip(&want) {
                    let what = format!("{name}, factor {factor}, t {t}: {got} against {want}");
                    assert!((got - want).abs() <= 1e-9 * size, "{what}");
                    let bound = pending.norm().unwrap_or(f64::INFINITY);
                    assert!(got.abs() <= bound * (1.0 + 1e-12), "{what}, bound {bound}");
                }
            }
        }
    }
}

#[test]
fn nothing_but_gradients_changes() {
    for (name, row) in rows() {
        let mut params = dict();
        let mut transform = (row.make)(&mut params);
        for t in 0..3 {
            set_gradients(&mut params, t);
            // Hidden, and there when the gradient is present again.
            let hidden = params.grad("c").unwrap().clone();
            params.clear_grad("c");
            let before = values(&mut params);
            let present: Vec<bool> = gradients(&mut params).iter().map(Option::is_some).collect();
            let _ = transform.apply(&mut params, Pending::new(0.5)).unwrap();
            assert_eq!(values(&mut params), before, "{name}");
            let after: Vec<bool> = gradients(&mut params).iter().map(Option::is_some).collect();
            assert_eq!(after, present, "{name}");
            assert_eq!(params.grad_mut("c").unwrap(), hidden, "{name}");
            assert!(["a", "d"].iter().all(|buffer| params.grad(buffer).is_none()), "{name}");
            let untouched = params.grad_mut("a").unwrap().iter().all(|g| *g == 0.0);
            params.clear_grad("a");
            assert!(untouched, "{name}");
        }
    }
}

/// The parameters of [`dict`], the gradient of the table by rows.
struct Sparse {
    dict: Dict<f64>,
    grad: RowGrad<f64>,
}

impl Parameters<f64> for Sparse {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        let mut grad = Some(&mut self.grad);
        self.dict.visit(at, &mut |place, param| {
            let by_rows = if place.path.is("table") { grad.take() } else { None };
            let grad = by_rows.map_or(param.grad, |rows| rows.lend());
            f(place, ParamMut { value: param.value, grad });
        });
    }
}

#[test]
fn rows_stay_rows_or_are_refused_by_name() {
    let mut refused = Vec::new();
    for (name, row) in rows() {
        let mut params = Sparse { dict: dict(), grad: RowGrad::new(TABLE[1]) };
        let mut transform = (row.make)(&mut params.dict);
        set_gradients(&mut params.dict, 0);
        params.grad.add_all(&[4, 1], &[1.0, -2.0, 3.0, 5.0]);
        let (before, state) = (gradients(&mut params), transform.state());
        let was = values(&mut params);
        match transform.apply(&mut params, Pending::NONE) {
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(name) && error.contains("table"), "{name}: {error}");
                assert_eq!((gradients(&mut params), transform.state()), (before, state), "{name}");
                refused.push(name);
            }
            Ok(pending) => {
                let Grad::Rows { rows, .. } = params.grad.lend() else { panic!("rows") };
                assert_eq!(rows, [1, 4], "{name}");
                let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
                sgd.step(StepArgs::new(0.1).clip(pending), &mut params).unwrap();
                let now = values(&mut params);
                let table =
                    |of: &[Vec<u64>], row: usize| of[6][row * TABLE[1]..][..TABLE[1]].to_vec();
                for r in 0..TABLE[0] {
                    let moved = table(&now, r) != table(&was, r);
                    assert_eq!(moved, [1, 4].contains(&r), "{name}, row {r}");
                }
            }
        }
    }
    assert_eq!(refused, ["AdaptiveClip", "GradientAverage", "LbfgsDirection"]);
}

#[test]
fn a_resumed_run_gives_the_same_bits() {
    for (name, row) in rows() {
        let (mut params, mut resumed_params) = (dict(), dict());
        let mut whole = (row.make)(&mut params);
        let round = |transform: &mut dyn Transform<f64>, params: &mut Dict<f64>, t: u64| {
            set_values(params, t);
            set_gradients(params, t);
            let pending = transform.apply(params, Pending::new(0.5)).unwrap();
            (pending, gradients(params))
        };
        for t in 0..4 {
            let _ = round(&mut *whole, &mut params, t);
        }
        let saved = through_bytes(whole.state());
        let mut resumed = (row.make)(&mut resumed_params);
        let fresh = resumed.state();
        let mut more = saved.clone();
        more.insert_count("stray", 1);
        let Err(Error::State { problems }) = resumed.load_state(&more) else {
            panic!("{name}: taken");
        };
        assert_eq!(problems, ["stray is unexpected"], "{name}");
        assert_eq!(resumed.state(), fresh, "{name}");
        assert_eq!(fresh.is_empty(), saved.is_empty(), "{name}");
        if !saved.is_empty() {
            assert!(resumed.load_state(&StateDict::new()).is_err(), "{name}");
            assert_eq!(resumed.state(), fresh, "{name}");
            assert_ne!(saved, fresh, "{name}");
        }
        resumed.load_state(&saved).unwrap();
        for t in 4..8 {
            let want = round(&mut *whole, &mut params, t);
            assert_eq!(round(&mut *resumed, &mut resumed_params, t), want, "{name}, {t}");
        }
        assert_eq!(resumed.state(), whole.state(), "{name}");
    }
}

#[test]
fn threads_change_nothing() {
    for (name, row) in rows() {
        let results = [1, 2, 3].map(|threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut params = Dict::new();
                params.insert("big", array(1, 0, &[130_003]));
                params.insert("wide", array(3, 0, &[211, 731]));
                params.insert("small", array(5, 0, &[7]));
                let mut transform = (row.make)(&mut params);
                (0..2)
                    .map(|t| {
                        set_values(&mut params, t);
                        set_gradients(&mut params, t);
                        let pending = transform.apply(&mut params, Pending::new(0.5)).unwrap();
                        (pending, gradients(&mut params))
                    })
                    .collect::<Vec<_>>()
            })
        });
        assert!(results[1] == results[0] && results[2] == results[0], "{name}");
    }
}

#[test]
fn parameters_of_any_shape_are_taken() {
    let shapes: &[&[usize]] = &[&[], &[0], &[0, 3], &[3, 0], &[1], &[1, 1], &[1, 4], &[2, 0, 3]];
    for (name, row) in rows() {
        for zeros in [false, true] {
            let mut params = Dict::new();
            for (i, shape) in shapes.iter().enumerate() {
                params.insert(i.to_string(), array(1, 10 * i as u64, shape));
            }
            let mut transform = (row.make)(&mut params);
            let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
            for t in 0..2 {
                set_gradients(&mut params, t);
                if zeros {
                    params.visit(&Path::ROOT, &mut |_, mut param| {
                        param.grad.values().unwrap().fill(0.0);
                    });
                }
                let pending = transform.apply(&mut params, Pending::NONE).unwrap();
                sgd.step(StepArgs::new(0.1).clip(pending), &mut params).unwrap();
            }
            let all_finite = params.names().all(|p| params[p].iter().all(|x| x.is_finite()));
            assert!(all_finite, "{name}, zeros {zeros}");
        }
    }
}

/// A row of the table, as a part of a tuple.
struct Part(Box<dyn Transform<f64>>);

impl Transform<f64> for Part {
    fn apply(&mut self, params: &mut dyn Parameters<f64>, pending: Pending) -> Result<Pending> {
        self.0.apply(params, pending)
    }
    fn state(&self) -> StateDict {
        self.0.state()
    }
    fn load_state(&mut self, state: &StateDict) -> Result<()> {
        self.0.load_state(state)
    }
}

#[test]
fn a_tuple_is_its_parts_in_turn() {
    for (first_name, first) in rows() {
        for (second_name, second) in rows() {
            let name = format!("({first_name}, {second_name})");
            let (mut params, mut apart) = (dict(), dict());
            let make =
                |params: &mut Dict<f64>| (Part((first.make)(params)), Part((second.make)(params)));
            let (mut tuple, mut parts) = (make(&mut params), make(&mut apart));
            let mut state = StateDict::new();
            for t in 0..2 {
                set_values(&mut params, t);
                set_values(&mut apart, t);
                set_gradients(&mut params, t);
                set_gradients(&mut apart, t);
                let pending = tuple.apply(&mut params, Pending::NONE).unwrap();
                let between = parts.0.apply(&mut apart, Pending::NONE).unwrap();
                let want = parts.1.apply(&mut apart, between).unwrap();
                assert_eq!(pending, want, "{name}");
                assert_eq!(gradients(&mut params), gradients(&mut apart), "{name}");
                state = StateDict::new();
                state.extend("0", parts.0.state());
                state.extend("1", parts.1.state());
                assert_eq!(tuple.state(), state, "{name}");
            }
            let mut resumed = make(&mut params);
            resumed.load_state(&through_bytes(state.clone())).unwrap();
            assert_eq!(resumed.state(), state, "{name}");
        }
    }
}

#[test]
fn a_tuple_that_is_refused_a_state_keeps_what_it_had() {
    let make = |params: &mut Dict<f64>| {
        let clip: Box<dyn Transform<f64>> = Box::new(ClipValue { limit: 2.0 });
        (
            clip,
            GradientNoise::new(Noise::new(3)),
            ClipGlobalNorm::torch(),
            GradientAverage::bind(0.9, params).unwrap(),
            LbfgsDirection::bind(params).unwrap(),
        )
    };
    let mut params = dict();
    let mut chain = make(&mut params);
    for t in 0..3 {
        set_gradients(&mut params, t);
        let _ = chain.apply(&mut params, Pending::NONE).unwrap();
    }
    let saved = chain.state();
    let mut fresh = make(&mut params);
    let before = fresh.state();
    // A count of the fourth part that is missing, one that belongs to no part.
    let mut short = StateDict::new();
    for (name, entry) in saved.iter().filter(|(name, _)| *name != "3.t") {
        short.insert_entry(name, entry.clone());
    }
    let error = fresh.load_state(&short).unwrap_err().to_string();
    assert!(error.contains("t is missing"), "{error}");
    assert_eq!(fresh.state(), before);
    let mut more = saved.clone();
    more.insert_count("5.t", 1);
    let error = fresh.load_state(&more).unwrap_err().to_string();
    assert!(error.contains("5.t is unexpected"), "{error}");
    assert_eq!(fresh.state(), before);
    fresh.load_state(&through_bytes(saved.clone())).unwrap();
    assert_eq!(fresh.state(), saved);
}
