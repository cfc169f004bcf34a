//! Groups, schedules, hooks, switches, and rules of every scope beside each other.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use tricks_optim::{
    Adam, AdamW, ClipGlobalNorm, Describe, Group, Lars, MAX_SUMS, Momentum, Muon, Optimizer, Rule,
    Scalar, ScheduleFree, Scope, Sgd, Slot, Slots, StepArgs, StepCx, Storage, WeightDecay,
    clip_global_norm,
};
use tricks_tensor::ndarray::{arr1, arr2};
use tricks_tensor::{
    Dict, Error, Noise, ParamKind, ParamMut, Parameters, Path, Place, Result, RowGrad, StateDict,
    hyper,
};

fn numbers(seed: u64, len: usize) -> Vec<f64> {
    let mut draws = vec![0.0; len];
    Noise::new(seed).fill_uniform(0, &mut draws);
    draws.into_iter().map(|u| 2.0 * u - 1.0).collect()
}

/// Three vectors, a matrix, and a buffer in the middle.
fn params() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert("a", arr1(&[1.0, 2.0]));
    params.insert("b", arr1(&[3.0, 4.0]));
    params.insert_as("c", ParamKind::Buffer, arr1(&[7.0]));
    params.insert("d", arr1(&[5.0]));
    params.insert("e", arr2(&[[1.0, 2.0], [3.0, 4.0]]));
    draw(&mut params, 0);
    params
}

/// Gradients of step `t`.
fn draw(params: &mut Dict<f64>, t: u64) {
    let names: Vec<String> = params.names().map(str::to_string).collect();
    for (i, name) in names.iter().enumerate() {
        if params.kind(name) != Some(ParamKind::Buffer) {
            let mut grad = params.grad_mut(name).unwrap();
            let draws = numbers(100 * t + i as u64, grad.len());
            grad.iter_mut().zip(draws).for_each(|(g, x)| *g = x);
        }
    }
}

fn set(params: &mut Dict<f64>, name: &str, grad: &[f64]) {
    let mut to = params.grad_mut(name).unwrap();
    to.iter_mut().zip(grad).for_each(|(to, g)| *to = *g);
}

fn flat(params: &Dict<f64>, name: &str) -> Vec<f64> {
    params[name].iter().copied().collect()
}

fn bits(params: &mut impl Parameters<f64>) -> Vec<u64> {
    let mut all = Vec::new();
    params.visit(&Path::ROOT, &mut |_, param| all.extend(param.value.iter().map(|x| x.to_bits())));
    all
}

/// The state as a file would give it back.
fn saved(state: StateDict) -> StateDict {
    #[cfg(feature = "safetensors")]
    let state = StateDict::from_bytes("state", &state.to_bytes().unwrap()).unwrap();
    state
}

fn near(got: &[f64], want: &[f64]) {
    let all = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(all, "{got:?} against {want:?}");
}

/// A group that differs in nothing.
fn plain() -> Group<f64> {
    Group::default()
}

fn own(rule: impl Rule<f64>) -> Group<f64> {
    Group { rule: Some(Box::new(rule)), ..plain() }
}

