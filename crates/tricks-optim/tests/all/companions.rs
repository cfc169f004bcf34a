//! What rides along with an optimizer.
#![allow(clippy::unwrap_used)]

use tricks_optim::{
    Accumulate, Adam, AdamW, Averaging, ClipGlobalNorm, Group, Lbfgs, Lookahead, LossScaler,
    Momentum, Optimizer, Pending, Projection, Sam, Sgd, SkipNonFinite, StepArgs, Transform as _,
    TrustRatio, UpdateRatio, WeightAverage, clip_global_norm, project,
};
use tricks_tensor::ndarray::{arr1, arr2};
use tricks_tensor::{
    Dict, Entry, Error, Float, Noise, ParamKind, ParamMut, Parameters, Path, Place, RowGrad,
    StateDict, Values,
};

/// A buffer in front and in the middle, which nothing may take for a parameter.
fn params() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert_as("a", ParamKind::Buffer, arr1(&[70.0, 71.0]));
    params.insert("b", arr2(&[[3.0, 4.0]]));
    params.insert_as("c", ParamKind::Buffer, arr1(&[72.0]));
    params.insert_as("d", ParamKind::Bias, arr1(&[1.0]));
    set(&mut params, [1.0, 1.0], 1.0);
    params
}

fn set(params: &mut Dict<f64>, b: [f64; 2], d: f64) {
    params.set_grad("b", arr2(&[b]).view().into_dyn()).unwrap();
    params.set_grad("d", arr1(&[d]).view().into_dyn()).unwrap();
}

fn numbers(seed: u64, len: usize) -> Vec<f64> {
    let mut draws = vec![0.0; len];
    Noise::new(seed).fill_uniform(0, &mut draws);
    draws.into_iter().map(|u| 2.0 * u - 1.0).collect()
}

/// Gradients of step `t`.
fn draw(params: &mut Dict<f64>, t: u64) {
    let draws = numbers(t, 3);
    set(params, [draws[0], draws[1]], draws[2]);
}

fn bits<F: Float>(params: &mut (impl Parameters<F> + ?Sized)) -> Vec<u64> {
    let mut all = Vec::new();
    params.visit(&Path::ROOT, &mut |_, param| {
        all.extend(param.value.iter().map(|x| x.widen().to_bits()));
    });
    all
}

fn buffers_stay(params: &Dict<f64>) {
    assert_eq!(params["a"], arr1(&[70.0, 71.0]).into_dyn());
    assert_eq!(params["c"], arr1(&[72.0]).into_dyn());
}

/// The state as a file would give it back.
fn saved(state: StateDict) -> StateDict {
    #[cfg(feature = "safetensors")]
    let state = StateDict::from_bytes("state", &state.to_bytes().unwrap()).unwrap();
    state
}

/// Sets of parameters that are not [`params`].
fn others() -> [Dict<f64>; 4] {
    let (mut renamed, mut reshaped, mut more, mut fewer) = (params(), params(), params(), params());
    renamed.remove("d");
    renamed.insert("e", arr1(&[1.0]));
    reshaped.insert("b", arr1(&[3.0, 4.0]));
    more.insert("e", arr1(&[1.0]));
    fewer.remove("d");
    [renamed, reshaped, more, fewer]
}

/// Sees that all other sets are refused and stay as they are.
fn refuses_others(mut call: impl FnMut(&mut Dict<f64>) -> bool) {
    for (i, mut other) in others().into_iter().enumerate() {
        let before = bits(&mut other);
        assert!(call(&mut other), "set {i} is taken");
        assert_eq!(bits(&mut other), before, "set {i}");
    }
}

const AVERAGES: [Averaging; 4] = [
    Averaging::Exponential { decay: 0.5 },
    Averaging::Corrected { decay: 0.5 },
    Averaging::WarmUp { decay: 0.999 },
    Averaging::Equal,
];

#[test]
fn averages_are_as_computed_by_hand() {
    // θ of d goes 0, −1, −2.
    for averaging in AVERAGES {
        let mut params = params();
        let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
        let mut average = WeightAverage::bind(averaging, &mut params).unwrap();
        for _ in 0..3 {
            sgd.step(1.0, &mut params).unwrap();
            average.update(&mut params).unwrap();
        }
        let want = match averaging {
            // 0, −½, −1¼
            Averaging::Exponential { .. } => -1.25,
            // (¼·0 − ½·1 − 1·2) / (¼ + ½ + 1)
            Averaging::Corrected { .. } => -2.5 / 1.75,
            // −9/11 after two, a quarter of which is kept.
            Averaging::WarmUp { .. } => 0.25 * (-9.0 / 11.0) - 0.75 * 2.0,
            _ => -1.0,
        };
        let got = average.get("d").unwrap()[0];
        assert!((got - want).abs() < 1e-15, "{averaging:?}: {got} against {want}");
        assert_eq!((average.get("a"), average.get("c")), (None, None));
        let seen = average.evaluate(&mut params, |params| params["d"][[0]]).unwrap();
        assert_eq!((seen, params["d"][[0]]), (got, -2.0));
        average.overwrite(&mut params).unwrap();
        assert_eq!(params["d"][[0]], got);
        buffers_stay(&params);
    }
    for decay in [1.0, -0.1, f64::NAN] {
        let wrong = Averaging::Exponential { decay };
        assert!(WeightAverage::bind(wrong, &mut params()).is_err());
    }
}

