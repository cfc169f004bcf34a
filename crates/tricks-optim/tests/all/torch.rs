//! State that a real PyTorch saved, taken up in the middle of a training.
#![cfg(feature = "torch")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use tricks_optim::{
    AdaGrad, Adadelta, Adam, AdamW, Adamax, AmsGrad, Asgd, Group, Lion, Momentum, NAdam, Optimizer,
    RAdam, RmsProp, Rprop, Rule, Sgd, TorchState, WeightDecay,
};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Dict, Float};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/torch");
/// The order in which the optimizers of the fixtures were given their parameters; ours is by name.
const ORDER: [&str; 3] = ["w", "b", "t"];

fn open(case: &str) -> TorchState {
    TorchState::read(format!("{FOLDER}/{case}.pt")).unwrap()
}

/// What a fixture says beside its state.
struct Case(BTreeMap<String, Vec<f64>>);

impl Case {
    fn read(name: &str) -> Self {
        let text = fs::read_to_string(format!("{FOLDER}/{name}.txt")).unwrap();
        let numbers = |s: &str| s.split_whitespace().map(|x| x.parse().unwrap()).collect();
        let line = |line: &str| {
            let (key, values) = line.split_once(':').unwrap();
            (key.to_string(), numbers(values))
        };
        Self(text.lines().map(line).collect())
    }

    fn array<F: Float>(&self, name: &str, what: &str) -> ArrayD<F> {
        let shape: Vec<usize> =
            self.0[&format!("{name} shape")].iter().map(|n| *n as usize).collect();
        let numbers = self.0[&format!("{name} {what}")].iter().map(|x| F::of(*x)).collect();
        ArrayD::from_shape_vec(shape, numbers).unwrap()
    }

    /// The parameters as they were saved.
    fn params<F: Float>(&self) -> Dict<F> {
        let mut params = Dict::new();
        for name in ORDER {
            params.insert(name, self.array(name, "saved"));
        }
        params
    }

    /// Takes three more steps, and gives the largest distance from PyTorch's parameters.
    fn finish<F: Float, R: Rule<F>>(
        &self,
        optimizer: &mut Optimizer<F, R>,
        params: &mut Dict<F>,
    ) -> f64 {
        for k in 0..3 {
            for name in ORDER {
                let grad: ArrayD<F> = self.array(name, &format!("grad {k}"));
                params.set_grad(name, grad.view()).unwrap();
            }
            optimizer.step(self.0["lr"][0], params).unwrap();
        }
        let after = self.distance("after", params);
        // ASGD has an average beside.
        if !self.0.contains_key("w average") {
            return after;
        }
        after.max(optimizer.evaluate(params, |params| self.distance("average", params)).unwrap())
    }

    fn distance<F: Float>(&self, what: &str, params: &Dict<F>) -> f64 {
        let mut worst = 0f64;
        for name in ORDER {
            let theirs: ArrayD<F> = self.array(name, what);
            for (ours, theirs) in params[name].iter().zip(&theirs) {
                worst = worst.max((ours.widen() - theirs.widen()).abs());
            }
        }
        worst
    }
}

/// Takes up the state of a case and holds three more steps to PyTorch's.
fn continues<F: Float>(name: &str, rule: impl Rule<F> + Copy, l2: f64, t: u64, tolerance: f64) {
    let file = format!("{name}.{}", F::NAME);
    let (saved, case) = (open(&file).named(ORDER), Case::read(&file));
    let bind = |params: &mut Dict<F>| {
        let builder = Optimizer::builder(rule);
        let builder = if l2 > 0.0 { builder.weight_decay(WeightDecay::L2(l2)) } else { builder };
        builder.bind(params).unwrap()
    };
    let mut params = case.params();
    let mut optimizer = bind(&mut params);
    optimizer.load_torch(&saved).unwrap();
    assert_eq!(optimizer.steps(), t, "{file}");
    let distance = case.finish(&mut optimizer, &mut params);
    assert!(distance <= tolerance, "{file}: {distance:e} from PyTorch");

    // Without the state the steps are others: the test would see a state that is not taken up.
    let mut params = case.params();
    let distance = case.finish(&mut bind(&mut params), &mut params);
    assert!(distance > 1e-4, "{file} shows nothing, {distance:e}");
}

