//! What must be refused, and what must not.

mod calls;
mod schedules;

use super::{not_yet, optim_torch};
use crate::{Run, Stop};
use tricks_optim::{Adam, Optimizer, Rule};
use tricks_tensor::ndarray::{Array1, Array2, ArrayD, IxDyn};
use tricks_tensor::{Dict, Float, Result, StateDict};

type Checked = std::result::Result<(), Stop>;

pub(super) fn run(run: &mut Run<'_>) -> Checked {
    match run.text("kind") {
        "bad_hyper_parameter" | "bad_combination" => hyper_parameter(run),
        "bad_schedule" => {
            let outcome = schedules::build(run.op(), &run.hyper)?;
            judge(run, outcome)
        }
        "non_finite_gradient" => non_finite(run),
        "shape_mismatch" => shape_mismatch(run),
        "zero_size" => zero_size(run),
        "empty_parameters" => {
            let mut nothing = Dict::<f64>::new();
            let bound = Optimizer::builder(Adam::torch()).bind(&mut nothing);
            judge(run, bound.map(drop))
        }
        "state_mismatch" => state_mismatch(run),
        "bad_call" => calls::run(run),
        _ => not_yet(),
    }
}

/// Holds what happened against the recommendation.
fn judge(run: &mut Run<'_>, outcome: Result<()>) -> Checked {
    let recommended = run.text("recommended");
    let (may_pass, may_refuse) = (
        recommended.contains("ok") || recommended.contains("no-op"),
        recommended.contains("error"),
    );
    if !may_pass && !may_refuse {
        return Err(Stop::Malformed(format!("recommended is {recommended:?}")));
    }
    match outcome {
        Ok(()) => run.require(format!("accepted; recommended: {recommended}"), may_pass),
        Err(error) => {
            run.require(format!("refused ({error}); recommended: {recommended}"), may_refuse);
            run.require("an error without a message", !error.to_string().is_empty());
        }
    }
    Ok(())
}

fn params<F: Float>() -> Dict<F> {
    let mut params = Dict::new();
    params.insert("first", Array2::from_elem((2, 3), F::one()));
    params.insert("last", Array1::from_elem(4, F::one()));
    for name in ["first", "last"] {
        let grad = params[name].mapv(|x| x / F::of(2.0));
        params.set_grad(name, grad.view()).expect("of the same shape");
    }
    params
}

fn rule(run: &Run<'_>) -> std::result::Result<Box<dyn Rule<f64>>, Stop> {
    Ok(optim_torch::rule::<f64>(run.op(), &run.hyper)?.0)
}

fn hyper_parameter(run: &mut Run<'_>) -> Checked {
    let (rule, decay) = optim_torch::rule::<f64>(run.op(), &run.hyper)?;
    let lr = run.hyper.number_or("lr", rule.default_lr())?;
    let mut params = params();
    if rule.check_shape(params["last"].shape()).is_err() {
        params.remove("last");
    }
    let before = params.clone();
    let outcome = Optimizer::builder(rule)
        .weight_decay(decay)
        .bind(&mut params)
        .and_then(|mut optimizer| optimizer.step(lr, &mut params));
    if outcome.is_err() {
        unchanged(run, &before, &params);
    }
    judge(run, outcome)
}

fn unchanged(run: &mut Run<'_>, before: &Dict<f64>, after: &Dict<f64>) {
    for name in before.names() {
        let same = before[name].iter().zip(&after[name]).all(|(a, b)| a.to_bits() == b.to_bits());
        run.require(format!("{name} has changed, though there was an error"), same);
    }
}