#[test]
fn an_average_inside_the_step_has_the_bits_of_one_beside_it() {
    // Small, and large enough to be shared out; a frozen parameter, and one without a gradient.
    for len in [5, 150_001] {
        for averaging in AVERAGES {
            let mut fused = Dict::new();
            fused.insert_as("a", ParamKind::Buffer, arr1(&[70.0]));
            fused.insert("b", arr1(&numbers(1, len)));
            fused.insert_as("c", ParamKind::Buffer, arr1(&[71.0]));
            fused.insert("d", arr1(&numbers(2, 7)));
            fused.insert("frozen", arr1(&numbers(3, 7)));
            let mut apart = fused.clone();
            let bind = |params: &mut Dict<f64>| {
                let frozen = Group { frozen: true, ..Group::default() };
                let builder = Optimizer::builder(AdamW::torch());
                let builder = builder.group(|place| place.path.is("frozen"), frozen);
                let average = WeightAverage::bind(averaging, params).unwrap();
                (builder.bind(params).unwrap(), average)
            };
            let (mut adam, mut inside) = bind(&mut fused);
            let (mut same, mut beside) = bind(&mut apart);
            for t in 0..5 {
                for params in [&mut fused, &mut apart] {
                    params.set_grad("b", arr1(&numbers(10 + t, len)).view().into_dyn()).unwrap();
                    params.set_grad("d", arr1(&numbers(20 + t, 7)).view().into_dyn()).unwrap();
                    if t == 2 {
                        params.clear_grad("d");
                    }
                }
                adam.step(StepArgs::new(0.01).average(&mut inside), &mut fused).unwrap();
                same.step(0.01, &mut apart).unwrap();
                beside.update(&mut apart).unwrap();
                assert_eq!(bits(&mut fused), bits(&mut apart));
                assert!(inside.state() == beside.state(), "{averaging:?}, {len}, step {t}");
            }
            assert_ne!(inside.get("b").unwrap(), fused["b"].as_slice().unwrap());
            assert_eq!(inside.updates(), 5);
        }
    }
}

#[test]
fn a_refused_step_does_not_count_in_its_average() {
    let mut params = params();
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    let mut average = WeightAverage::bind(Averaging::Equal, &mut params).unwrap();
    adam.step(StepArgs::new(0.1).average(&mut average), &mut params).unwrap();
    let before = average.state();
    set(&mut params, [1.0, f64::NAN], 1.0);
    adam.step(StepArgs::new(0.1).average(&mut average), &mut params).unwrap_err();
    assert_eq!(average.state(), before);
    // An average of other parameters.
    for mut other in others() {
        let mut wrong = WeightAverage::bind(Averaging::Equal, &mut other).unwrap();
        set(&mut params, [1.0, 1.0], 1.0);
        let (values, state, of) = (bits(&mut params), adam.state(), wrong.state());
        adam.step(StepArgs::new(0.1).average(&mut wrong), &mut params).unwrap_err();
        assert_eq!((bits(&mut params), adam.state(), wrong.state()), (values, state, of));
    }
    let before = average.state();
    refuses_others(|other| average.update(other).is_err());
    refuses_others(|other| average.swap(other).is_err());
    refuses_others(|other| average.overwrite(other).is_err());
    refuses_others(|other| average.evaluate(other, |_| ()).is_err());
    assert_eq!(average.state(), before);
}

