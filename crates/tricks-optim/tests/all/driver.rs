//! The driver: names, groups, decay, checks, state.
#![allow(clippy::unwrap_used)]

use tricks_optim::{
    AdaGrad, Adafactor, Adam, AdamW, ClipGlobalNorm, Group, Momentum, Optimizer, RmsProp, Rule,
    Sgd, StepArgs, WeightDecay, clip_global_norm, clip_norm, clip_value,
};
use tricks_tensor::ndarray::{arr1, arr2};
use tricks_tensor::{Dict, Error, Named, ParamKind, Parameters, Path};

/// A weight, a bias, a scale and a buffer, with gradients of 1 but for the buffer.
fn layer() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert("weight", arr2(&[[1.0, 2.0], [3.0, 4.0]]));
    params.insert_as("bias", ParamKind::Bias, arr1(&[1.0, 2.0]));
    params.insert_as("gamma", ParamKind::Scale, arr1(&[1.0]));
    params.insert_as("running", ParamKind::Buffer, arr1(&[7.0]));
    params.set_grad("weight", arr2(&[[1.0; 2]; 2]).view().into_dyn()).unwrap();
    params.set_grad("bias", arr1(&[1.0; 2]).view().into_dyn()).unwrap();
    params.set_grad("gamma", arr1(&[1.0]).view().into_dyn()).unwrap();
    params
}

fn flat(params: &Dict<f64>, name: &str) -> Vec<f64> {
    params[name].iter().copied().collect()
}

#[test]
fn decay_reaches_weights_alone() {
    for decay in [WeightDecay::L2(0.5), WeightDecay::Decoupled(0.5)] {
        let mut params = layer();
        let mut sgd = Optimizer::builder(Sgd).weight_decay(decay).bind(&mut params).unwrap();
        sgd.step(0.1, &mut params).unwrap();
        // Both are (1 − ηλ)θ − ηg for plain SGD.
        for (got, was) in flat(&params, "weight").iter().zip([1.0, 2.0, 3.0, 4.0]) {
            assert!((got - (0.95 * was - 0.1)).abs() < 1e-15);
        }
        assert_eq!(flat(&params, "bias"), [0.9, 1.9]);
        assert_eq!(flat(&params, "gamma"), [0.9]);
        assert_eq!(flat(&params, "running"), [7.0]);
    }
}

#[test]
fn groups_choose_rate_decay_rule_and_freezing() {
    let mut params = layer();
    let slow = Group { lr_scale: 0.1, ..Group::default() };
    let own = Group {
        rule: Some(Box::new(Momentum::torch()) as _),
        weight_decay: Some(WeightDecay::Decoupled(1.0)),
        ..Group::default()
    };
    let frozen = Group { frozen: true, ..Group::default() };
    params.set_grad("weight", arr2(&[[f64::NAN; 2]; 2]).view().into_dyn()).unwrap();
    let mut sgd = Optimizer::builder(Sgd)
        .group(|place| place.kind == ParamKind::Bias, slow)
        .group(|place| place.path.is("gamma"), own)
        .group(|place| place.shape.len() == 2, frozen)
        .bind(&mut params)
        .unwrap();
    sgd.step(0.1, &mut params).unwrap();
    sgd.step(0.1, &mut params).unwrap();
    assert_eq!(flat(&params, "bias"), [1.0 - 0.01 - 0.01, 2.0 - 0.01 - 0.01]);
    let gamma = 0.9 * (0.9 * 1.0 - 0.1) - 0.1 * 1.9;
    assert!((flat(&params, "gamma")[0] - gamma).abs() < 1e-15);
    assert_eq!(flat(&params, "weight"), [1.0, 2.0, 3.0, 4.0]);
    let state = sgd.state();
    let names: Vec<&str> = state.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["bias/t", "gamma/b", "gamma/t", "rule/Momentum", "rule/Sgd", "step", "weight/t"]
    );
}

#[test]
fn a_missing_gradient_leaves_value_memory_and_count() {
    let mut params = layer();
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    adam.step(0.1, &mut params).unwrap();
    params.clear_grad("bias");
    let (bias, state) = (flat(&params, "bias"), adam.state());
    adam.step(0.1, &mut params).unwrap();
    assert_eq!(flat(&params, "bias"), bias);
    assert_eq!(adam.state().entry("bias/m"), state.entry("bias/m"));
    assert_eq!(adam.state().count("bias/t").unwrap(), 1);
    assert_eq!(adam.state().count("weight/t").unwrap(), 2);
}