#[test]
fn a_group_is_clipped_by_its_own_norm() {
    let mut params = params();
    let clip = |max_norm| Some(ClipGlobalNorm { max_norm, ..ClipGlobalNorm::optax() });
    let mut sgd = Optimizer::builder(Sgd)
        .group(
            |place| place.path.is("a") || place.path.is("d"),
            Group { clip: clip(1.0), ..plain() },
        )
        .group(|place| place.path.is("b"), Group { clip: clip(100.0), ..plain() })
        .bind(&mut params)
        .unwrap();
    // (3, 0) and 4 have norm 5 together; (6, 8) has 10.
    set(&mut params, "a", &[3.0, 0.0]);
    set(&mut params, "d", &[4.0]);
    set(&mut params, "b", &[6.0, 8.0]);
    set(&mut params, "e", &[0.0; 4]);
    sgd.step(1.0, &mut params).unwrap();
    near(&flat(&params, "a"), &[1.0 - 0.6, 2.0]);
    near(&flat(&params, "d"), &[5.0 - 0.8]);
    near(&flat(&params, "b"), &[-3.0, -4.0]);
    // After the step's own: norm √125 to √5, a fifth, so that the group has norm 1 already.
    let clip = clip_global_norm(&mut params, 5f64.sqrt()).unwrap();
    let factor = clip.scale();
    sgd.step(StepArgs::new(1.0).clip(clip), &mut params).unwrap();
    let both = factor.min(0.2);
    near(&flat(&params, "a"), &[0.4 - 3.0 * both, 2.0]);
    near(&flat(&params, "b"), &[-3.0 - 6.0 * factor, -4.0 - 8.0 * factor]);
    // Changed in mid-run, and checked.
    sgd.groups_mut()[1].clip = Some(ClipGlobalNorm { max_norm: 1.0, ..ClipGlobalNorm::optax() });
    let before = flat(&params, "b");
    sgd.step(1.0, &mut params).unwrap();
    near(&flat(&params, "b"), &[before[0] - 0.6, before[1] - 0.8]);
    sgd.groups_mut()[1].clip = Some(ClipGlobalNorm { max_norm: -1.0, ..ClipGlobalNorm::optax() });
    let before = bits(&mut params);
    let error = sgd.step(1.0, &mut params).unwrap_err();
    assert!(matches!(error, Error::Hyper { field: "max_norm", .. }));
    assert_eq!(bits(&mut params), before);
}

#[test]
fn a_group_clip_of_a_climb_is_that_of_a_descent() {
    let clip = Some(ClipGlobalNorm { max_norm: 1.0, ..ClipGlobalNorm::optax() });
    let mut params = params();
    let builder = Optimizer::builder(Sgd).maximize(true);
    let mut sgd = builder.group(|_| true, Group { clip, ..plain() }).bind(&mut params).unwrap();
    for (name, grad) in [("a", &[6.0, 8.0][..]), ("b", &[0.0; 2]), ("d", &[0.0]), ("e", &[0.0; 4])]
    {
        set(&mut params, name, grad);
    }
    sgd.step(1.0, &mut params).unwrap();
    near(&flat(&params, "a"), &[1.6, 2.8]);
}

#[test]
fn layers_and_groups_multiply_the_rate() {
    let layer =
        |place: &Place<'_>| ["a", "b", "d", "e"].iter().position(|n| place.path.is(n)).unwrap();
    let mut params = params();
    for (name, grad) in [("a", &[1.0; 2][..]), ("b", &[1.0; 2]), ("d", &[1.0]), ("e", &[1.0; 4])] {
        set(&mut params, name, grad);
    }
    let mut sgd = Optimizer::builder(Sgd)
        .layer_decay(0.5, layer)
        .group(|place| place.path.is("b"), Group { lr_scale: 10.0, ..plain() })
        .weight_decay(WeightDecay::Decoupled(1.0))
        .bind(&mut params)
        .unwrap();
    sgd.step(0.08, &mut params).unwrap();
    // Rates 0.01, 0.2, 0.04, 0.08; the decay goes with the rate.
    near(&flat(&params, "a"), &[0.99 - 0.01, 0.99 * 2.0 - 0.01]);
    near(&flat(&params, "b"), &[0.8 * 3.0 - 0.2, 0.8 * 4.0 - 0.2]);
    near(&flat(&params, "d"), &[0.96 * 5.0 - 0.04]);
    near(&flat(&params, "e"), &[1.0, 2.0, 3.0, 4.0].map(|x| 0.92 * x - 0.08));
    for decay in [0.0, -0.5, 1.5, f64::NAN] {
        let builder = Optimizer::builder(Sgd).layer_decay(decay, layer);
        assert!(builder.bind(&mut params).is_err(), "{decay}");
    }
}