#[test]
fn averages_and_lookahead_resume_with_their_optimizer() {
    for averaging in AVERAGES {
        let bind = |params: &mut Dict<f64>| {
            let adam = Optimizer::builder(Adam::torch()).bind(params).unwrap();
            let average = WeightAverage::bind(averaging, params).unwrap();
            (adam, average, Lookahead::bind(3, 0.5, params).unwrap())
        };
        type All = (Optimizer<f64, Adam>, WeightAverage<f64>, Lookahead<f64>);
        let step = |(adam, average, lookahead): &mut All, params: &mut Dict<f64>, t: u64| {
            draw(params, t);
            adam.step(StepArgs::new(0.1).average(average), params).unwrap();
            lookahead.update(params).unwrap()
        };
        let mut values = params();
        let mut whole = bind(&mut values);
        let moved: Vec<bool> = (0..5).map(|t| step(&mut whole, &mut values, t)).collect();
        assert_eq!(moved, [false, false, true, false, false]);
        let mut file = StateDict::new();
        file.extend("adam", whole.0.state());
        file.extend("average", whole.1.state());
        file.extend("lookahead", whole.2.state());
        let file = saved(file);
        let mut resumed_values = values.clone();
        // Bound before the values were there: slow weights and averages come from the file.
        let mut resumed = bind(&mut params());
        resumed.0.load_state(&file.section("adam")).unwrap();
        resumed.1.load_state(&file.section("average")).unwrap();
        resumed.2.load_state(&file.section("lookahead")).unwrap();
        for t in 5..9 {
            let moved = step(&mut whole, &mut values, t);
            assert_eq!(step(&mut resumed, &mut resumed_values, t), moved);
            assert_eq!(bits(&mut values), bits(&mut resumed_values), "{averaging:?}, {t}");
        }
        assert_eq!(whole.1.state(), resumed.1.state());
        assert_eq!(whole.2.state(), resumed.2.state());
        // The state of one is none of the other, and leaves it as it was.
        assert!(resumed.1.load_state(&file.section("lookahead")).is_err());
        assert!(resumed.2.load_state(&file.section("average")).is_err());
        assert_eq!(whole.1.state(), resumed.1.state());
        assert_eq!(whole.2.state(), resumed.2.state());
    }
}

#[test]
fn lookahead_is_as_computed_by_hand() {
    let mut params = params();
    let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
    let mut lookahead = Lookahead::bind(2, 0.25, &mut params).unwrap();
    for moves in [false, true, false, true] {
        sgd.step(1.0, &mut params).unwrap();
        assert_eq!(lookahead.update(&mut params).unwrap(), moves);
    }
    // A quarter of the way of 2 steps, twice.
    assert_eq!(params["b"], arr2(&[[2.0, 3.0]]).into_dyn());
    assert_eq!((params["d"][[0]], lookahead.get("d")), (0.0, Some(&[0.0][..])));
    buffers_stay(&params);
    // Refused whether it would move or not.
    for _ in 0..2 {
        let before = lookahead.state();
        refuses_others(|other| lookahead.update(other).is_err());
        assert_eq!(lookahead.state(), before);
        lookahead.update(&mut params).unwrap();
    }
    for calls in [2, u64::MAX] {
        let (mut state, before) = (lookahead.state(), lookahead.state());
        state.insert_count("calls", calls);
        let error = lookahead.load_state(&state).unwrap_err().to_string();
        assert!(error.contains(&format!("calls is {calls}")), "{error}");
        assert_eq!(lookahead.state(), before);
    }
    assert!(Lookahead::bind(0, 0.5, &mut params).is_err());
    for slow_step in [1.5, -0.1, f64::NAN] {
        assert!(Lookahead::bind(2, slow_step, &mut params).is_err());
    }
}

#[test]
fn a_loss_scale_follows_overflow_and_shows_in_no_bit() {
    let mut scaler = LossScaler::new(8.0).unwrap().policy(4.0, 0.25, 2).unwrap();
    let (mut scaled, mut plain) = (params(), params());
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut scaled).unwrap();
    let mut same = Optimizer::builder(Adam::torch()).bind(&mut plain).unwrap();
    // Before each step: s, and the steps since it changed.
    let run = [(8.0, 0), (8.0, 1), (32.0, 0), (32.0, 1), (8.0, 0), (8.0, 1), (32.0, 0)];
    for (t, want) in run.into_iter().enumerate() {
        assert_eq!((scaler.scale(), scaler.good()), want, "step {t}");
        if t == 4 {
            // Saved and taken up in the middle.
            let mut other = LossScaler::new(1.0).unwrap().policy(4.0, 0.25, 2).unwrap();
            other.load_state(&saved(scaler.state())).unwrap();
            assert_eq!(other, scaler);
            scaler = other;
        }
        let s = scaler.scale();
        let draws = numbers(t as u64, 3);
        let overflow = t == 3;
        let first = if overflow { f64::INFINITY } else { s * draws[0] };
        set(&mut scaled, [first, s * draws[1]], s * draws[2]);
        let before = bits(&mut scaled);
        match scaler.check(&mut scaled) {
            Some(pending) => {
                assert!(!overflow);
                adam.step(StepArgs::new(0.1).clip(pending), &mut scaled).unwrap();
                set(&mut plain, [draws[0], draws[1]], draws[2]);
                same.step(0.1, &mut plain).unwrap();
                assert_eq!(bits(&mut scaled), bits(&mut plain), "step {t}");
                assert_ne!(bits(&mut scaled), before);
            }
            None => assert!(overflow),
        }
    }
    assert_eq!(adam.state(), same.state());
}

