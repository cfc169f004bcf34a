use super::descent::{Groups, Plan, descend};
use super::{in_dtype, not_yet};
use crate::{Fields, Problem, Run, Stop, Tensor};
use serde_json::{Map, Value};
use tricks_optim::{
    AdaGrad, Adam, AdamW, AmsGrad, Group, Momentum, RmsProp, Rule, Sgd, WeightDecay,
};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "SGD" | "Adagrad" | "RMSprop" | "Adam" | "AdamW" => in_dtype!(run, descent),
        _ => not_yet(),
    }
}

fn descent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (rule, decay) = rule::<F>(run.op(), &run.hyper)?;
    let lr = run.hyper.number("lr")?;
    let groups = groups::<F>(run, lr)?;
    let maximize = run.hyper.flag("maximize")?;
    let plan = Plan { rule, decay: Some(decay), lr, groups, maximize, clipping: None };
    let state = descend(run, plan)?.state();

    let names = Problem::of(run)?.params;
    for ((name, ..), want) in names.iter().zip(run.expect.list("final_state")?) {
        let Value::Object(want) = want else { return Err(Stop::Malformed("final_state".into())) };
        for (slot, want) in want {
            let want = Tensor::parse(want).map_err(Stop::Malformed)?;
            let what = format!("state of {name}, {slot}");
            let entry = format!("{name}/{}", letter(run.op(), slot)?);
            if slot == "step" {
                run.numbers(&what, &[state.count(&entry)? as f64], &want.data);
            } else {
                run.numbers(&what, state.get::<F>(&entry, &want.shape)?, &want.data);
            }
        }
    }
    Ok(())
}

/// The library's letter for a state of PyTorch's name.
fn letter(op: &str, slot: &str) -> Result<&'static str, Stop> {
    Ok(match (op, slot) {
        (_, "step") => "t",
        ("SGD" | "RMSprop", "momentum_buffer") => "b",
        ("Adagrad", "sum") | ("RMSprop", "square_avg") => "h",
        ("RMSprop", "grad_avg") => "a",
        ("Adam" | "AdamW", "exp_avg") => "m",
        ("Adam" | "AdamW", "exp_avg_sq") => "v",
        ("Adam" | "AdamW", "max_exp_avg_sq") => "v_max",
        _ => return Err(Stop::Fail(format!("no state for {op}'s {slot}"))),
    })
}

/// The rule and its weight decay, as PyTorch means these hyper-parameters.
pub(super) fn rule<F: Float>(
    op: &str,
    hyper: &Fields<'_>,
) -> Result<(Box<dyn Rule<F>>, WeightDecay), Stop> {
    let lambda = hyper.number_or("weight_decay", if op == "AdamW" { 0.01 } else { 0.0 })?;
    let l2 = if lambda == 0.0 { WeightDecay::None } else { WeightDecay::L2(lambda) };
    Ok(match op {
        "SGD" => {
            let momentum = hyper.number_or("momentum", 0.0)?;
            let dampening = hyper.number_or("dampening", 0.0)?;
            let nesterov = hyper.flag("nesterov")?;
            if momentum == 0.0 && !nesterov {
                // PyTorch reads the dampening only where there is a buffer.
                (Box::new(Sgd), l2)
            } else {
                (Box::new(Momentum { momentum, dampening, nesterov, ..Momentum::torch() }), l2)
            }
        }
        "Adagrad" => {
            let default = AdaGrad::torch();
            let rule = AdaGrad {
                eps: hyper.number_or("eps", default.eps)?,
                lr_decay: hyper.number_or("lr_decay", 0.0)?,
                initial_accumulator: hyper.number_or("initial_accumulator_value", 0.0)?,
                ..default
            };
            (Box::new(rule), l2)
        }
        "RMSprop" => {
            let default = RmsProp::torch();
            let rule = RmsProp {
                rho: hyper.number_or("alpha", default.rho)?,
                eps: hyper.number_or("eps", default.eps)?,
                centered: hyper.flag("centered")?,
                momentum: hyper.number_or("momentum", 0.0)?,
                ..default
            };
            (Box::new(rule), l2)
        }
        "Adam" | "AdamW" => {
            let adam = adam(hyper)?;
            let decoupled = hyper.get("decoupled_weight_decay").map(Value::as_bool);
            match (op, decoupled) {
                ("AdamW", None | Some(Some(true))) => {
                    let rule = AdamW { adam, weight_decay: lambda };
                    (Box::new(rule), WeightDecay::Decoupled(lambda))
                }
                ("Adam", Some(Some(true))) => (Box::new(adam), WeightDecay::Decoupled(lambda)),
                ("Adam", None | Some(Some(false))) => (Box::new(adam), l2),
                _ => return Err(Stop::Malformed("decoupled_weight_decay".into())),
            }
        }
        _ => return not_yet(),
    })
}

fn adam(hyper: &Fields<'_>) -> Result<Adam, Stop> {
    let default = Adam::torch();
    let (mut beta1, mut beta2) = (default.beta1, default.beta2);
    if hyper.has("betas") {
        let [one, two] = hyper.numbers("betas")?[..] else {
            return Err(Stop::Malformed("betas".into()));
        };
        (beta1, beta2) = (one, two);
    }
    Ok(Adam {
        beta1: hyper.number_or("beta1", beta1)?,
        beta2: hyper.number_or("beta2", beta2)?,
        eps: hyper.number_or("eps", default.eps)?,
        amsgrad: if hyper.flag("amsgrad")? { AmsGrad::Uncorrected } else { AmsGrad::Off },
        ..default
    })
}

/// Groups: the hyper-parameters of the case with some of them replaced.
fn groups<F: Float>(run: &Run<'_>, lr: f64) -> Result<Groups<F>, Stop> {
    let Some(Value::Array(list)) = run.case.get("groups") else { return Ok(vec![]) };
    let everywhere = run.case.get("hyper").and_then(Value::as_object);
    let mut groups = Vec::new();
    for entry in list {
        let wrong = || Stop::Malformed("groups".into());
        let own = entry.as_object().ok_or_else(wrong)?;
        let mut merged: Map<String, Value> = everywhere.cloned().unwrap_or_default();
        merged.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
        let fields = Fields::from_map(&merged, "group");
        let indices = fields.numbers("params")?.into_iter().map(|i| i as usize).collect();
        let (rule, decay) = rule::<F>(run.op(), &fields)?;
        let own_lr = fields.number("lr")?;
        if own_lr != lr && (lr == 0.0 || run.has("lr_per_step")) {
            return Err(Stop::Skip("a group's own lr where the common one is 0 or changes".into()));
        }
        let lr_scale = if own_lr == lr { 1.0 } else { own_lr / lr };
        fields
            .only("maximize", run.case["hyper"].get("maximize").cloned().unwrap_or(false.into()))?;
        if let Some(unread) = fields.unread().first() {
            return Err(Stop::Skip(format!("group with {unread}")));
        }
        let group =
            Group { lr_scale, weight_decay: Some(decay), rule: Some(rule), ..Group::default() };
        groups.push((indices, group));
    }
    Ok(groups)
}