/// Decay of group 0, momentum of group 1's rule and of the default's, group 2 frozen at first.
fn following(params: &mut Dict<f64>) -> Optimizer<f64, Momentum> {
    Optimizer::builder(Momentum::torch())
        .group(|place| place.path.is("a"), plain())
        .group(|place| place.path.is("b"), own(Momentum::chapter()))
        .group(|place| place.path.is("d"), plain())
        .follow(|step, rule, groups| {
            rule.momentum = 0.1 * step as f64;
            groups[0].weight_decay = Some(WeightDecay::Decoupled(step as f64));
            groups[1].rule_mut::<Momentum>().unwrap().momentum = 0.5 - 0.25 * step.min(2) as f64;
            groups[2].frozen = step < 2;
        })
        .bind(params)
        .unwrap()
}

#[test]
fn hyper_parameters_follow_the_step_group_by_group() {
    let mut params = params();
    let mut optimizer = following(&mut params);
    for (name, grad) in [("a", &[1.0; 2][..]), ("b", &[1.0; 2]), ("d", &[1.0]), ("e", &[1.0; 4])] {
        set(&mut params, name, grad);
    }
    let (mut a, mut a_b, mut b, mut b_v, mut d, mut e, mut e_b) =
        (1.0, 0.0, 3.0, 0.0, 5.0, 1.0, 0.0);
    for t in 0..4u32 {
        optimizer.step(0.1, &mut params).unwrap();
        let step = f64::from(t);
        a_b = 0.1 * step * a_b + 1.0;
        a = (1.0 - 0.1 * step) * a - 0.1 * a_b;
        b_v = (0.5 - 0.25 * step.min(2.0)) * b_v - 0.1;
        b += b_v;
        // Its buffer begins when it is thawed.
        d -= [0.0, 0.0, 0.1, 0.1 * (0.3 + 1.0)][t as usize];
        e_b = 0.1 * step * e_b + 1.0;
        e -= 0.1 * e_b;
        let got = ["a", "b", "d", "e"].map(|name| flat(&params, name)[0]);
        near(&got, &[a, b, d, e]);
    }
}

#[test]
fn a_followed_run_resumes_with_the_memory_of_every_rule() {
    for stop in 0..5 {
        let mut values = params();
        let mut whole = following(&mut values);
        let mut resumed = None;
        for t in 0..6 {
            if t == stop {
                let mut other = values.clone();
                let mut optimizer = following(&mut other);
                let state = whole.state();
                optimizer.load_state(&saved(state.clone())).unwrap();
                assert_eq!(optimizer.steps(), t);
                resumed = Some((other, optimizer));
            }
            draw(&mut values, t);
            whole.step(0.1, &mut values).unwrap();
            let Some((other, optimizer)) = &mut resumed else { continue };
            draw(other, t);
            optimizer.step(0.1, other).unwrap();
            assert_eq!(bits(other), bits(&mut values), "stop {stop}, step {t}");
            assert_eq!(optimizer.state(), whole.state(), "stop {stop}, step {t}");
        }
    }
}

