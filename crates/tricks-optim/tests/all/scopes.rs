//! Rules of whole parameters among rules of elements, and memory that no longer fits its rule.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rayon::ThreadPoolBuilder;
use tricks_optim::{
    Accumulate, Adafactor, Adam, Factored, Group, Lamb, Muon, NAdam, Optimizer, Rule, Sgd, Storage,
};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{
    Dict, Grad, Noise, ParamKind, ParamMut, Parameters, Path, Place, RowGrad, StateDict,
};

fn dict(shapes: &[Vec<usize>]) -> Dict<f32> {
    let mut params = Dict::new();
    for (i, shape) in shapes.iter().enumerate() {
        let name = format!("p{i}");
        params.insert(name.as_str(), ArrayD::from_elem(IxDyn(shape), 0.5));
        params.set_grad(&name, ArrayD::from_elem(IxDyn(shape), 0.25).view()).unwrap();
    }
    params
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(10)))]
    /// However whole parameters and others are mixed, work is divided and ends.
    #[test]
    fn work_of_all_scopes_is_divided(
        lens in prop::collection::vec((prop_oneof![1usize..3, 100usize..2000, 60_000usize..90_000], any::<bool>()), 1..6),
        threads in 2usize..5,
    ) {
        let shapes: Vec<_> = lens.iter().map(|(len, _)| vec![*len]).collect();
        let whole: Vec<String> =
            lens.iter().enumerate().filter(|(_, (_, whole))| *whole).map(|(i, _)| format!("p{i}")).collect();
        let run = |threads: usize| {
            let mut params = dict(&shapes);
            let names = whole.clone();
            let lamb: Box<dyn Rule<f32>> = Box::new(Lamb::optax());
            let group = Group { rule: Some(lamb), ..Group::default() };
            let mut optimizer = Optimizer::builder(Sgd)
                .group(move |place| names.iter().any(|name| place.path.is(name)), group)
                .bind(&mut params)
                .unwrap();
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| optimizer.step(0.1, &mut params).unwrap());
            params.names().flat_map(|name| params[name].iter().map(|x| x.to_bits())).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(threads), run(1));
    }
}

#[test]
fn a_large_whole_parameter_before_one_element_is_updated() {
    for len in [200_000, 200_001, 300_000] {
        let mut params = dict(&[vec![len], vec![1]]);
        let group =
            Group { rule: Some(Box::new(Lamb::optax()) as Box<dyn Rule<f32>>), ..Group::default() };
        let mut optimizer = Optimizer::builder(Sgd)
            .group(|place| place.path.is("p0"), group)
            .bind(&mut params)
            .unwrap();
        let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| optimizer.step(0.1, &mut params).unwrap());
        assert!(params["p0"].iter().all(|x| *x < 0.5));
        assert_eq!(params["p1"][[0]], 0.5 - 0.1 * 0.25);
    }
}

/// Changes a rule in mid-run; the step must refuse it and change nothing.
fn refuses_change<R: Rule<f32>>(rule: R, change: impl Fn(&mut R)) {
    let mut params = dict(&[vec![6, 5]]);
    let mut optimizer = Optimizer::builder(rule).bind(&mut params).unwrap();
    optimizer.step(0.1, &mut params).unwrap();
    let before = params["p0"].clone();
    change(optimizer.rule_mut());
    let error = optimizer.step(0.1, &mut params).unwrap_err().to_string();
    assert!(error.contains("p0") && error.contains("memory"), "{error}");
    assert_eq!(params["p0"], before);
}

#[test]
fn a_rule_whose_memory_has_another_shape_is_refused() {
    refuses_change(Adafactor::torch(), |rule| rule.factored = Factored::Never);
    let never = Adafactor { factored: Factored::Never, ..Adafactor::torch() };
    refuses_change(never, |rule| rule.factored = Factored::LastTwo);
    refuses_change(Muon::torch(), |rule| rule.adaptive = true);
    // The same slots, other scalars: Π would start from 0.
    let boxed: Box<dyn Rule<f32>> = Box::new(Adam::torch());
    refuses_change(boxed, |rule| *rule = Box::new(NAdam::torch()));
}

