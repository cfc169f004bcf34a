use super::{compare, not_yet, set_gradients, start};
use crate::{Problem, Run, Stop};
use tricks_optim::{
    AdaptiveClip, Centralize, ClipBlockRms, ClipGlobalNorm, ClipValue, GradientAverage, Group,
    Momentum, Normalize, Optimizer, Pending, Projection, Rule, Sgd, Transform, TrustRatio, Units,
    WeightDecay, project,
};
use tricks_tensor::{Dict, Float};

/// Update `t` is the transform of gradient `t`; the parameters stay where they are.
pub(super) fn transform<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let problem = Problem::of(run)?;
    let mut params = start::<F>(&problem);
    let updates = run.expect.list("updates")?;
    if updates.len() > problem.grads.len() {
        return Err(Stop::Malformed(format!("{} updates, fewer gradients", updates.len())));
    }
    let mut made = make(run, &problem, &mut params)?;
    for (step, (grads, want)) in problem.grads.iter().zip(updates).enumerate() {
        set_gradients(&mut params, &problem, grads)?;
        let update = match &mut made {
            Made::Transform(transform) => {
                let factor = F::of(transform.apply(&mut params, Pending::NONE)?.factor());
                let of = |name: &str| {
                    let grad = params.grad(name).map(|grad| grad.iter().map(|g| factor * *g));
                    grad.map(Iterator::collect).unwrap_or_default()
                };
                problem.params.iter().map(|(name, ..)| (name.clone(), of(name))).collect()
            }
            Made::Step(step) => step(&params)?,
        };
        let of = |name: &str| -> Vec<F> {
            update.iter().find(|(n, _)| n == name).map(|(_, x)| x.clone()).unwrap_or_default()
        };
        compare(run, &format!("update {step}"), &problem, want, of)?;
    }
    Ok(())
}

/// What a step moves, parameter by parameter.
type Moved<F> = Vec<(String, Vec<F>)>;

type Step<F> = Box<dyn FnMut(&Dict<F>) -> Result<Moved<F>, Stop>>;

/// What makes updates of gradients.
enum Made<F> {
    Transform(Box<dyn Transform<F>>),
    Step(Step<F>),
}

fn make<F: Float>(run: &Run<'_>, problem: &Problem, params: &mut Dict<F>) -> Result<Made<F>, Stop> {
    let hyper = &run.hyper;
    let transform: Box<dyn Transform<F>> = match run.op() {
        "clip" => Box::new(ClipValue { limit: hyper.number("max_delta")? }),
        "clip_by_global_norm" => {
            let max_norm = hyper.number("max_norm")?;
            Box::new(ClipGlobalNorm { max_norm, ..ClipGlobalNorm::optax() })
        }
        "clip_by_block_rms" => Box::new(ClipBlockRms { threshold: hyper.number("threshold")? }),
        "adaptive_grad_clip" => Box::new(AdaptiveClip {
            clipping: hyper.number("clipping")?,
            eps: hyper.number("eps")?,
            units: Units::Columns,
        }),
        "centralize" => Box::new(Centralize),
        "ema" => {
            let mut average = GradientAverage::bind(hyper.number("decay")?, params)?;
            average.debias = hyper.flag("debias")?;
            Box::new(average)
        }
        "scale_by_trust_ratio" => Box::new(TrustRatio {
            coefficient: hyper.number("trust_coefficient")?,
            eps: hyper.number("eps")?,
            min_norm: hyper.number("min_norm")?,
        }),
        "normalize_by_update_norm" => {
            let length = hyper.number("scale_factor")?;
            Box::new(Normalize { length, eps: hyper.number("eps")? })
        }
        "trace" => {
            let (momentum, nesterov) = (hyper.number("decay")?, hyper.flag("nesterov")?);
            let rule: Box<dyn Rule<F>> =
                Box::new(Momentum { momentum, nesterov, ..Momentum::optax() });
            let mut optimizer = Optimizer::builder(rule).maximize(true).bind(params)?;
            let mut at = params.clone();
            return Ok(Made::Step(Box::new(move |params| {
                let start = params.clone();
                for name in names(params) {
                    let mut value = at.get_mut(&name).ok_or_else(|| gone(&name))?;
                    value.assign(&start[name.as_str()]);
                    let grad = params.grad(&name).ok_or_else(|| gone(&name))?;
                    at.set_grad(&name, grad.view())?;
                }
                optimizer.step(1.0, &mut at)?;
                Ok(moved(&start, &at))
            })));
        }
        "add_decayed_weights" => {
            let lambda = hyper.number("weight_decay")?;
            let mask = hyper.numbers("mask")?;
            let decayed: Vec<String> = (problem.params.iter().map(|(name, ..)| name.clone()))
                .zip(mask)
                .filter(|(_, on)| *on != 0.0)
                .map(|x| x.0)
                .collect();
            return Ok(Made::Step(Box::new(move |params| {
                let mut at = params.clone();
                let group =
                    Group { weight_decay: Some(WeightDecay::L2(lambda)), ..Group::default() };
                Optimizer::builder(Sgd)
                    .maximize(false)
                    .group(|place| decayed.iter().any(|name| place.path.is(name)), group)
                    .bind(&mut at)?
                    .step(1.0, &mut at)?;
                // The update is what is taken off.
                Ok(moved(&at, params))
            })));
        }
        "keep_params_nonnegative" => {
            return Ok(Made::Step(Box::new(move |params| {
                let mut at = params.clone();
                Optimizer::builder(Sgd).maximize(true).bind(&mut at)?.step(1.0, &mut at)?;
                project(Projection::NonNegative, &mut at, |_| true)?;
                Ok(moved(params, &at))
            })));
        }
        _ => return not_yet(),
    };
    Ok(Made::Transform(transform))
}

fn names<F: Float>(params: &Dict<F>) -> Vec<String> {
    params.names().map(str::to_string).collect()
}

fn gone(name: &str) -> Stop {
    Stop::Fail(format!("{name} is gone"))
}

/// From one set of values to the other.
fn moved<F: Float>(from: &Dict<F>, to: &Dict<F>) -> Moved<F> {
    let of = |name: &String| {
        let pairs = from[name.as_str()].iter().zip(to[name.as_str()].iter());
        (name.clone(), pairs.map(|(a, b)| *b - *a).collect())
    };
    names(from).iter().map(of).collect()
}