#[test]
fn a_group_with_its_own_rule_is_an_optimizer_of_its_own() {
    let mut together = params();
    let mut grouped = Optimizer::builder(AdamW::torch())
        .group(|place| place.path.is("b"), own(Momentum::chapter()))
        .group(|place| place.shape.len() == 2, own(Lars::optax()))
        .bind(&mut together)
        .unwrap();
    let part = |names: &[&str]| {
        let (mut part, whole) = (Dict::new(), params());
        names.iter().for_each(|name| part.insert(*name, whole[*name].clone()));
        part
    };
    let (mut of_adam, mut of_momentum, mut of_lars) =
        (part(&["a", "d"]), part(&["b"]), part(&["e"]));
    let mut adam = Optimizer::builder(AdamW::torch()).bind(&mut of_adam).unwrap();
    let mut momentum = Optimizer::builder(Momentum::chapter()).bind(&mut of_momentum).unwrap();
    let mut lars = Optimizer::builder(Lars::optax()).bind(&mut of_lars).unwrap();
    for t in 0..6 {
        if t == 3 {
            // Through a file, each memory to its own rule.
            let state = saved(grouped.state());
            for entry in ["rule/AdamW", "rule/Momentum", "rule/Lars", "a/m", "b/v", "e/v", "d/v"] {
                assert!(state.entry(entry).is_some(), "{entry}");
            }
            let mut fresh = Optimizer::builder(AdamW::torch())
                .group(|place| place.path.is("b"), own(Momentum::chapter()))
                .group(|place| place.shape.len() == 2, own(Lars::optax()))
                .bind(&mut together)
                .unwrap();
            fresh.load_state(&state).unwrap();
            grouped = fresh;
        }
        draw(&mut together, t);
        for (part, names) in
            [(&mut of_adam, &["a", "d"][..]), (&mut of_momentum, &["b"]), (&mut of_lars, &["e"])]
        {
            for name in names {
                part.set_grad(name, together.grad(name).unwrap().view()).unwrap();
            }
        }
        grouped.step(0.1, &mut together).unwrap();
        adam.step(0.1, &mut of_adam).unwrap();
        momentum.step(0.1, &mut of_momentum).unwrap();
        lars.step(0.1, &mut of_lars).unwrap();
        for (part, name) in [(&of_adam, "a"), (&of_momentum, "b"), (&of_adam, "d"), (&of_lars, "e")]
        {
            assert_eq!(together[name], part[name], "{name}, step {t}");
        }
    }
}

#[test]
fn a_switch_starts_the_new_rule_afresh() {
    let mut params = params();
    let build = Optimizer::builder(Adam::torch())
        .group(|place| place.path.is("b"), own(Momentum::chapter()))
        .group(|place| place.path.is("a"), Group { lr_scale: 0.5, ..plain() })
        .follow(|_, adam: &mut Adam, _| adam.beta1 = 0.5);
    let mut adam = build.bind(&mut params).unwrap();
    for t in 0..3 {
        draw(&mut params, t);
        adam.step(0.1, &mut params).unwrap();
    }
    assert_eq!(adam.rule().beta1, 0.5);
    let own_memory = adam.state().entry("b/v").cloned();
    let mut sgd = adam.switch(Momentum::torch()).unwrap();
    // Counts start over, but for the steps and the group with a rule of its own.
    let state = sgd.state();
    let count = |name: &str| state.count(name).unwrap();
    assert_eq!(["a/t", "b/t", "d/t", "e/t", "step"].map(count), [0, 3, 0, 0, 3]);
    assert_eq!(state.entry("b/v").cloned(), own_memory);
    assert!(state.entry("a/m").is_none() && state.entry("rule/Adam").is_none());
    // As a first step, at the group's rate.
    let mut fresh_params = params.clone();
    let mut fresh = Optimizer::builder(Momentum::torch())
        .group(|place| place.path.is("a"), Group { lr_scale: 0.5, ..plain() })
        .bind(&mut fresh_params)
        .unwrap();
    for t in 3..6 {
        draw(&mut params, t);
        draw(&mut fresh_params, t);
        sgd.step(0.1, &mut params).unwrap();
        fresh.step(0.1, &mut fresh_params).unwrap();
        for name in ["a", "d", "e"] {
            assert_eq!(params[name], fresh_params[name], "{name}");
        }
    }
    assert_eq!((sgd.steps(), sgd.state().count("b/t").unwrap()), (6, 6));
    let bad = Momentum { momentum: 1.0, ..Momentum::torch() };
    assert!(sgd.switch(bad).is_err());
}

