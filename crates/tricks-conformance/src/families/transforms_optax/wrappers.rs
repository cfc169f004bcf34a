use super::{compare, lists, not_yet, set_gradients, start};
use crate::{Fields, Problem, Run, Stop};
use serde_json::Value;
use tricks_optim::{
    Accumulate, Adam, AdamW, ClipGlobalNorm, LbfgsDirection, Lookahead, Momentum, Optimizer, Rule,
    Sam, Sgd, SkipNonFinite, StepArgs, ZeroNans, transform,
};
use tricks_tensor::Float;

/// A rule named as in Optax, and its learning rate.
fn rule<F: Float>(fields: &Fields<'_>) -> Result<(Box<dyn Rule<F>>, f64), Stop> {
    let adam = || -> Result<Adam, Stop> {
        let (beta1, beta2) = (fields.number("b1")?, fields.number("b2")?);
        Ok(Adam { beta1, beta2, eps: fields.number("eps")?, ..Adam::optax() })
    };
    let rule: Box<dyn Rule<F>> = match fields.text("op")? {
        "sgd" => match fields.number_opt("momentum")? {
            None => Box::new(Sgd),
            Some(momentum) => Box::new(Momentum { momentum, ..Momentum::optax() }),
        },
        "adam" => Box::new(adam()?),
        "adamw" => Box::new(AdamW { adam: adam()?, weight_decay: fields.number("weight_decay")? }),
        _ => return not_yet(),
    };
    let lr = fields.number("learning_rate")?;
    match fields.unread().first() {
        Some(unread) => Err(Stop::Skip(format!("inner {unread}"))),
        None => Ok((rule, lr)),
    }
}

fn inner<'a>(run: &Run<'a>) -> Result<Fields<'a>, Stop> {
    let map = run.case.get("inner").and_then(Value::as_object);
    Ok(Fields::from_map(map.ok_or_else(|| Stop::Malformed("inner".into()))?, "inner"))
}

/// The gradients of the case, or else those of its problem.
fn gradients(run: &Run<'_>, problem: &Problem) -> Result<Vec<Vec<Vec<f64>>>, Stop> {
    match run.case.get("grads") {
        None | Some(Value::Null) => Ok(problem.grads.clone()),
        Some(grads) => {
            let steps = grads.as_array().and_then(|steps| steps.iter().map(lists).collect());
            steps.ok_or_else(|| Stop::Malformed("grads".into()))
        }
    }
}

/// Something around an optimizer's step.
enum Around<F> {
    Accumulate(Accumulate<F>, bool),
    Skip(SkipNonFinite),
    Lookahead(Lookahead<F>, bool),
    Clip(ClipGlobalNorm),
    ZeroNans,
    Lbfgs(LbfgsDirection<F>),
}