fn both<R: Rule<f32> + Rule<f64> + Copy>(name: &str, rule: R, l2: f64, t: u64) {
    continues::<f32>(name, rule, l2, t, 1e-6);
    continues::<f64>(name, rule, l2, t, 1e-14);
}

#[test]
fn every_rule_goes_on_as_in_pytorch() {
    let centered = RmsProp { centered: true, momentum: 0.9, ..RmsProp::torch() };
    let decaying = AdaGrad { lr_decay: 0.1, initial_accumulator: 0.1, ..AdaGrad::torch() };
    both("adam", Adam::torch(), 0.1, 3);
    both("adamw", AdamW::torch(), 0.0, 3);
    both("amsgrad", Adam { amsgrad: AmsGrad::Uncorrected, ..Adam::torch() }, 0.0, 3);
    // Not a count: that there was a first update.
    both("sgd", Momentum { dampening: 0.5, ..Momentum::torch() }, 0.0, 1);
    both("rmsprop", centered, 0.0, 3);
    both("adagrad", decaying, 0.0, 3);
    both("nadam", NAdam::torch(), 0.0, 3);
    both("radam", RAdam { beta2: 0.9, ..RAdam::torch() }, 0.0, 3);
    both("adamax", Adamax::torch(), 0.0, 3);
    both("adadelta", Adadelta::torch(), 0.0, 3);
    both("asgd", Asgd { lambda: 0.5, t0: 2.0, ..Asgd::torch() }, 0.0, 3);
    both("rprop", Rprop::torch(), 0.0, 3);
}

#[test]
fn views_of_one_storage() {
    continues::<f64>("views", Adam::torch(), 0.1, 3, 1e-14);
}

#[test]
fn state_of_f32_goes_on_in_f64() {
    let (saved, case) = (open("adam.f32").named(ORDER), Case::read("adam.f32"));
    let mut params = case.params::<f64>();
    let builder = Optimizer::builder(Adam::torch()).weight_decay(WeightDecay::L2(0.1));
    let mut adam = builder.bind(&mut params).unwrap();
    adam.load_torch(&saved).unwrap();
    assert!(case.finish(&mut adam, &mut params) < 1e-6);
}

#[test]
fn parameters_that_were_never_updated() {
    for file in ["never-stepped.f64", "sgd-never-stepped.f64"] {
        let (saved, case) = (open(file).named(ORDER), Case::read(file));
        let distance = if file.starts_with("sgd") {
            let mut params = case.params::<f64>();
            let rule = Momentum { dampening: 0.5, ..Momentum::torch() };
            let mut sgd = Optimizer::builder(rule).bind(&mut params).unwrap();
            sgd.load_torch(&saved).unwrap();
            case.finish(&mut sgd, &mut params)
        } else {
            let mut params = case.params::<f64>();
            let builder = Optimizer::builder(Adam::torch()).weight_decay(WeightDecay::L2(0.1));
            let mut adam = builder.bind(&mut params).unwrap();
            // Steps of before are forgotten.
            for name in ORDER {
                params.grad_mut(name).unwrap().fill(1.0);
            }
            adam.step(0.0, &mut params).unwrap();
            adam.load_torch(&saved).unwrap();
            assert_eq!(adam.steps(), 0);
            case.finish(&mut adam, &mut params)
        };
        assert!(distance < 1e-14, "{file}: {distance:e}");
    }
}