#[test]
fn a_group_switches_alone_or_not_at_all() {
    let mut params = params();
    let mut adam = Optimizer::builder(Adam::torch())
        .group(|place| place.path.is("d") || place.path.is("e"), plain())
        .bind(&mut params)
        .unwrap();
    adam.step(0.1, &mut params).unwrap();
    let before = adam.state();
    // Refused: a group that is not there, a bad rule, a rule of matrices for a matrix and a vector.
    assert!(adam.switch_group(1, Box::new(Sgd)).is_err());
    let bad = Momentum { momentum: 1.0, ..Momentum::torch() };
    assert!(adam.switch_group(0, Box::new(bad)).is_err());
    let error = adam.switch_group(0, Box::new(Muon::default())).unwrap_err().to_string();
    assert!(error.contains('d'), "{error}");
    assert_eq!(adam.state(), before);
    adam.step(0.1, &mut params).unwrap();
    adam.switch_group(0, Box::new(Momentum::chapter())).unwrap();
    let state = adam.state();
    let count = |name: &str| state.count(name).unwrap();
    assert_eq!(["a/t", "b/t", "d/t", "e/t", "step"].map(count), [2, 2, 0, 0, 2]);
    let was = flat(&params, "d")[0];
    set(&mut params, "d", &[2.0]);
    adam.step(0.1, &mut params).unwrap();
    adam.step(0.1, &mut params).unwrap();
    // −0.2, then 0.9 of it and as much again.
    near(&flat(&params, "d"), &[was - 0.2 - 0.38]);
    // With one parameter that fits before one that does not, too.
    let mut params = Dict::new();
    params.insert("m", arr2(&[[1.0, 2.0], [3.0, 4.0]]));
    params.insert("v", arr1(&[1.0, 2.0]));
    let mut adam =
        Optimizer::builder(Adam::torch()).group(|_| true, plain()).bind(&mut params).unwrap();
    set(&mut params, "m", &[1.0; 4]);
    set(&mut params, "v", &[1.0; 2]);
    adam.step(0.1, &mut params).unwrap();
    let before = adam.state();
    adam.switch_group(0, Box::new(Muon::default())).unwrap_err();
    assert_eq!(adam.state(), before);
    adam.step(0.1, &mut params).unwrap();
}

#[test]
fn hooks_run_in_order_around_the_update() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let log = Arc::clone(&log);
        move |step: u64, params: &mut dyn Parameters<f64>| {
            let mut first = f64::NAN;
            params.visit(&Path::ROOT, &mut |place, param| {
                if place.path.is("d") {
                    first = param.value[0];
                }
            });
            log.lock().unwrap().push((what, step, first));
            Ok(())
        }
    };
    let mut params = params();
    set(&mut params, "d", &[1.0]);
    let mut sgd = Optimizer::builder(Sgd)
        .after(note("after 1"))
        .before(note("before 1"))
        .before(note("before 2"))
        .after(note("after 2"))
        // The gradient of d is doubled, for the step to see.
        .before(|_, params| {
            params.visit(&Path::ROOT, &mut |place, mut param| {
                if place.path.is("d") {
                    param.grad.values().unwrap().iter_mut().for_each(|g| *g *= 2.0);
                }
            });
            Ok(())
        })
        .bind(&mut params)
        .unwrap();
    sgd.step(1.0, &mut params).unwrap();
    sgd.step(1.0, &mut params).unwrap();
    let want = [
        ("before 1", 0, 5.0),
        ("before 2", 0, 5.0),
        ("after 1", 0, 3.0),
        ("after 2", 0, 3.0),
        ("before 1", 1, 3.0),
        ("before 2", 1, 3.0),
        ("after 1", 1, -1.0),
        ("after 2", 1, -1.0),
    ];
    assert_eq!(*log.lock().unwrap(), want);
    // A step that is refused has no hooks after it.
    set(&mut params, "d", &[f64::NAN]);
    sgd.step(1.0, &mut params).unwrap_err();
    assert_eq!(log.lock().unwrap().len(), 10);
}