pub(super) fn wrapper<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let problem = Problem::of(run)?;
    let mut params = start::<F>(&problem);
    let hyper = &run.hyper;
    let mut around = match run.op() {
        "MultiSteps" => {
            let mut accumulate = Accumulate::bind(hyper.count("every_k_schedule")?, &mut params)?;
            accumulate.sum = !hyper.flag("use_grad_mean")?;
            let skips = hyper.has("should_skip_update_fn");
            if skips {
                hyper.only("should_skip_update_fn", "skip_not_finite")?;
            }
            Around::Accumulate(accumulate, skips)
        }
        "apply_if_finite" => {
            Around::Skip(SkipNonFinite::new(hyper.count("max_consecutive_errors")?))
        }
        "lookahead" => {
            let (period, slow) = (hyper.count("sync_period")?, hyper.number("slow_step_size")?);
            let lookahead = Lookahead::bind(period, slow, &mut params)?;
            Around::Lookahead(lookahead, hyper.flag("reset_state")?)
        }
        "chain" => {
            let first = hyper.list("chain")?.first().and_then(Value::as_object);
            let first = first.ok_or_else(|| Stop::Malformed("chain".into()))?;
            let clip = Fields::from_map(first, "chain");
            if clip.text("op")? != "clip_by_global_norm" {
                return not_yet();
            }
            let max_norm = clip.number("max_norm")?;
            Around::Clip(ClipGlobalNorm { max_norm, ..ClipGlobalNorm::optax() })
        }
        "zero_nans" => Around::ZeroNans,
        "scale_by_lbfgs" => {
            let mut direction = LbfgsDirection::bind(&mut params)?;
            direction.history_size = hyper.count("memory_size")? as usize;
            direction.scale_identity = hyper.flag("scale_init_precond")?;
            Around::Lbfgs(direction)
        }
        _ => return not_yet(),
    };
    let (rule, lr): (Box<dyn Rule<F>>, f64) = if run.op() == "scale_by_lbfgs" {
        (Box::new(Sgd), -hyper.number("then_scale")?)
    } else if run.op() == "chain" {
        let [_, Value::Object(last)] = hyper.list("chain")? else {
            return Err(Stop::Skip("a chain of other than two".into()));
        };
        rule::<F>(&Fields::from_map(last, "chain"))?
    } else {
        rule::<F>(&inner(run)?)?
    };
    let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;

    let after = run.expect.object("params_after_step");
    let slow_after = run.expect.object("slow_params_after_step");
    let extra_after = run.expect.object("extra_after_step");
    for (step, grads) in gradients(run, &problem)?.iter().enumerate() {
        set_gradients(&mut params, &problem, grads)?;
        let count = (step + 1).to_string();
        match &mut around {
            Around::Accumulate(accumulate, skips) => {
                let bad = *skips && grads.iter().flatten().any(|g| !g.is_finite());
                if !bad && accumulate.add(&mut params)? {
                    optimizer.step(lr, &mut accumulate.over(&mut params))?;
                }
            }
            Around::Skip(skip) => {
                let finite = skip.allows(&mut params)?;
                if finite {
                    optimizer.step(lr, &mut params)?;
                }
                if let Some(Value::Object(want)) = extra_after.get(&count) {
                    let want = Fields::from_map(want, "extra_after_step");
                    let row = skip.in_a_row() == want.count("notfinite_count")?;
                    let total = skip.total() == want.count("total_notfinite")?;
                    let last = finite == want.flag("last_finite")?;
                    run.require(format!("counts after step {count}"), row && total && last);
                }
            }
            Around::Lookahead(lookahead, resets) => {
                optimizer.step(lr, &mut params)?;
                if lookahead.update(&mut params)? && *resets {
                    optimizer.reset();
                }
                if let Some(want) = slow_after.get(&count) {
                    let slow = |name: &str| lookahead.get(name).unwrap_or_default().to_vec();
                    compare(run, &format!("slow after step {count}"), &problem, want, slow)?;
                }
            }
            Around::Clip(clip) => {
                let pending = transform(clip, &mut params)?;
                optimizer.step(StepArgs::new(lr).clip(pending), &mut params)?;
            }
            Around::Lbfgs(direction) => {
                let pending = transform(direction, &mut params)?;
                optimizer.step(StepArgs::new(lr).clip(pending), &mut params)?;
            }
            Around::ZeroNans => {
                let pending = transform(&mut ZeroNans::default(), &mut params)?;
                optimizer.step(StepArgs::new(lr).clip(pending), &mut params)?;
            }
        }
        if let Some(want) = after.get(&count) {
            let got = |name: &str| params[name].iter().copied().collect::<Vec<F>>();
            compare(run, &format!("after step {count}"), &problem, want, got)?;
        }
    }
    match after.unread().first() {
        Some(step) => Err(Stop::Malformed(format!("no gradients for step {step}"))),
        None => Ok(()),
    }
}

/// Sharpness-aware minimization of `½xᵀAx − bᵀx`.
pub(super) fn sam<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let function = run.case.get("function").and_then(Value::as_object);
    let function =
        Fields::from_map(function.ok_or_else(|| Stop::Malformed("function".into()))?, "function");
    let (a, b) = (function.tensor("A")?, function.tensor("b")?);
    let gradient = |x: &[F]| -> Vec<F> {
        let row = |i: usize| {
            let row = &a.data[i * x.len()..][..x.len()];
            let sum: f64 = row.iter().zip(x).map(|(a, x)| a * x.widen()).sum();
            F::of(sum - b.data[i])
        };
        (0..x.len()).map(row).collect()
    };
    let start = Fields::from_map(run.case, "case").numbers("x0")?;
    let mut x: Vec<F> = start.into_iter().map(F::of).collect();
    let mut g = vec![F::zero(); x.len()];
    let mut params = [("x", &mut x[..], &mut g[..])];
    run.hyper.only("sync_period", 2)?;
    let mut sam = Sam::bind(&mut params)?;
    (sam.rho, sam.eps) = (run.hyper.number("rho")?, 0.0);
    let (rule, lr) = rule::<F>(&inner(run)?)?;
    let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;
    for (step, want) in run.expect.list("x_after_step")?.iter().enumerate() {
        let [(_, x, g)] = &mut params;
        g.copy_from_slice(&gradient(x));
        sam.ascend(&mut params)?;
        let [(_, x, g)] = &mut params;
        g.copy_from_slice(&gradient(x));
        sam.restore(&mut params)?;
        optimizer.step(lr, &mut params)?;
        let want =
            crate::fields::numbers(want).ok_or_else(|| Stop::Malformed("x_after_step".into()))?;
        run.numbers(&format!("x after step {step}"), params[0].1, &want);
    }
    Ok(())
}
