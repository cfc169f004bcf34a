//! What the optimizer families share: a rule on a stream of gradients.

use crate::fields::numbers;
use crate::{Fields, Problem, Run, Stop};
use serde_json::Value;
use std::collections::BTreeSet;
use tricks_optim::{
    Accumulate, Averaging, ClipGlobalNorm, Group, Optimizer, Rule, StepArgs, WeightAverage,
    WeightDecay, clip_norm, clip_value,
};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{Dict, Float};

/// Clipping before a step.
pub(super) enum Clipping {
    Global(f64),
    EachTensor(f64),
    EachElement(f64),
}

/// Indices of parameters, and how they differ.
pub(super) type Groups<F> = Vec<(Vec<usize>, Group<F>)>;

/// What to do with a problem.
pub(super) struct Plan<F> {
    pub(super) rule: Box<dyn Rule<F>>,
    /// None: what is part of the rule.
    pub(super) decay: Option<WeightDecay>,
    pub(super) lr: f64,
    pub(super) groups: Groups<F>,
    pub(super) maximize: bool,
    pub(super) clipping: Option<Clipping>,
    /// Updates over which the learning rate rises to `lr`, evenly; the first is not 0.
    pub(super) warmup: u64,
    /// Whether decoupled decay keeps to `lr` while the rate rises.
    pub(super) decay_at_full_rate: bool,
    /// Batches a step, of which the mean gradient is taken.
    pub(super) accumulate: u64,
    /// The decay of an average of the parameters, and after how many steps it overwrites them.
    pub(super) ema: Option<(f64, u64)>,
}