#[test]
fn a_loss_scale_stays_in_range() {
    let mut scaler = LossScaler::new(1e38).unwrap().policy(2.0, 0.5, 1).unwrap();
    (0..5).for_each(|_| scaler.update(true));
    assert_eq!(scaler.scale(), 2e38);
    let mut scaler = LossScaler::new(1e-37).unwrap();
    (0..10).for_each(|_| scaler.update(false));
    assert_eq!(scaler.scale(), f64::from(f32::MIN_POSITIVE));
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(LossScaler::new(scale).is_err());
        let (mut state, before) = (scaler.state(), scaler);
        state.insert_number("scale", scale);
        assert!(scaler.load_state(&state).is_err());
        assert_eq!(scaler, before);
    }
    let new = || LossScaler::new(1.0).unwrap();
    for growth in [0.5, f64::NAN, f64::INFINITY] {
        assert!(new().policy(growth, 0.5, 1).is_err());
    }
    for backoff in [0.0, 1.5, f64::NAN] {
        assert!(new().policy(2.0, backoff, 1).is_err());
    }
    assert!(new().policy(2.0, 0.5, 0).is_err());
    // A count no run reaches.
    let mut state = scaler.state();
    state.insert_count("good", u64::MAX);
    let before = scaler;
    assert!(scaler.load_state(&state).unwrap_err().to_string().contains("good"));
    assert_eq!(scaler, before);
}

#[test]
fn bad_steps_are_skipped_up_to_a_number_in_a_row() {
    let mut params = params();
    let mut skip = SkipNonFinite::new(2);
    // Whether the gradient is bad; bad ones in a row and in all after it.
    let run = [(true, 1, 1), (true, 2, 2), (false, 0, 2), (true, 1, 3), (true, 2, 4), (true, 3, 5)];
    for (i, (bad, row, total)) in run.into_iter().enumerate() {
        if i == 4 {
            let mut other = SkipNonFinite::new(2);
            other.load_state(&saved(skip.state())).unwrap();
            assert_eq!(other, skip);
            skip = other;
        }
        set(&mut params, [1.0, 1.0], if bad { f64::NEG_INFINITY } else { 1.0 });
        let before = bits(&mut params);
        let found = skip.allows(&mut params);
        assert_eq!((skip.in_a_row(), skip.total()), (row, total), "{i}");
        match row {
            3 => {
                let error = found.unwrap_err().to_string();
                assert!(error.contains("3 in a row, at most 2: d: gradient is -inf"), "{error}");
            }
            _ => assert_eq!(found.unwrap(), !bad, "{i}"),
        }
        assert_eq!(bits(&mut params), before);
    }
    let before = skip;
    assert!(skip.load_state(&StateDict::new()).is_err());
    assert_eq!(skip, before);
}

const ROWS: usize = 6;

/// A buffer, a table whose gradient has some rows or none at all, and a vector.
#[derive(Clone)]
struct Model {
    running: [f64; 2],
    table: Vec<f64>,
    rows: Option<RowGrad<f64>>,
    vector: [f64; 2],
    grad: Option<[f64; 2]>,
}

impl Model {
    fn new() -> Self {
        let table = numbers(1, 2 * ROWS);
        Self { running: [7.0; 2], table, rows: None, vector: [1.0, 2.0], grad: None }
    }

    fn set(&mut self, rows: Option<&[usize]>, seed: u64, dense: bool) {
        let draws = numbers(seed, 2 * ROWS + 2);
        self.rows = rows.map(|rows| {
            let mut grad = RowGrad::new(2);
            grad.add_all(rows, &draws[..2 * rows.len()]);
            grad
        });
        self.grad = dense.then(|| [draws[2 * ROWS], draws[2 * ROWS + 1]]);
    }

    /// The gradients as numbers.
    fn dense(&mut self) -> Vec<f64> {
        let mut all = Vec::new();
        self.visit(&Path::ROOT, &mut |place, param| {
            if place.kind != ParamKind::Buffer {
                let len = param.value.len();
                let grad = param.grad.to_dense(place.shape[0], len);
                all.extend(grad.unwrap_or_else(|| vec![0.0; len]));
            }
        });
        all
    }
}

impl Parameters<f64> for Model {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        let path = at.name("running");
        let place = Place { path: &path, kind: ParamKind::Buffer, shape: &[2] };
        f(place, ParamMut::absent(&mut self.running));
        let path = at.name("table");
        let place = Place { path: &path, kind: ParamKind::Embedding, shape: &[ROWS, 2] };
        let param = match &mut self.rows {
            Some(rows) => ParamMut { value: &mut self.table, grad: rows.lend() },
            None => ParamMut::absent(&mut self.table),
        };
        f(place, param);
        let path = at.name("vector");
        let place = Place { path: &path, kind: ParamKind::Bias, shape: &[2] };
        let param = match &mut self.grad {
            Some(grad) => ParamMut::dense(&mut self.vector, grad),
            None => ParamMut::absent(&mut self.vector),
        };
        f(place, param);
    }
}