/// Runs a step that must be refused, and sees that nothing changed.
fn refused(params: &mut Dict<f64>, change: impl FnOnce(&mut Dict<f64>)) -> String {
    let mut adam = Optimizer::builder(AdamW::torch()).bind(params).unwrap();
    adam.step(0.1, params).unwrap();
    change(params);
    let (before, state) = (params.clone(), adam.state());
    let message = adam.step(0.1, params).unwrap_err().to_string();
    for name in before.names() {
        assert_eq!(before[name], params[name], "{name} changed");
    }
    assert_eq!(adam.state(), state);
    message
}

#[test]
fn a_refused_step_changes_nothing() {
    let nan = |params: &mut Dict<f64>| {
        params.set_grad("weight", arr2(&[[1.0, 1.0], [f64::NAN, 1.0]]).view().into_dyn()).unwrap();
    };
    assert_eq!(refused(&mut layer(), nan), "weight: gradient is NaN at flat index 2");
    let shape = |params: &mut Dict<f64>| params.insert("weight", arr1(&[0.0; 4]));
    assert_eq!(refused(&mut layer(), shape), "weight: parameter has shape [4], bound with [2, 2]");
    let extra = |params: &mut Dict<f64>| params.insert("z", arr1(&[0.0]));
    assert_eq!(refused(&mut layer(), extra), "parameter 3: found z, expected nothing");
    let renamed = |params: &mut Dict<f64>| params.insert("c", arr1(&[0.0]));
    assert_eq!(refused(&mut layer(), renamed), "parameter 1: found c, expected gamma");
    let fewer = |params: &mut Dict<f64>| {
        let mut rest = Dict::new();
        rest.insert_as("bias", ParamKind::Bias, arr1(&[1.0, 2.0]));
        *params = rest;
    };
    let mut params = layer();
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    fewer(&mut params);
    let message = adam.step(0.1, &mut params).unwrap_err().to_string();
    assert_eq!(message, "parameter 1: found nothing, expected gamma");
}

#[test]
fn learning_rates_out_of_range_are_refused() {
    let mut params = layer();
    let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
    for lr in [f64::NAN, f64::INFINITY, -1.0] {
        let message = sgd.step(lr, &mut params).unwrap_err().to_string();
        assert_eq!(message, format!("step: lr is {lr}, must be finite and at least 0"));
    }
    sgd.step(0.0, &mut params).unwrap();
    sgd.step(-0.0, &mut params).unwrap();
}

#[test]
fn binding_refuses_what_cannot_be_trained() {
    let adam = Adam { beta1: 1.0, ..Adam::default() };
    let message = Optimizer::builder(adam).bind(&mut layer()).unwrap_err().to_string();
    assert_eq!(message, "Adam: beta1 is 1, must be in [0, 1)");
    let message = Optimizer::<f64, _>::builder(Sgd).bind(&mut Dict::new()).unwrap_err();
    assert_eq!(message.to_string(), "Optimizer: there is no parameter to train");
    let (mut a, mut b, mut g, mut h) = ([1.0], [1.0], [0.0], [0.0]);
    let mut twice = [("w", &mut a[..], &mut g[..]), ("w", &mut b[..], &mut h[..])];
    let message = Optimizer::builder(Sgd).bind(&mut twice).unwrap_err().to_string();
    assert_eq!(message, "Optimizer: two parameters named w");
    let mut short = [("w", &mut a[..], &mut g[..0])];
    let message = Optimizer::builder(Sgd).bind(&mut short).unwrap_err().to_string();
    assert_eq!(message, "w: gradient has shape [0], shape [1]");
}

#[test]
fn a_rule_changed_in_mid_run_is_checked() {
    let mut params = layer();
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    adam.rule_mut().beta1 = 0.5;
    adam.step(0.1, &mut params).unwrap();
    adam.rule_mut().beta1 = 2.0;
    assert!(matches!(adam.step(0.1, &mut params), Err(Error::Hyper { field: "beta1", .. })));
    *adam.rule_mut() = Adam { amsgrad: tricks_optim::AmsGrad::Uncorrected, ..Adam::torch() };
    let message = adam.step(0.1, &mut params).unwrap_err().to_string();
    assert!(
        message.contains("(m, v) was made for Adam, not for this Adam (m, v, v_max)"),
        "{message}"
    );
}

#[test]
fn a_state_that_does_not_fit_is_listed_whole() {
    let mut params = layer();
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    adam.step(0.1, &mut params).unwrap();
    let before = adam.state();
    let mut momentum = Optimizer::builder(Momentum::torch()).bind(&mut params).unwrap();
    momentum.step(0.1, &mut params).unwrap();
    let Err(Error::State { problems }) = adam.load_state(&momentum.state()) else {
        panic!("taken");
    };
    assert!(problems.contains(&"weight/m is missing, expected f64 [2, 2]".to_string()));
    assert!(problems.contains(&"weight/b is unexpected".to_string()));
    assert!(problems.contains(&"rule/Adam is missing, expected u64 []".to_string()));
    assert_eq!(problems.len(), 3 * 2 + 3 + 2, "{problems:#?}");
    assert_eq!(adam.state(), before);
}