#[test]
fn an_error_of_a_hook_before_ends_the_step_one_after_does_not() {
    let mut params = params();
    let mut adam = Optimizer::builder(Adam::torch())
        .before(|step, _| if step == 1 { Err(Error::invalid("hook", "no")) } else { Ok(()) })
        .bind(&mut params)
        .unwrap();
    adam.step(0.1, &mut params).unwrap();
    let before = (bits(&mut params), adam.state());
    assert_eq!(adam.step(0.1, &mut params).unwrap_err().to_string(), "hook: no");
    assert_eq!((bits(&mut params), adam.state()), before);

    let mut adam = Optimizer::builder(Adam::torch())
        .after(|_, _| Err(Error::invalid("hook", "too late")))
        .bind(&mut params)
        .unwrap();
    adam.step(0.1, &mut params).unwrap_err();
    assert_eq!(adam.steps(), 1);
    assert_ne!(bits(&mut params), before.0);
}

#[test]
fn a_group_is_evaluated_where_its_rule_wants() {
    let mut params = params();
    let mut sgd = Optimizer::builder(Sgd)
        .group(|place| place.path.is("d"), own(ScheduleFree::sgd()))
        .bind(&mut params)
        .unwrap();
    // Before any step, all is where it is.
    let start = bits(&mut params);
    assert_eq!(sgd.evaluate(&mut params, bits).unwrap(), start);
    for t in 0..3 {
        draw(&mut params, t);
        set(&mut params, "d", &[1.0]);
        sgd.step(0.5, &mut params).unwrap();
    }
    // z goes 4.5, 4, 3.5; x is their mean; y = 0.1 z + 0.9 x.
    near(&flat(&params, "d"), &[0.1 * 3.5 + 0.9 * 4.0]);
    let before = bits(&mut params);
    let names = ["a", "b", "c", "d", "e"];
    let seen = sgd.evaluate(&mut params, |params| names.map(|name| flat(params, name))).unwrap();
    near(&seen[3], &[4.0]);
    for i in [0, 1, 2, 4] {
        assert_eq!(seen[i], flat(&params, names[i]));
    }
    assert_eq!(bits(&mut params), before);
    let mut other = params.clone();
    other.insert("f", arr1(&[1.0]));
    assert!(sgd.evaluate(&mut other, |_| ()).is_err());
}

/// A table of embeddings whose gradient has some rows, beside a matrix.
#[derive(Clone)]
struct Model {
    table: Vec<f64>,
    rows: RowGrad<f64>,
    weight: Vec<f64>,
    grad: Vec<f64>,
}

impl Model {
    fn new() -> Self {
        let (table, weight) = (numbers(1, 12), numbers(2, 200));
        Self { table, rows: RowGrad::new(2), weight, grad: vec![0.0; 200] }
    }

    fn draw(&mut self, t: u64) {
        self.rows.clear();
        self.rows.add_all(&[(t % 6) as usize, ((t + 2) % 6) as usize], &numbers(10 + t, 4));
        self.grad = numbers(50 + t, 200);
    }
}

impl Parameters<f64> for Model {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        let path = at.name("table");
        let place = Place { path: &path, kind: ParamKind::Embedding, shape: &[6, 2] };
        f(place, ParamMut { value: &mut self.table, grad: self.rows.lend() });
        let path = at.name("weight");
        let place = Place { path: &path, kind: ParamKind::Weight, shape: &[20, 10] };
        f(place, ParamMut::dense(&mut self.weight, &mut self.grad));
    }
}