/// An optimizer of named parameters in two groups, the second with its own betas.
#[test]
fn names_in_the_file_and_groups() {
    let (saved, case) = (open("named.f64"), Case::read("named.f64"));
    assert_eq!(saved.names().unwrap(), ["t", "b", "w"]);
    assert_eq!(saved.parameters(), 3);
    let groups = saved.groups();
    assert_eq!(groups.iter().map(|group| group.parameters()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(groups[0].numbers("betas"), Some(&[0.9, 0.999][..]));
    assert_eq!(groups[1].numbers("betas"), Some(&[0.8, 0.99][..]));
    assert_eq!(groups[1].number("lr"), Some(0.01));
    assert_eq!(groups[1].flag("amsgrad"), Some(false));
    assert_eq!((groups[1].number("amsgrad"), groups[1].flag("foreach")), (None, None));

    let own = Adam { beta1: 0.8, beta2: 0.99, ..Adam::torch() };
    let bind = |params: &mut Dict<f64>| {
        let group = Group { rule: Some(Box::new(own) as _), ..Group::default() };
        Optimizer::builder(Adam::torch())
            .group(|place| !place.path.is("t"), group)
            .bind(params)
            .unwrap()
    };
    let mut params = case.params();
    let mut adam = bind(&mut params);
    adam.load_torch(&saved).unwrap();
    let distance = case.finish(&mut adam, &mut params);
    assert!(distance < 1e-14, "{distance:e}");

    // The same names may be given; others are refused.
    adam.load_torch(&saved.clone().named(["t", "b", "w"])).unwrap();
    let refused = adam.load_torch(&saved.named(ORDER)).unwrap_err().to_string();
    assert_eq!(
        refused,
        "state does not fit: parameter 0 is named w, in the file t; \
         parameter 2 is named t, in the file w; \
         t/exp_avg is f64 [3, 2], expected f64 [2, 3]; \
         t/exp_avg_sq is f64 [3, 2], expected f64 [2, 3]; \
         w/exp_avg is f64 [2, 3], expected f64 [3, 2]; \
         w/exp_avg_sq is f64 [2, 3], expected f64 [3, 2]"
    );
}

#[test]
fn numbers_of_16_bits_are_widened() {
    for file in ["f16", "bf16"] {
        let (saved, case) = (open(file).named(ORDER), Case::read(file));
        let mut params = Dict::<f32>::new();
        for name in ORDER {
            params.insert(name, case.array(name, "exp_avg"));
        }
        let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
        adam.load_torch(&saved).unwrap();
        let state = adam.state();
        for name in ORDER {
            for (ours, theirs) in [("m", "exp_avg"), ("v", "exp_avg_sq")] {
                let theirs: ArrayD<f32> = case.array(name, theirs);
                let ours = state.get::<f32>(&format!("{name}/{ours}"), theirs.shape()).unwrap();
                assert_eq!(ours, theirs.as_slice().unwrap(), "{file}, {name}");
            }
        }
    }
}

/// What `load_torch` says, which must have changed nothing.
fn refusal<F: Float>(
    rule: impl Rule<F>,
    saved: &TorchState,
    change: impl Fn(&mut Dict<F>),
) -> String {
    let mut params = Case::read("adam.f64").params();
    change(&mut params);
    let mut optimizer = Optimizer::builder(rule).bind(&mut params).unwrap();
    let names: Vec<String> = params.names().map(str::to_string).collect();
    for name in names {
        params.grad_mut(&name).unwrap().fill(F::one());
    }
    optimizer.step(0.1, &mut params).unwrap();
    let before = optimizer.state();
    let refused = optimizer.load_torch(saved).unwrap_err().to_string();
    assert_eq!(optimizer.state(), before);
    refused.strip_prefix("state does not fit: ").unwrap().to_string()
}

#[test]
fn names_that_do_not_fit() {
    let saved = || open("adam.f64");
    let adam = Adam::torch();
    let refused = refusal::<f64>(adam, &saved(), |_| ());
    assert_eq!(refused, "the file names no parameters: give their names with `named`");
    let refused = refusal::<f64>(adam, &saved().named(["w", "b"]), |_| ());
    assert_eq!(refused, "2 names for 3 parameters in the file");
    let refused = refusal::<f64>(adam, &saved().named(["w", "b", "b"]), |_| ());
    assert_eq!(refused, "two parameters named b; t is bound, but not among the names");
    let refused = refusal::<f64>(adam, &saved().named(["w", "bias", "t"]), |_| ());
    assert_eq!(refused, "bias is not bound; b is bound, but not among the names");
}

#[test]
fn everything_that_does_not_fit_is_listed() {
    let adam = Adam::torch();
    let saved = open("adam.f64").named(ORDER);
    let refused = refusal::<f64>(adam, &saved, |params| {
        params.insert("b", ArrayD::zeros(vec![2, 2]));
        params.insert("w", ArrayD::zeros(vec![6]));
    });
    assert_eq!(
        refused,
        "b/exp_avg is f64 [4], expected f64 [2, 2]; b/exp_avg_sq is f64 [4], expected f64 [2, 2]; \
         w/exp_avg is f64 [3, 2], expected f64 [6]; w/exp_avg_sq is f64 [3, 2], expected f64 [6]"
    );
    let refused = refusal::<f32>(adam, &saved, |_| ());
    assert!(refused.starts_with("b/exp_avg is f64 [4], expected f32 [4]; "), "{refused}");

    let amsgrad = Adam { amsgrad: AmsGrad::Uncorrected, ..adam };
    let refused = refusal::<f64>(amsgrad, &saved, |_| ());
    assert!(refused.contains("w/max_exp_avg_sq is missing, expected f64 [3, 2]"), "{refused}");
    let refused = refusal::<f64>(adam, &open("amsgrad.f64").named(ORDER), |_| ());
    let want = "b/max_exp_avg_sq is unexpected; t/max_exp_avg_sq is unexpected; \
                w/max_exp_avg_sq is unexpected";
    assert_eq!(refused, want);
    let refused = refusal::<f64>(adam, &open("sgd.f64").named(["b", "t", "w"]), |_| ());
    assert!(refused.starts_with("b/step is missing, expected a number; "), "{refused}");
    assert!(refused.contains("w/momentum_buffer is unexpected"), "{refused}");
    let refused = refusal::<f64>(Sgd, &open("sgd.f64").named(ORDER), |_| ());
    assert!(refused.starts_with("b/momentum_buffer is unexpected; "), "{refused}");
    // A count where none is kept.
    let refused = refusal::<f64>(Momentum::torch(), &saved, |_| ());
    assert!(refused.contains("b/step is unexpected"), "{refused}");
}

#[test]
fn rules_that_are_none_of_pytorchs() {
    let saved = open("adam.f64").named(ORDER);
    let refused = refusal::<f64>(Lion::default(), &saved, |_| ());
    let want = "b: Lion keeps memory m, which PyTorch has not; ";
    assert!(refused.starts_with(want), "{refused}");
    // Keras' momentum is not PyTorch's.
    let refused = refusal::<f64>(Momentum::keras(), &open("sgd.f64").named(ORDER), |_| ());
    assert!(refused.starts_with("b: Momentum keeps memory v, which PyTorch has not"), "{refused}");
}

#[test]
fn a_frozen_parameter_need_not_be_in_the_file() {
    let case = Case::read("adam.f64");
    let mut params = case.params::<f64>();
    params.insert("frozen", ArrayD::zeros(vec![2]));
    let frozen = Group { frozen: true, ..Group::default() };
    let mut adam = Optimizer::builder(Adam::torch())
        .weight_decay(WeightDecay::L2(0.1))
        .group(|place| place.path.is("frozen"), frozen)
        .bind(&mut params)
        .unwrap();
    adam.load_torch(&open("adam.f64").named(ORDER)).unwrap();
    assert!(case.finish(&mut adam, &mut params) < 1e-14);
    assert!(
        adam.state().iter().all(|(name, _)| name == "frozen/t" || !name.starts_with("frozen/"))
    );
}

#[test]
fn files_that_are_no_state() {
    let refused = |name: &str| {
        let path = format!("{FOLDER}/{name}");
        TorchState::read(&path).unwrap_err().to_string().replace(&path, name)
    };
    // A module's state_dict has attributes, which take an instruction that runs code.
    let message = refused("checkpoint.pt");
    assert!(
        message.starts_with("checkpoint.pt: data.pkl, byte ")
            && message.ends_with(": instruction BUILD is refused"),
        "{message}"
    );
    assert!(refused("make.py").starts_with("make.py: is no zip archive: "));
    assert!(refused("missing.pt").starts_with("missing.pt: cannot read: "));
    let refused = TorchState::from_bytes("old.pt", b"\x80\x02}.").unwrap_err().to_string();
    assert_eq!(refused, "old.pt: is a bare pickle, of torch.save before 1.6 or of another program");
}