#[test]
fn clipping_by_global_norm_is_clipping_in_place() {
    let run = |fused: bool| {
        let mut params = layer();
        let mut adam = Optimizer::builder(AdamW::torch()).bind(&mut params).unwrap();
        for _ in 0..3 {
            let clip = clip_global_norm(&mut params, 0.5).unwrap();
            assert_eq!(clip.norm(), 7f64.sqrt());
            if fused {
                adam.step(StepArgs::new(0.1).clip(clip), &mut params).unwrap();
            } else {
                let mut clipped = params.clone();
                clip.apply(&mut clipped);
                adam.step(0.1, &mut clipped).unwrap();
                for name in ["weight", "bias", "gamma"] {
                    params.visit(&Path::ROOT, &mut |place, param| {
                        if place.path.is(name) {
                            param.value.copy_from_slice(clipped[name].as_slice().unwrap());
                        }
                    });
                }
            }
        }
        flat(&params, "weight")
    };
    assert_eq!(run(true), run(false));
}

/// What lives in slices moves like what lives in a map, where the rule looks at the shape.
#[test]
fn slices_with_a_shape_and_a_role() {
    let builder = || Optimizer::builder(Adafactor::torch()).weight_decay(WeightDecay::L2(0.5));
    let mut map = layer();
    let mut of_map = builder().bind(&mut map).unwrap();
    let (mut w, mut dw) = ([1.0, 2.0, 3.0, 4.0], [1.0; 4]);
    let (mut b, mut db) = ([1.0, 2.0], [1.0; 2]);
    let mut slices = vec![
        Named::new("bias", &[2], &mut b, &mut db).kind(ParamKind::Bias),
        Named::new("weight", &[2, 2], &mut w, &mut dw),
    ];
    let mut of_slices = builder().bind(&mut slices).unwrap();
    for _ in 0..3 {
        of_map.step(0.1, &mut map).unwrap();
        of_slices.step(0.1, &mut slices).unwrap();
    }
    assert_eq!((flat(&map, "weight"), flat(&map, "bias")), (w.to_vec(), b.to_vec()));
    let wrong = &mut [Named::new("weight", &[2, 3], &mut w, &mut dw)];
    let error = Optimizer::builder(Sgd).bind(wrong).unwrap_err().to_string();
    assert_eq!(error, "weight: value has shape [4], shape [2, 3]");
}

#[test]
fn clips_measure_and_cut() {
    let mut params = Dict::new();
    params.insert("w", arr1(&[0.0f32; 3]));
    params.set_grad("w", arr1(&[3.0, -4.0, 12.0]).view().into_dyn()).unwrap();
    let norm = |p, params: &mut Dict<f32>| {
        ClipGlobalNorm { p, ..ClipGlobalNorm::default() }.measure(params).unwrap().norm()
    };
    assert_eq!(norm(2.0, &mut params), 13.0);
    assert_eq!(norm(1.0, &mut params), 19.0);
    assert_eq!(norm(f64::INFINITY, &mut params), 12.0);
    assert!((norm(3.0, &mut params) - 1819f64.cbrt()).abs() < 1e-12);
    let measured = clip_global_norm(&mut params, f64::INFINITY).unwrap();
    assert_eq!((measured.norm(), measured.scale()), (13.0, 1.0));
    assert_eq!(clip_norm(&mut params, 6.5).unwrap(), 13.0);
    assert_eq!(params.grad("w").unwrap(), &arr1(&[1.5, -2.0, 6.0]).into_dyn());
    clip_value(&mut params, 2.0).unwrap();
    assert_eq!(params.grad("w").unwrap(), &arr1(&[1.5, -2.0, 2.0]).into_dyn());
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(clip_value(&mut params, wrong).is_err());
        assert!(clip_norm(&mut params, wrong).is_err());
    }
    for wrong in [-1.0, f64::NAN] {
        assert!(clip_global_norm(&mut params, wrong).is_err());
    }
}

#[test]
fn a_norm_that_is_not_finite_names_the_gradient() {
    let mut params = layer();
    let mut sgd = Optimizer::builder(Sgd).finite_check(false).bind(&mut params).unwrap();
    params.set_grad("gamma", arr1(&[f64::INFINITY]).view().into_dyn()).unwrap();
    for p in [1.0, 2.0, 3.0, f64::INFINITY] {
        let clip = ClipGlobalNorm { p, ..ClipGlobalNorm::default() }.measure(&mut params).unwrap();
        let message = sgd.step(StepArgs::new(0.1).clip(clip), &mut params).unwrap_err();
        assert_eq!(message.to_string(), "gamma: gradient is inf at flat index 0");
    }
}