#[test]
fn a_group_that_a_schedule_freezes_is_resumed() {
    let bind = |params: &mut Dict<f32>| {
        Optimizer::builder(Adam::torch())
            .group(|place| place.path.is("p0"), Group::default())
            .follow(|step, _, groups| groups[0].frozen = step < 2)
            .bind(params)
            .unwrap()
    };
    let mut params = dict(&[vec![3], vec![4]]);
    let mut whole = bind(&mut params);
    whole.step(0.1, &mut params).unwrap();
    let mut again = params.clone();
    let mut resumed = bind(&mut again);
    let saved = StateDict::from_bytes("state", &whole.state().to_bytes().unwrap()).unwrap();
    // What was learnt here is not part of what was saved.
    resumed.load_state(&saved).unwrap();
    for _ in 0..3 {
        whole.step(0.1, &mut params).unwrap();
        resumed.step(0.1, &mut again).unwrap();
    }
    assert_eq!(params["p0"], again["p0"]);
    assert_eq!(params["p1"], again["p1"]);
    assert_eq!(whole.state(), resumed.state());

    // A state in which a parameter was never updated takes its memory away.
    let mut fresh = dict(&[vec![3], vec![4]]);
    let never = bind(&mut fresh).state();
    whole.load_state(&never).unwrap();
    assert_eq!(whole.state(), never);
}

#[test]
fn a_negative_average_of_squares_is_refused() {
    let mut params = dict(&[vec![3]]);
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    adam.step(0.1, &mut params).unwrap();
    let good = adam.state();
    let mut bad = good.clone();
    bad.insert("p0/v", &[3], &[0.1f32, -0.1, 0.1]);
    let error = adam.load_state(&bad).unwrap_err().to_string();
    assert!(error.contains("p0/v") && error.contains("-0.1"), "{error}");
    assert_eq!(adam.state(), good);
}

/// The largest of a block may be rounded up, at the edge of what 8 bits hold.
#[test]
fn packed_memory_keeps_the_largest_of_a_block() {
    for largest in [1.0f32, 1.874_999_9, 1.875, 1.999_999_9, 1.9e38] {
        for t in 0..40 {
            let mut params = Dict::<f32>::new();
            params.insert("w", ArrayD::from_elem(IxDyn(&[200]), 0.0));
            let mut grad = ArrayD::from_elem(IxDyn(&[200]), largest / 3.0);
            (grad[[7]], grad[[190]]) = (-largest, -largest);
            params.set_grad("w", grad.view()).unwrap();
            let rule = tricks_optim::Momentum::torch();
            let builder = Optimizer::builder(rule).storage(Storage::Block8, Noise::new(t));
            let mut sgd = builder.bind(&mut params).unwrap();
            sgd.step(0.0, &mut params).unwrap();
            let state = sgd.state();
            let kept = state.get::<f32>("w/b", &[200]).unwrap();
            for (kept, grad) in kept.iter().zip(&grad) {
                assert!((kept / grad - 1.0).abs() < 0.13, "{kept} for {grad}");
            }
        }
    }
}

/// A table of embeddings.
struct Table {
    values: Vec<f32>,
    grad: RowGrad<f32>,
}

impl Parameters<f32> for Table {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f32>)) {
        let path = at.name("table");
        let place = Place { path: &path, kind: ParamKind::Embedding, shape: &[4, 2] };
        f(place, ParamMut { value: &mut self.values, grad: self.grad.lend() });
    }
}

#[test]
fn batches_without_rows_are_accumulated() {
    let mut table = Table { values: vec![0.0; 8], grad: RowGrad::new(2) };
    let mut accumulate = Accumulate::bind(3, &mut table).unwrap();
    assert!(!accumulate.add(&mut table).unwrap());
    table.grad.add(1, &[3.0, 6.0]);
    assert!(!accumulate.add(&mut table).unwrap());
    let state = accumulate.state();
    accumulate.load_state(&state).unwrap();
    assert_eq!(accumulate.state(), state);
    assert!(accumulate.add(&mut table).unwrap());
    accumulate.over(&mut table).visit(&Path::ROOT, &mut |_, param| {
        let Grad::Rows { rows, values } = param.grad else { panic!("rows") };
        assert_eq!((rows, &values[..]), (&[1][..], &[2.0, 4.0][..]));
    });
    // Empty again: what is saved then is read then.
    accumulate.clear();
    let state = accumulate.state();
    accumulate.load_state(&state).unwrap();
}