/// Batches: rows of the table, or none at all; whether the vector has a gradient.
type Batches<'a> = &'a [(Option<&'a [usize]>, bool)];

const BATCHES: [Batches<'static>; 5] = [
    &[(Some(&[4, 1]), true), (Some(&[1, 5]), true), (Some(&[0]), true)],
    &[(Some(&[2]), false), (None, true), (Some(&[2, 3]), false)],
    &[(None, true), (None, true), (None, false)],
    // Batches that touch no row.
    &[(Some(&[]), true), (Some(&[3]), false), (Some(&[]), true)],
    &[(None, false), (Some(&[]), false), (Some(&[1]), false)],
];

#[test]
fn accumulated_batches_are_one_big_batch() {
    for sum in [false, true] {
        let mut model = Model::new();
        let mut accumulate = Accumulate::bind(3, &mut model).unwrap();
        accumulate.sum = sum;
        for (i, batches) in BATCHES.iter().enumerate() {
            let mut want = [0.0; 2 * ROWS + 2];
            let mut touched = [false; ROWS];
            let mut has_vector = false;
            for (k, (rows, dense)) in batches.iter().enumerate() {
                model.set(*rows, (10 * i + k) as u64, *dense);
                let share = if sum { 1.0 } else { 1.0 / 3.0 };
                want.iter_mut().zip(model.dense()).for_each(|(w, g)| *w += share * g);
                rows.unwrap_or_default().iter().for_each(|row| touched[*row] = true);
                has_vector |= dense;
                assert_eq!(accumulate.added(), k as u64);
                assert_eq!(accumulate.add(&mut model).unwrap(), k == 2);
            }
            // What one big batch leaves: clipped once, then stepped.
            let mut big = model.clone();
            let rows: Vec<usize> = (0..ROWS).filter(|row| touched[*row]).collect();
            big.rows = (!rows.is_empty()).then(|| {
                let mut grad = RowGrad::new(2);
                rows.iter().for_each(|row| grad.add(*row, &want[2 * row..][..2]));
                grad
            });
            big.grad = has_vector.then(|| [want[2 * ROWS], want[2 * ROWS + 1]]);
            let norm = want.iter().map(|g| g * g).sum::<f64>().sqrt();
            let start = model.clone();
            let mut sgd = Optimizer::builder(Momentum::torch()).bind(&mut model).unwrap();
            let clip = clip_global_norm(&mut accumulate.over(&mut model), 0.1).unwrap();
            assert!((clip.norm() - norm).abs() <= 1e-12 * norm, "{i}");
            let args = StepArgs::new(0.5).clip(clip);
            sgd.step(args, &mut accumulate.over(&mut model)).unwrap();
            let mut same = Optimizer::builder(Momentum::torch()).bind(&mut big).unwrap();
            let clip = clip_global_norm(&mut big, 0.1).unwrap();
            same.step(StepArgs::new(0.5).clip(clip), &mut big).unwrap();
            let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
            assert!(near(&model.table, &big.table) && near(&model.vector, &big.vector), "{i}");
            assert_eq!(sgd.state().count("vector/t").unwrap(), u64::from(has_vector), "{i}");
            for (row, touched) in touched.into_iter().enumerate() {
                let moved = model.table[2 * row..][..2] != start.table[2 * row..][..2];
                assert_eq!(moved, touched, "{i}, row {row}");
            }
            assert_eq!(model.running, [7.0; 2]);
        }
    }
}

#[test]
fn accumulation_resumes_between_any_two_batches() {
    let batches = BATCHES.concat();
    for stop in 0..batches.len() {
        let mut model = Model::new();
        let mut sgd = Optimizer::builder(Momentum::torch()).bind(&mut model).unwrap();
        let mut accumulate = Accumulate::bind(3, &mut model).unwrap();
        let mut resumed = None;
        for (t, (rows, dense)) in batches.iter().enumerate() {
            if t == stop {
                let mut other = model.clone();
                let mut optimizer = Optimizer::builder(Momentum::torch()).bind(&mut other).unwrap();
                optimizer.load_state(&saved(sgd.state())).unwrap();
                let mut sums = Accumulate::bind(3, &mut other).unwrap();
                let state = accumulate.state();
                sums.load_state(&saved(state.clone())).unwrap();
                assert_eq!(sums.state(), state, "stop {stop}");
                resumed = Some((other, optimizer, sums));
            }
            model.set(*rows, t as u64, *dense);
            if accumulate.add(&mut model).unwrap() {
                sgd.step(0.1, &mut accumulate.over(&mut model)).unwrap();
            }
            let Some((other, optimizer, sums)) = &mut resumed else { continue };
            other.set(*rows, t as u64, *dense);
            if sums.add(other).unwrap() {
                optimizer.step(0.1, &mut sums.over(other)).unwrap();
            }
            assert_eq!(bits(other), bits(&mut model), "stop {stop}, batch {t}");
        }
    }
}

#[test]
fn accumulation_refuses_what_does_not_belong_together() {
    let mut model = params();
    let mut accumulate = Accumulate::bind(2, &mut model).unwrap();
    accumulate.add(&mut model).unwrap();
    let before = accumulate.state();
    refuses_others(|other| accumulate.add(other).is_err());
    assert_eq!(accumulate.state(), before);
    assert!(Accumulate::bind(0, &mut model).is_err());
    // Rows where there were numbers for all.
    let mut table = Model::new();
    let mut accumulate = Accumulate::bind(3, &mut table).unwrap();
    table.set(Some(&[1]), 1, true);
    accumulate.add(&mut table).unwrap();
    let before = accumulate.state();
    let mut dense = Dict::new();
    dense.insert_as("running", ParamKind::Buffer, arr1(&[7.0; 2]));
    dense.insert_as("table", ParamKind::Embedding, arr2(&[[1.0; 2]; ROWS]));
    dense.insert_as("vector", ParamKind::Bias, arr1(&[1.0; 2]));
    dense.set_grad("table", arr2(&[[1.0; 2]; ROWS]).view().into_dyn()).unwrap();
    dense.set_grad("vector", arr1(&[1.0; 2]).view().into_dyn()).unwrap();
    let error = accumulate.add(&mut dense).unwrap_err().to_string();
    assert!(error.contains("table: one gradient is row-sparse"), "{error}");
    assert_eq!(accumulate.state(), before);
    // States of no run.
    let list =
        |numbers: Vec<u64>| Entry { shape: vec![numbers.len()], values: Values::U64(numbers) };
    let mut cases = vec![StateDict::new(); 3];
    cases[0].insert_count("added", 3);
    cases[1].insert_count("added", 1);
    cases[1].insert_entry("table/rows", list(vec![ROWS as u64]));
    cases[1].insert("table/values", &[1, 2], &[1.0f64; 2]);
    cases[2].insert_count("added", 1);
    cases[2].insert_entry("table/rows", list(vec![1]));
    cases[2].insert("table/values", &[1, 3], &[1.0f64; 3]);
    for (i, case) in cases.iter().enumerate() {
        assert!(matches!(accumulate.load_state(case), Err(Error::State { .. })), "{i}");
        assert_eq!(accumulate.state(), before, "{i}");
    }
    // Rows of a single number, which has none.
    let mut scalar = Dict::<f64>::new();
    scalar.insert("s", tricks_tensor::ndarray::arr0(1.0));
    scalar.insert("t", arr1(&[1.0, 2.0]));
    let mut accumulate = Accumulate::bind(2, &mut scalar).unwrap();
    let mut state = StateDict::new();
    state.insert_count("added", 1);
    state.insert_entry("s/rows", list(vec![]));
    state.insert("t/sum", &[2], &[1.0f64; 2]);
    assert!(matches!(accumulate.load_state(&state), Err(Error::State { .. })));
    // No row, of a table: nothing is known of it, and rows may come.
    let mut accumulate = Accumulate::bind(3, &mut table).unwrap();
    let mut state = StateDict::new();
    state.insert_count("added", 1);
    state.insert_entry("table/rows", list(vec![]));
    state.insert::<f64>("table/values", &[0, 2], &[]);
    accumulate.load_state(&state).unwrap();
    table.set(Some(&[1]), 1, true);
    accumulate.add(&mut table).unwrap();
    assert_eq!(accumulate.state().entry("table/rows"), Some(&list(vec![1])));
}

#[test]
fn sam_is_as_computed_by_hand() {
    let mut params = params();
    set(&mut params, [6.0, 8.0], 0.0);
    let before = bits(&mut params);
    let mut sam = Sam::bind(&mut params).unwrap();
    assert!(sam.restore(&mut params).is_err());
    sam.ascend(&mut params).unwrap();
    let b = &params["b"];
    assert!((b[[0, 0]] - 3.03).abs() < 1e-12 && (b[[0, 1]] - 4.04).abs() < 1e-12, "{b}");
    assert_eq!(params["d"][[0]], 1.0);
    buffers_stay(&params);
    let away = bits(&mut params);
    assert!(sam.ascend(&mut params).is_err());
    refuses_others(|other| sam.restore(other).is_err());
    assert_eq!(bits(&mut params), away);
    sam.restore(&mut params).unwrap();
    assert_eq!(bits(&mut params), before);

    // ASAM, without a gradient for d.
    let mut sam = Sam::adaptive(&mut params).unwrap();
    params.clear_grad("d");
    sam.ascend(&mut params).unwrap();
    let (t0, t1) = (3.01, 4.01f64);
    let norm = (t0 * 6.0f64).hypot(t1 * 8.0);
    let want = [3.0 + 0.5 * t0 * t0 * 6.0 / norm, 4.0 + 0.5 * t1 * t1 * 8.0 / norm];
    let b = &params["b"];
    assert!((b[[0, 0]] - want[0]).abs() < 1e-12 && (b[[0, 1]] - want[1]).abs() < 1e-12, "{b}");
    assert_eq!(params["d"][[0]], 1.0);
    sam.restore(&mut params).unwrap();
    assert_eq!(bits(&mut params), before);

    // What is refused leaves all as it was, and does not count as an ascent.
    let mut sam = Sam::bind(&mut params).unwrap();
    refuses_others(|other| sam.ascend(other).is_err());
    set(&mut params, [6.0, f64::NAN], 0.0);
    assert!(sam.ascend(&mut params).is_err());
    set(&mut params, [6.0, 8.0], 0.0);
    for rho in [-1.0, f64::NAN, f64::INFINITY] {
        sam.rho = rho;
        assert!(sam.ascend(&mut params).is_err());
    }
    sam.rho = 0.05;
    assert_eq!(bits(&mut params), before);
    sam.ascend(&mut params).unwrap();
    sam.restore(&mut params).unwrap();
    // No gradient at all: nowhere to go.
    set(&mut params, [0.0; 2], 0.0);
    sam.ascend(&mut params).unwrap();
    assert_eq!(bits(&mut params), before);
    sam.restore(&mut params).unwrap();

    let mut table = Model::new();
    let mut sam = Sam::bind(&mut table).unwrap();
    table.set(Some(&[1]), 1, true);
    let before = bits(&mut table);
    assert!(sam.ascend(&mut table).unwrap_err().to_string().contains("row-sparse"));
    assert_eq!(bits(&mut table), before);
}

#[test]
fn projections_are_as_computed_by_hand() {
    let cases: &[(Projection, [f64; 4])] = &[
        (Projection::NonNegative, [3.0, 0.0, 0.0, 0.5]),
        (Projection::Box { lower: -1.0, upper: 2.0 }, [2.0, -1.0, 0.0, 0.5]),
        (Projection::Simplex { total: 1.0 }, [1.0, 0.0, 0.0, 0.0]),
        (Projection::Simplex { total: 3.5 }, [3.0, 0.0, 0.0, 0.5]),
        (Projection::L1Ball { radius: 3.0 }, [1.0, -2.0, 0.0, 0.0]),
        (Projection::L1Ball { radius: 8.0 }, [3.0, -4.0, 0.0, 0.5]),
        (Projection::LInfBall { radius: 2.0 }, [2.0, -2.0, 0.0, 0.5]),
        // Rows (3, −4) and (0, ½).
        (Projection::MaxNorm { max: 1.0 }, [0.6, -0.8, 0.0, 0.5]),
        (Projection::UnitNorm, [0.6, -0.8, 0.0, 1.0]),
        (Projection::L2Ball { radius: 25.25f64.sqrt() / 2.0 }, [1.5, -2.0, 0.0, 0.25]),
        (Projection::L2Ball { radius: 6.0 }, [3.0, -4.0, 0.0, 0.5]),
    ];
    for (projection, want) in cases {
        let mut params = Dict::new();
        params.insert_as("a", ParamKind::Buffer, arr2(&[[3.0, -4.0], [0.0, 0.5]]));
        params.insert("b", arr2(&[[3.0, -4.0], [0.0, 0.5]]));
        params.insert("c", arr2(&[[3.0, -4.0], [0.0, 0.5]]));
        params.insert("e", arr2(&[[]; 2] as &[[f64; 0]; 2]));
        let kept = params["a"].clone();
        project(*projection, &mut params, |place| !place.path.is("c")).unwrap();
        for (got, want) in params["b"].iter().zip(want) {
            assert!((got - want).abs() < 1e-12, "{projection:?}: {}", params["b"]);
        }
        assert_eq!((&params["a"], &params["c"]), (&kept, &kept), "{projection:?}");
        // What is inside stays.
        let once = params["b"].clone();
        project(*projection, &mut params, |_| true).unwrap();
        assert!(
            params["b"].iter().zip(&once).all(|(a, b)| (a - b).abs() < 1e-12),
            "{projection:?}"
        );
    }
    for x in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
        let wrong = [
            Projection::Simplex { total: x },
            Projection::L1Ball { radius: x },
            Projection::L2Ball { radius: x },
            Projection::LInfBall { radius: x },
            Projection::MaxNorm { max: x },
            Projection::Box { lower: 1.0, upper: x },
        ];
        for projection in wrong {
            let mut params = params();
            let before = bits(&mut params);
            assert!(project(projection, &mut params, |_| true).is_err(), "{projection:?}");
            assert_eq!(bits(&mut params), before);
        }
    }
}

#[test]
fn update_ratios_are_as_computed_by_hand() {
    let mut params = params();
    set(&mut params, [3.0, 4.0], 1.0);
    let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
    let mut watch = UpdateRatio::bind(&mut params).unwrap();
    sgd.step(0.5, &mut params).unwrap();
    watch.before(&mut params).unwrap();
    refuses_others(|other| watch.before(other).is_err());
    params.clear_grad("d");
    sgd.step(0.25, &mut params).unwrap();
    refuses_others(|other| watch.after(other).is_err());
    let found = watch.after(&mut params).unwrap();
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["b", "d"]);
    // From (1.5, 2) by (0.75, 1); d stayed at 0.5.
    assert_eq!((found[0].update, found[0].weight, found[0].ratio()), (1.25, 2.5, 0.5));
    assert_eq!((found[1].update, found[1].weight, found[1].ratio()), (0.0, 0.5, 0.0));
    buffers_stay(&params);
}