#[test]
fn norms_out_of_range_are_measured_in_other_units() {
    let mut params = Dict::new();
    for (gradient, p, want) in [
        ([3e200, 4e200], 2.0, 5e200),
        ([3e-200, 4e-200], 2.0, 5e-200),
        ([0.01, 0.01], 200.0, 0.01 * 2f64.powf(1.0 / 200.0)),
        ([1e4, 0.0], 100.0, 1e4),
        ([0.0, 0.0], 2.0, 0.0),
    ] {
        params.insert("w", arr1(&[0.0; 2]));
        params.set_grad("w", arr1(&gradient).view().into_dyn()).unwrap();
        let norm = ClipGlobalNorm { p, ..ClipGlobalNorm::default() };
        let norm = norm.measure(&mut params).unwrap().norm();
        assert!((norm - want).abs() <= 1e-12 * want, "{norm} against {want}");
    }
    params.set_grad("w", arr1(&[3e200, 4e200]).view().into_dyn()).unwrap();
    assert!((clip_norm(&mut params, 1.0).unwrap() / 5e200 - 1.0).abs() < 1e-12);
    assert!((params.grad("w").unwrap()[[0]] - 0.6f64).abs() < 1e-12);
    // Not finite: left as it is.
    params.set_grad("w", arr1(&[f64::INFINITY, 1.0]).view().into_dyn()).unwrap();
    assert_eq!(clip_norm(&mut params, 1.0).unwrap(), f64::INFINITY);
    assert_eq!(params.grad("w").unwrap()[[1]], 1.0);
}

#[test]
fn squares_that_overflow_are_refused_where_they_are_taken() {
    let mut params = Dict::<f32>::new();
    params.insert("w", arr1(&[1.0, 1.0]));
    params.set_grad("w", arr1(&[1.0, 1e20]).view().into_dyn()).unwrap();
    let want = "w: gradient, whose square overflows, is 100000002004087730000 at flat index 1";
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    assert_eq!(adam.step(0.1, &mut params).unwrap_err().to_string(), want);
    // A clip that does not bring it down is no way around.
    let clip = clip_global_norm(&mut params, f64::MAX).unwrap();
    let message = adam.step(StepArgs::new(0.1).clip(clip), &mut params).unwrap_err();
    assert_eq!(message.to_string(), want);
    // One that does is.
    let clip = clip_global_norm(&mut params, 1.0).unwrap();
    adam.step(StepArgs::new(0.1).clip(clip), &mut params).unwrap();
    // And plain descent does not square.
    let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
    sgd.step(1e-20, &mut params).unwrap();
    assert!(params["w"].iter().all(|w| w.is_finite()));
}

#[test]
fn rates_that_overflow_the_number_type_are_refused() {
    let mut params = Dict::<f32>::new();
    params.insert("w", arr1(&[1.0]));
    let mut sgd = Optimizer::builder(Sgd).bind(&mut params).unwrap();
    let message = sgd.step(1e39, &mut params).unwrap_err().to_string();
    assert!(message.ends_with("must be finite as f32"), "{message}");
    let fast = Group { lr_scale: 1e30, ..Group::default() };
    let mut sgd = Optimizer::builder(Sgd).group(|_| true, fast).bind(&mut params).unwrap();
    assert!(sgd.step(1e10, &mut params).is_err());
}

#[test]
fn no_epsilon_divides_nothing_by_nothing() {
    let rules: [Box<dyn Rule<f32>>; 4] = [
        Box::new(Adam { eps: 0.0, ..Adam::torch() }),
        Box::new(Adam { eps: 1e-50, ..Adam::chapter() }),
        Box::new(AdaGrad { eps: 0.0, ..AdaGrad::chapter() }),
        Box::new(RmsProp { eps: 0.0, ..RmsProp::optax() }),
    ];
    for rule in rules {
        let mut params = Dict::<f32>::new();
        params.insert("w", arr1(&[1.0, 1.0]));
        params.set_grad("w", arr1(&[0.0, 1.0]).view().into_dyn()).unwrap();
        let mut optimizer = Optimizer::builder(rule).bind(&mut params).unwrap();
        optimizer.step(0.1, &mut params).unwrap();
        assert!(params["w"][[0]] == 1.0 && params["w"][[1]] < 1.0, "{:?}", params["w"]);
    }
}

#[test]
fn uphill_is_downhill_on_the_other_side() {
    let mut params = layer();
    let mut sgd = Optimizer::builder(Sgd).maximize(true).bind(&mut params).unwrap();
    sgd.step(0.5, &mut params).unwrap();
    assert_eq!(flat(&params, "bias"), [1.5, 2.5]);
}