impl<F> Plan<F> {
    pub(super) fn new(rule: impl Rule<F> + 'static, lr: f64) -> Self
    where
        F: Float,
    {
        Self {
            rule: Box::new(rule),
            decay: None,
            lr,
            groups: Vec::new(),
            maximize: false,
            clipping: None,
            warmup: 0,
            decay_at_full_rate: false,
            accumulate: 1,
            ema: None,
        }
    }
}

/// Runs the plan over the stream, comparing parameters after the steps the case lists.
pub(super) fn descend<F: Float>(
    run: &mut Run<'_>,
    plan: Plan<F>,
) -> Result<Optimizer<F, Box<dyn Rule<F>>>, Stop> {
    let problem = Problem::of(run)?;
    let lrs = lr_per_step(run, plan.lr)?;
    let absent = absent_grads(run)?;
    let mut params = Dict::<F>::new();
    for (name, shape, init) in &problem.params {
        params.insert(name.as_str(), array(shape, init));
    }

    let mut builder = Optimizer::builder(plan.rule).maximize(plan.maximize);
    if let Some(decay) = plan.decay {
        builder = builder.weight_decay(decay);
    }
    if plan.decay_at_full_rate && plan.warmup > 0 {
        builder = builder.group(|_| true, Group::default());
    }
    for (indices, group) in plan.groups {
        let names: Vec<String> = indices
            .iter()
            .map(|&i| problem.params.get(i).map(|(name, ..)| name.clone()))
            .collect::<Option<_>>()
            .ok_or_else(|| Stop::Malformed("a group of parameters that do not exist".into()))?;
        builder = builder.group(move |place| names.iter().any(|name| place.path.is(name)), group);
    }
    let mut optimizer = builder.bind(&mut params)?;
    let mut accumulate = Accumulate::bind(plan.accumulate, &mut params)?;
    let decay = plan.ema.map_or(0.0, |(decay, _)| decay);
    let mut average = WeightAverage::bind(Averaging::Exponential { decay }, &mut params)?;

    let after = run.expect.object("params_after_step");
    let evaluated = run.expect.object("eval_params_after_step");
    let mut left: BTreeSet<&str> = after.keys().into_iter().chain(evaluated.keys()).collect();
    for (step, grads) in problem.grads.iter().enumerate() {
        for (index, ((name, shape, _), grad)) in problem.params.iter().zip(grads).enumerate() {
            if absent.contains(&(step, index)) {
                params.clear_grad(name);
            } else {
                params.set_grad(name, array(shape, grad).view())?;
            }
        }
        let risen = (step as f64 + 1.0) / plan.warmup.max(1) as f64;
        let lr = lrs.get(step).copied().unwrap_or(plan.lr) * risen.min(1.0);
        if let (true, [group], Some(WeightDecay::Decoupled(lambda))) =
            (plan.decay_at_full_rate, optimizer.groups_mut(), plan.decay)
        {
            group.weight_decay = Some(WeightDecay::Decoupled(lambda / risen.min(1.0)));
        }
        let args = match plan.clipping {
            None => StepArgs::new(lr),
            Some(Clipping::Global(max_norm)) => {
                let clip = ClipGlobalNorm { max_norm, eps: 0.0, ..ClipGlobalNorm::default() };
                StepArgs::new(lr).clip(clip.measure(&mut params)?)
            }
            Some(Clipping::EachTensor(max_norm)) => {
                clip_norm(&mut params, max_norm)?;
                StepArgs::new(lr)
            }
            Some(Clipping::EachElement(limit)) => {
                clip_value(&mut params, limit)?;
                StepArgs::new(lr)
            }
        };
        if plan.accumulate == 1 {
            optimizer.step(args, &mut params)?;
        } else if accumulate.add(&mut params)? {
            optimizer.step(args, &mut accumulate.over(&mut params))?;
        }
        if let Some((_, period)) = plan.ema {
            average.update(&mut params)?;
            if (step as u64 + 1).is_multiple_of(period) {
                average.overwrite(&mut params)?;
            }
        }

        let count = (step + 1).to_string();
        left.remove(count.as_str());
        compare(run, &problem, &after, &count, "", &params)?;
        optimizer.evaluate(&mut params, |params| {
            compare(run, &problem, &evaluated, &count, "to be evaluated ", params)
        })??;
    }
    match left.first() {
        Some(step) => Err(Stop::Malformed(format!("no gradients for step {step}"))),
        None => Ok(optimizer),
    }
}

/// Holds the parameters against a list for this step, if there is one.
fn compare<F: Float>(
    run: &mut Run<'_>,
    problem: &Problem,
    after: &Fields<'_>,
    step: &str,
    what: &str,
    params: &Dict<F>,
) -> Result<(), Stop> {
    if !after.has(step) {
        return Ok(());
    }
    let wrong = || Stop::Malformed(format!("params_after_step.{step}"));
    let want = after.list(step)?;
    if want.len() != problem.params.len() {
        return Err(wrong());
    }
    for ((name, ..), want) in problem.params.iter().zip(want) {
        let want = numbers(want).ok_or_else(wrong)?;
        let got = params.get(name).and_then(|array| array.as_slice()).unwrap_or(&[]);
        run.numbers(&format!("{what}after step {step}, {name}"), got, &want);
    }
    Ok(())
}

/// Flat numbers as an array of this shape, which they fill.
pub(super) fn array<F: Float>(shape: &[usize], flat: &[f64]) -> ArrayD<F> {
    let data = flat.iter().map(|x| F::of(*x)).collect();
    ArrayD::from_shape_vec(IxDyn(shape), data).expect("lengths were checked when read")
}

fn lr_per_step(run: &Run<'_>, lr: f64) -> Result<Vec<f64>, Stop> {
    match run.case.get("lr_per_step") {
        None | Some(Value::Null) => Ok(vec![lr; 0]),
        Some(list) => numbers(list).ok_or_else(|| Stop::Malformed("lr_per_step".into())),
    }
}

fn absent_grads(run: &Run<'_>) -> Result<BTreeSet<(usize, usize)>, Stop> {
    let Some(Value::Array(list)) = run.case.get("absent_grads") else { return Ok(BTreeSet::new()) };
    let pair = |pair: &Value| {
        let [step, param] = numbers(pair)?[..] else { return None };
        Some((step as usize, param as usize))
    };
    let pairs: Option<_> = list.iter().map(pair).collect();
    pairs.ok_or_else(|| Stop::Malformed("absent_grads".into()))
}
