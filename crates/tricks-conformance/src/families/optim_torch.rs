use super::descent::{Groups, Plan, descend};
use super::{in_dtype, lbfgs, not_yet};
use crate::fields::number;
use crate::{Fields, Problem, Run, Stop, Tensor};
use serde_json::{Map, Value};
use tricks_optim::{
    AdaGrad, Adadelta, Adafactor, Adam, AdamW, Adamax, AmsGrad, Asgd, Group, Momentum, Muon,
    MuonScale, NAdam, RAdam, RmsProp, Rprop, Rule, Sgd, WeightDecay,
};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "LBFGS" => lbfgs::run(run),
        _ => in_dtype!(run, descent),
    }
}

fn descent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (rule, decay) = rule::<F>(run.op(), &run.hyper)?;
    let lr = run.hyper.number("lr")?;
    let groups = groups::<F>(run, lr)?;
    let maximize = run.hyper.flag("maximize")?;
    let plan = Plan { decay: Some(decay), groups, maximize, ..Plan::new(rule, lr) };
    let optimizer = descend(run, plan)?;
    let state = optimizer.state();
    // Groups may have forms of their own: the widest has all slots.
    let rules = all_rules::<F>(run)?;

    let names = Problem::of(run)?.params;
    for ((name, ..), want) in names.iter().zip(run.expect.list("final_state")?) {
        let Value::Object(want) = want else { return Err(Stop::Malformed("final_state".into())) };
        for (torch, want) in want {
            let want = Tensor::parse(want).map_err(Stop::Malformed)?;
            let what = format!("state of {name}, {torch}");
            let is = |named: Option<&str>| named == Some(torch);
            if torch == "step" {
                run.numbers(&what, &[state.count(&format!("{name}/t"))? as f64], &want.data);
            } else if let Some(slot) =
                rules.iter().find_map(|r| r.slots().iter().find(|s| is(s.torch)))
            {
                let entry = format!("{name}/{}", slot.name);
                run.numbers(&what, state.get::<F>(&entry, &want.shape)?, &want.data);
            } else if let Some(scalar) =
                rules.iter().find_map(|r| r.scalars().iter().find(|s| is(s.torch)))
            {
                let number = state.number(&format!("{name}/{}", scalar.name))?;
                run.numbers(&what, &[F::of(number)], &want.data);
            } else {
                return Err(Stop::Fail(format!("{} has no {torch}", run.op())));
            }
        }
    }
    Ok(())
}

/// The rule of the case, and those of its groups.
fn all_rules<F: Float>(run: &Run<'_>) -> Result<Vec<Box<dyn Rule<F>>>, Stop> {
    let (own, _) = rule(run.op(), &run.hyper)?;
    let groups = groups::<F>(run, run.hyper.number("lr")?)?.into_iter();
    Ok(std::iter::once(own).chain(groups.filter_map(|(_, group)| group.rule)).collect())
}