fn non_finite(run: &mut Run<'_>) -> Checked {
    let mut params = params::<f64>();
    let mut optimizer = Optimizer::builder(rule(run)?).bind(&mut params)?;
    optimizer.step(0.1, &mut params)?;
    let id = run.text("id");
    let mut grad = ArrayD::from_elem(IxDyn(&[4]), 0.5);
    match id.rsplit('/').next().unwrap_or("") {
        "nan" => grad.fill(f64::NAN),
        "inf" => grad.fill(f64::INFINITY),
        "one_nan" => grad[[1]] = f64::NAN,
        other => return Err(Stop::Skip(format!("a gradient of {other}"))),
    }
    params.set_grad("last", grad.view())?;
    let (before, state) = (params.clone(), optimizer.state());
    let outcome = optimizer.step(0.1, &mut params);
    let message = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    run.require(
        format!("the error does not name the parameter: {message:?}"),
        message.contains("last"),
    );
    unchanged(run, &before, &params);
    run.require("the state has changed", optimizer.state() == state);
    judge(run, outcome)
}

fn shape_mismatch(run: &mut Run<'_>) -> Checked {
    let mut params = params::<f64>();
    let mut optimizer = Optimizer::builder(rule(run)?).bind(&mut params)?;
    let before = params.clone();
    let turned = params.set_grad("first", ArrayD::zeros(IxDyn(&[3, 2])).view());
    run.require("a gradient of another shape was taken", turned.is_err());
    unchanged(run, &before, &params);

    // Slices carry no shape, but a length.
    let (mut first, mut grad, mut short) = ([1.0; 6], [0.5; 6], [0.5; 5]);
    let (mut last, mut other) = ([1.0; 4], [0.5; 4]);
    let mut bound =
        [("last", &mut last[..], &mut other[..]), ("first", &mut first[..], &mut grad[..])];
    let mut of_slices = Optimizer::builder(rule(run)?).bind(&mut bound)?;
    let mut wrong =
        [("last", &mut last[..], &mut other[..]), ("first", &mut first[..], &mut short[..])];
    let outcome = of_slices.step(0.1, &mut wrong);
    run.require(
        "a slice has changed, though there was an error",
        first == [1.0; 6] && last == [1.0; 4],
    );
    run.require("a gradient of another length was taken", outcome.is_err());

    run.require("the optimizer does not go on", optimizer.step(0.1, &mut params).is_ok());
    judge(run, turned)
}

fn zero_size(run: &mut Run<'_>) -> Checked {
    let mut params = Dict::<f64>::new();
    params.insert("nothing", ArrayD::zeros(IxDyn(&[0, 3])));
    params.set_grad("nothing", ArrayD::zeros(IxDyn(&[0, 3])).view())?;
    let bound = Optimizer::builder(rule(run)?).bind(&mut params);
    judge(run, bound.and_then(|mut optimizer| optimizer.step(0.1, &mut params)))
}

/// A state of Adam with something wrong; the optimizer must keep the one it has.
fn state_mismatch(run: &mut Run<'_>) -> Checked {
    let mut params = params::<f64>();
    let mut optimizer = Optimizer::builder(Adam::torch()).bind(&mut params)?;
    optimizer.step(0.1, &mut params)?;
    let good = optimizer.state();
    let without = |what: &str| {
        let mut state = StateDict::new();
        for (name, entry) in good.iter().filter(|(name, _)| !name.contains(what)) {
            state.insert_entry(name, entry.clone());
        }
        state
    };
    let mut bad = good.clone();
    let bad = match run.text("id").rsplit('/').next().unwrap_or("") {
        "fewer_params" => without("last"),
        "missing_param_state" => without("last/m"),
        "no_state_key" => StateDict::new(),
        "moment_shape" => {
            bad.insert("first/m", &[3, 2], &[0.0f64; 6]);
            bad
        }
        "more_groups" => {
            bad.insert_count("rule/Momentum", 1);
            bad
        }
        "extra_state" => {
            bad.insert("another/m", &[1], &[0.0f64]);
            bad
        }
        other => return Err(Stop::Skip(format!("a state with {other}"))),
    };
    optimizer.step(0.1, &mut params)?;
    let before = optimizer.state();
    let outcome = optimizer.load_state(&bad);
    run.require("the state has changed, though there was an error", optimizer.state() == before);
    judge(run, outcome)
}