#[test]
fn a_clip_of_what_was_accumulated_is_fused() {
    // Mean (3, 4) of norm 5 over both parameters, brought to 1.
    let mut params = params();
    let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
    let mut accumulate = Accumulate::bind(2, &mut params).unwrap();
    set(&mut params, [6.0, 0.0], 3.0);
    assert!(!accumulate.add(&mut params).unwrap());
    set(&mut params, [0.0, 8.0], -3.0);
    assert!(accumulate.add(&mut params).unwrap());
    let clip = ClipGlobalNorm::optax().measure(&mut accumulate.over(&mut params)).unwrap();
    assert_eq!(clip.norm(), 5.0);
    sgd.step(StepArgs::new(1.0).clip(clip), &mut accumulate.over(&mut params)).unwrap();
    assert!((params["b"][[0, 0]] - 2.4).abs() < 1e-15 && (params["b"][[0, 1]] - 3.2).abs() < 1e-15);
    assert_eq!(params["d"][[0]], 1.0);
    buffers_stay(&params);
}

/// What a closure has done to a gradient keeps no parameter from coming back.
#[test]
fn parameters_come_back_from_closures_that_break_gradients() {
    let (mut w, mut dw, mut short) = ([1.0, 2.0], [0.5, -0.5], [0.0]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut average = WeightAverage::bind(Averaging::Equal, &mut params).unwrap();
    average.update(&mut params).unwrap();
    params[0].1.copy_from_slice(&[7.0, 8.0]);
    let seen = average.evaluate(&mut params, |params| {
        params[0].2 = &mut short[..];
        params[0].1.to_vec()
    });
    assert_eq!(seen.unwrap(), [1.0, 2.0]);
    assert_eq!((&*params[0].1, average.get("w").unwrap()), (&[7.0, 8.0][..], &[1.0, 2.0][..]));

    let (mut w, mut dw, mut short) = ([1.0, 2.0], [0.0; 2], [0.0]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut lbfgs = Lbfgs::strong_wolfe(&mut params).unwrap();
    let (mut calls, mut short) = (0, Some(&mut short[..]));
    let refused = lbfgs.step(1.0, &mut params, |params| {
        calls += 1;
        if calls == 2 {
            params[0].2 = short.take().unwrap();
            return Ok(1.0);
        }
        let [(_, w, dw)] = params;
        dw.copy_from_slice(w);
        Ok(w.iter().map(|w| w * w / 2.0).sum::<f64>())
    });
    let message = refused.unwrap_err().to_string();
    assert_eq!(message, "w: gradient has shape [1], shape [2]");
    assert_eq!((calls, w), (2, [1.0, 2.0]));
}

/// A small total beside large numbers.
#[test]
fn projections_end_in_their_sets() {
    let project = |projection: Projection, mut x: [f64; 2]| {
        projection.apply(&mut x, &[2]).unwrap();
        x
    };
    let simplex = |total| Projection::Simplex { total };
    assert_eq!(project(simplex(1.0), [1e17, 0.0]), [1.0, 0.0]);
    assert_eq!(project(simplex(1e-17), [1.0, 0.5]), [1e-17, 0.0]);
    assert_eq!(project(Projection::L1Ball { radius: 1.0 }, [-1e30, 3.0]), [-1.0, 0.0]);
    let refused = Projection::NonNegative.apply(&mut [1.0], &[usize::MAX, 2]).unwrap_err();
    let message = format!("Projection: 1 numbers do not fill [{}, 2]", usize::MAX);
    assert_eq!(refused.to_string(), message);
}

#[test]
fn shapes_that_no_memory_holds_are_refused() {
    for shape in [[1 << 33, 1 << 33], [usize::MAX, 2]] {
        let path = Path::ROOT.name("w");
        let place = Place { path: &path, kind: ParamKind::Weight, shape: &shape };
        assert!(place.check(&ParamMut::<f32>::dense(&mut [1.0], &mut [1.0])).is_err());
    }
}

/// A factor beyond the number type is the largest there is.
#[test]
fn tiny_gradients_make_no_nan() {
    let (mut w, mut dw) = ([1.0f32, 2.0], [1e-40, 0.0]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut sam = Sam::bind(&mut params).unwrap();
    (sam.eps, sam.rho) = (0.0, 0.05);
    sam.ascend(&mut params).unwrap();
    assert!(params[0].1[0] > 1.0 && params[0].1[0] <= 1.05 && params[0].1[1] == 2.0);
    sam.restore(&mut params).unwrap();
    let _ = TrustRatio::default().apply(&mut params, Pending::NONE).unwrap();
    assert!(dw[0] > 0.0 && dw[0].is_finite() && dw[1] == 0.0, "{dw:?}");
}