/// The rule and its weight decay, as PyTorch means these hyper-parameters.
pub(super) fn rule<F: Float>(
    op: &str,
    hyper: &Fields<'_>,
) -> Result<(Box<dyn Rule<F>>, WeightDecay), Stop> {
    let lambda = match op {
        "AdamW" => 0.01,
        "Muon" => 0.1,
        _ => 0.0,
    };
    let lambda = hyper.number_or("weight_decay", lambda)?;
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
        "NAdam" => {
            let default = NAdam::torch();
            let [beta1, beta2] = betas(hyper)?;
            let eps = hyper.number_or("eps", default.eps)?;
            let momentum_decay = hyper.number_or("momentum_decay", default.momentum_decay)?;
            let rule = NAdam { beta1, beta2, eps, momentum_decay, ..default };
            (Box::new(rule), decoupled(hyper, lambda)?)
        }
        "RAdam" => {
            let default = RAdam::torch();
            let [beta1, beta2] = betas(hyper)?;
            let rule = RAdam { beta1, beta2, eps: hyper.number_or("eps", default.eps)?, ..default };
            (Box::new(rule), decoupled(hyper, lambda)?)
        }
        "Adamax" => {
            let default = Adamax::torch();
            let [beta1, beta2] = betas(hyper)?;
            let rule =
                Adamax { beta1, beta2, eps: hyper.number_or("eps", default.eps)?, ..default };
            (Box::new(rule), l2)
        }
        "Adadelta" => {
            let default = Adadelta::torch();
            let rho = hyper.number_or("rho", default.rho)?;
            (Box::new(Adadelta { rho, eps: hyper.number_or("eps", default.eps)? }), l2)
        }
        "ASGD" => {
            let default = Asgd::torch();
            let rule = Asgd {
                lambda: hyper.number_or("lambd", default.lambda)?,
                alpha: hyper.number_or("alpha", default.alpha)?,
                t0: hyper.number_or("t0", default.t0)?,
            };
            (Box::new(rule), l2)
        }
        "Rprop" => {
            let mut rule = Rprop::torch();
            if hyper.has("etas") {
                let [minus, plus] = pair(hyper, "etas")?;
                (rule.eta_minus, rule.eta_plus) = (minus, plus);
            }
            if hyper.has("step_sizes") {
                let [least, most] = pair(hyper, "step_sizes")?;
                (rule.step_min, rule.step_max) = (least, most);
            }
            rule.eta_minus = hyper.number_or("eta1", rule.eta_minus)?;
            rule.eta_plus = hyper.number_or("eta2", rule.eta_plus)?;
            (Box::new(rule), l2)
        }
        "Adafactor" => {
            let default = Adafactor::torch();
            let (eps1, eps2) = match hyper.get("eps").and_then(Value::as_array).map(Vec::as_slice) {
                Some([eps1, eps2]) => (number(eps1), number(eps2).unwrap_or(default.eps2)),
                _ => (default.eps1, default.eps2),
            };
            let rule = Adafactor {
                beta2_decay: hyper.number_or("beta2_decay", default.beta2_decay)?,
                eps1,
                eps2,
                clip_threshold: hyper.number_or("d", default.clip_threshold)?,
                ..default
            };
            (Box::new(rule), WeightDecay::Decoupled(lambda))
        }
        "Muon" => {
            let default = Muon::torch();
            let coefficients = match hyper.has("ns_coefficients") {
                true => hyper.numbers("ns_coefficients")?,
                false => default.coefficients.to_vec(),
            };
            let rule = Muon {
                momentum: hyper.number_or("momentum", default.momentum)?,
                nesterov: !hyper.has("nesterov") || hyper.flag("nesterov")?,
                coefficients: coefficients
                    .try_into()
                    .map_err(|_| Stop::Malformed("ns_coefficients".into()))?,
                steps: hyper.count_opt("ns_steps")?.map_or(default.steps, |n| n as u32),
                eps: hyper.number_or("eps", default.eps)?,
                scale: match hyper.get("adjust_lr_fn").and_then(Value::as_str) {
                    None | Some("original") => MuonScale::Rows,
                    Some("match_rms_adamw") => MuonScale::MatchRms(0.2),
                    Some(other) => return Err(Stop::Skip(format!("adjust_lr_fn = {other}"))),
                },
                ..default
            };
            (Box::new(rule), WeightDecay::Decoupled(lambda))
        }
        _ => return not_yet(),
    })
}

/// Weight decay where `decoupled_weight_decay` says which.
fn decoupled(hyper: &Fields<'_>, lambda: f64) -> Result<WeightDecay, Stop> {
    Ok(match (lambda, hyper.flag("decoupled_weight_decay")?) {
        (0.0, _) => WeightDecay::None,
        (lambda, true) => WeightDecay::Decoupled(lambda),
        (lambda, false) => WeightDecay::L2(lambda),
    })
}

fn pair(hyper: &Fields<'_>, key: &str) -> Result<[f64; 2], Stop> {
    hyper.numbers(key)?.try_into().map_err(|_| Stop::Malformed(key.into()))
}

/// Both decay rates, as a pair or one by one.
fn betas(hyper: &Fields<'_>) -> Result<[f64; 2], Stop> {
    let [one, two] = if hyper.has("betas") { pair(hyper, "betas")? } else { [0.9, 0.999] };
    Ok([hyper.number_or("beta1", one)?, hyper.number_or("beta2", two)?])
}

fn adam(hyper: &Fields<'_>) -> Result<Adam, Stop> {
    let default = Adam::torch();
    let [beta1, beta2] = betas(hyper)?;
    Ok(Adam {
        beta1,
        beta2,
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