#[test]
fn packed_memory_leaves_embeddings_in_full_and_resumes() {
    let bind = |storage, model: &mut Model| {
        Optimizer::builder(Adam::torch())
            .storage(storage, Noise::new(3))
            .group(|place| place.kind == ParamKind::Embedding, Group { lr_scale: 0.5, ..plain() })
            .bind(model)
            .unwrap()
    };
    for storage in [Storage::Bf16, Storage::Block8] {
        let (mut packed, mut full) = (Model::new(), Model::new());
        let mut small = bind(storage, &mut packed);
        let mut large = bind(Storage::Full, &mut full);
        let mut resumed = None;
        for t in 0..8 {
            if t == 4 {
                let mut other = packed.clone();
                let mut optimizer = bind(storage, &mut other);
                optimizer.load_state(&saved(small.state())).unwrap();
                resumed = Some((other, optimizer));
            }
            packed.draw(t);
            full.draw(t);
            small.step(0.01, &mut packed).unwrap();
            large.step(0.01, &mut full).unwrap();
            // The table by the same bits as in full precision, the matrix by others, but near.
            assert_eq!(packed.table, full.table, "{storage:?}, {t}");
            let far = packed.weight.iter().zip(&full.weight).map(|(a, b)| (a - b).abs());
            let far = far.fold(0.0, f64::max);
            assert!(far < 0.02 && (far > 0.0 || t == 0), "{storage:?}, {t}: {far}");
            if let Some((other, optimizer)) = &mut resumed {
                other.draw(t);
                optimizer.step(0.01, other).unwrap();
                assert_eq!(bits(other), bits(&mut packed), "{storage:?}, {t}");
            }
        }
        let entry = |state: &StateDict, name: &str| state.entry(name).cloned();
        assert_eq!(entry(&small.state(), "table/m"), entry(&large.state(), "table/m"));
        assert_ne!(entry(&small.state(), "weight/m"), entry(&large.state(), "weight/m"));
    }
}

/// A velocity of gradients over the root of an average of ‖g‖², the norm over all parameters.
#[derive(Clone, Copy)]
struct Unit {
    momentum: f64,
}

impl Describe for Unit {
    fn name(&self) -> &'static str {
        "Unit"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("u")] }
    }
    fn scalars(&self) -> &'static [Scalar] {
        const { &[Scalar::new("n", 0.0)] }
    }
    fn advance(&self, _cx: &StepCx<'_>, sums: &[f64], scalars: &mut [f64]) {
        scalars[0] = 0.5 * scalars[0] + 0.5 * sums[0];
    }
    fn scope(&self) -> Scope {
        Scope::Set
    }
    fn default_lr(&self) -> f64 {
        0.1
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Unit", "momentum", self.momentum)
    }
}

impl Rule<f64> for Unit {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, f64>, param: &mut [f64], grad: &[f64]) {
        let [u] = slots.views();
        let scale = cx.grad_scale / cx.scalars[0].sqrt();
        for ((p, u), g) in param.iter_mut().zip(u).zip(grad) {
            *u = self.momentum * *u + scale * g;
            *p -= cx.lr * *u;
        }
    }

    fn gather(
        &self,
        cx: &StepCx<'_>,
        _slots: Slots<'_, f64>,
        _param: &[f64],
        grad: &[f64],
        sums: &mut [f64; MAX_SUMS],
    ) {
        sums[0] += grad.iter().map(|g| (cx.grad_scale * g).powi(2)).sum::<f64>();
    }
}

#[test]
fn a_rule_of_the_set_sums_over_its_own_parameters() {
    let mut params = params();
    let mut unit = Optimizer::builder(Unit { momentum: 0.5 })
        .group(|place| place.path.is("b"), own(Sgd))
        .group(|place| place.path.is("e"), Group { frozen: true, ..plain() })
        .bind(&mut params)
        .unwrap();
    for (name, grad) in
        [("a", &[3.0, 0.0][..]), ("b", &[100.0; 2]), ("d", &[4.0]), ("e", &[9.0; 4])]
    {
        set(&mut params, name, grad);
    }
    unit.step(1.0, &mut params).unwrap();
    // ‖(3, 0, 4)‖² = 25; n = 12.5.
    let root = 12.5f64.sqrt();
    near(&flat(&params, "a"), &[1.0 - 3.0 / root, 2.0]);
    near(&flat(&params, "d"), &[5.0 - 4.0 / root]);
    near(&flat(&params, "b"), &[-97.0, -96.0]);
    assert_eq!(flat(&params, "e"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(unit.state().number("set/n").unwrap(), 12.5);
    assert_eq!(unit.state().count("set/t").unwrap(), 1);
    // Absent: not in the sum either. n = 6.25 + 8.
    params.clear_grad("a");
    unit.step(1.0, &mut params).unwrap();
    near(&flat(&params, "d"), &[5.0 - 4.0 / root - (0.5 * 4.0 / root + 4.0 / 14.25f64.sqrt())]);
    // A clip comes first: it shows in the sum.
    set(&mut params, "a", &[0.0; 2]);
    set(&mut params, "b", &[0.0; 2]);
    params.clear_grad("e");
    let clip = ClipGlobalNorm { max_norm: 2.0, ..ClipGlobalNorm::optax() };
    let clip = clip.measure(&mut params).unwrap();
    unit.step(StepArgs::new(1.0).clip(clip), &mut params).unwrap();
    assert_eq!(unit.state().number("set/n").unwrap(), 0.5 * 14.25 + 0.5 * 4.0);
    // What is refused sums nothing.
    set(&mut params, "d", &[f64::INFINITY]);
    let before = unit.state();
    unit.step(1.0, &mut params).unwrap_err();
    assert_eq!(unit.state(), before);
    unit.reset();
    assert_eq!(unit.state().number("set/n").unwrap(), 0.0);
    let packed = Optimizer::builder(Unit { momentum: 0.5 }).storage(Storage::Bf16, Noise::new(0));
    assert!(packed.bind(&mut params).is_err());
}

#[test]
fn rules_of_the_set_resume_and_groups_sum_apart() {
    let bind = |params: &mut Dict<f64>| {
        Optimizer::builder(Unit { momentum: 0.5 })
            .group(|place| place.path.is("b"), own(Unit { momentum: 0.25 }))
            .group(|place| place.path.is("d"), own(Adam::torch()))
            .bind(params)
            .unwrap()
    };
    let mut values = params();
    let mut whole = bind(&mut values);
    for t in 0..3 {
        draw(&mut values, t);
        whole.step(0.1, &mut values).unwrap();
    }
    let state = saved(whole.state());
    assert_ne!(state.number("set/n").unwrap(), state.number("set.0/n").unwrap());
    let mut other = values.clone();
    let mut resumed = bind(&mut other);
    let fresh = resumed.state();
    // A sum that is missing, or not a number.
    let mut short = StateDict::new();
    for (name, entry) in state.iter().filter(|(name, _)| *name != "set.0/n") {
        short.insert_entry(name, entry.clone());
    }
    assert!(resumed.load_state(&short).is_err());
    let mut wrong = state.clone();
    wrong.insert_number("set/n", f64::NAN);
    assert!(resumed.load_state(&wrong).is_err());
    assert_eq!(resumed.state(), fresh);
    resumed.load_state(&state).unwrap();
    for t in 3..7 {
        draw(&mut values, t);
        draw(&mut other, t);
        whole.step(0.1, &mut values).unwrap();
        resumed.step(0.1, &mut other).unwrap();
        assert_eq!(bits(&mut values), bits(&mut other), "{t}");
    }
    assert_eq!(whole.state(), resumed.state());
}

#[test]
fn threads_do_not_show_in_rules_of_every_scope() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut params = Dict::new();
            for (i, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
                params.insert(name, arr1(&numbers(i as u64, 60_000 + 7 * i)));
            }
            let clip = Some(ClipGlobalNorm::torch());
            let mut unit = Optimizer::builder(Unit { momentum: 0.5 })
                .group(|place| place.path.is("b"), Group { clip, ..own(AdamW::torch()) })
                .group(|place| place.path.is("c"), own(Lars::optax()))
                .bind(&mut params)
                .unwrap();
            for t in 0..3 {
                draw(&mut params, t);
                unit.step(0.1, &mut params).unwrap();
            }
            (bits(&mut params), unit.state())
        })
    };
    let one = run(1);
    assert!(run(2) == one && run(3) == one);
}
