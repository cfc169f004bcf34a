use super::descent::{Plan, descend};
use super::in_dtype;
use super::layer::set;
use super::not_yet;
use crate::fields::numbers;
use crate::{Run, Stop, Tensor};
use tricks_init::{Fan, VarianceScaling};
use tricks_optim::{AdaGrad, Adam, Momentum, Optimizer, RmsProp, Rule, Sgd, WeightDecay};
use tricks_regularize::{
    BatchNorm, BatchNormConfig, Dropout, L1, L2, Penalty, RunningVariance, penalize,
};
use tricks_schedule::{Cosine, Exponential, Milestones, Polynomial, Schedule, Step};
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{Dict, Float, Layer, Mode, Noise};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "SGD" | "Momentum" | "AdaGrad" | "RMSProp" | "Adam" => in_dtype!(run, descent),
        "lr_decay" => decay(run),
        "lr_decay_table" => decay_table(run),
        "init_std" => init_std(run),
        "batch_norm_forward" => in_dtype!(run, batch_norm),
        "batch_norm_identity" => in_dtype!(run, batch_norm),
        "dropout_train" => in_dtype!(run, dropout),
        "weight_decay" => in_dtype!(run, weight_decay),
        _ => not_yet(),
    }
}

fn descent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let rule: Box<dyn Rule<F>> = match run.op() {
        "SGD" => Box::new(Sgd),
        "Momentum" => {
            Box::new(Momentum { momentum: hyper.number("momentum")?, ..Momentum::chapter() })
        }
        "AdaGrad" => Box::new(AdaGrad { eps: hyper.number("eps")?, ..AdaGrad::chapter() }),
        "RMSProp" => Box::new(RmsProp {
            rho: hyper.number("decay")?,
            eps: hyper.number("eps")?,
            ..RmsProp::chapter()
        }),
        _ => Box::new(Adam {
            beta1: hyper.number("alpha1")?,
            beta2: hyper.number("alpha2")?,
            eps: hyper.number("eps")?,
            ..Adam::chapter()
        }),
    };
    let lr = hyper.number("lr")?;
    if run.has("problem") {
        descend(run, Plan { rule, ..Plan::new(Sgd, lr) })?;
        return Ok(());
    }
    on_a_function(run, rule, lr)
}

/// From a point of a known function, whose gradient is no part of the library.
fn on_a_function<F: Float>(run: &mut Run<'_>, rule: Box<dyn Rule<F>>, lr: f64) -> Result<(), Stop> {
    if run.text("function") != "f(x,y)=x^2/20+y^2; grad=(x/10, 2y)" {
        return Err(Stop::Skip(format!("function {}", run.text("function"))));
    }
    run.expect.describes("columns");
    let wrong = || Stop::Malformed("trajectory".into());
    let rows: Option<Vec<Vec<f64>>> = run.expect.list("trajectory")?.iter().map(numbers).collect();
    let rows = rows.filter(|rows| rows.iter().all(|row| row.len() == 3)).ok_or_else(wrong)?;
    let start = rows.first().ok_or_else(wrong)?;

    let (mut x, mut y) = ([F::of(start[0])], [F::of(start[1])]);
    let (mut dx, mut dy) = ([F::zero()], [F::zero()]);
    let mut params = [("x", &mut x[..], &mut dx[..]), ("y", &mut y[..], &mut dy[..])];
    let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;
    for (t, row) in rows.iter().enumerate() {
        let [(_, x, dx), (_, y, dy)] = &mut params;
        let (x, y) = (x[0], y[0]);
        let f = x * x / F::of(20.0) + y * y;
        run.numbers(&format!("row {t}"), &[x, y, f], row);
        (dx[0], dy[0]) = (x / F::of(10.0), F::of(2.0) * y);
        optimizer.step(lr, &mut params)?;
    }
    Ok(())
}

fn decay(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let from = hyper.number("eta0")?;
    let schedule: Box<dyn Schedule> = if hyper.has("k") {
        Box::new(Step { from, gamma: hyper.number("gamma")?, every: hyper.count("k")? })
    } else if hyper.has("milestones") {
        let milestones = super::schedules::counts(hyper, "milestones")?;
        Box::new(Milestones { from, gamma: hyper.number("gamma")?, milestones })
    } else if hyper.has("lambda") {
        Box::new(Exponential { from, lambda: hyper.number("lambda")? })
    } else if hyper.has("p") {
        let (steps, power) = (hyper.count("T")?, hyper.number("p")?);
        Box::new(Polynomial { from, to: 0.0, steps, power })
    } else {
        Box::new(Cosine { from, to: hyper.number("eta_min")?, steps: hyper.count("T")? })
    };
    schedule.validate()?;
    let (steps, want) = (run.expect.numbers("t")?, run.expect.numbers("lr")?);
    if steps.len() != want.len() {
        return Err(Stop::Malformed("t and lr have different lengths".into()));
    }
    for (t, want) in steps.into_iter().zip(want) {
        run.number(&format!("lr at {t}"), schedule.at(t as u64), want);
    }
    Ok(())
}

/// Columns name their schedule: `step_g0.5_k10`, `interval_10_50_200_g0.7`, `exp_l0.1`.
fn decay_table(run: &mut Run<'_>) -> Result<(), Stop> {
    let epochs = run.expect.numbers("epoch")?;
    for column in run.expect.keys().into_iter().filter(|key| *key != "epoch") {
        let wrong = || Stop::Skip(format!("column {column}"));
        let mut words = column.split('_');
        let kind = words.next().unwrap_or("");
        let (mut gamma, mut every, mut lambda, mut milestones) = (None, None, None, Vec::new());
        for word in words {
            if let Some(text) = word.strip_prefix('g') {
                gamma = text.parse().ok();
            } else if let Some(text) = word.strip_prefix('k') {
                every = text.parse().ok();
            } else if let Some(text) = word.strip_prefix('l') {
                lambda = text.parse().ok();
            } else {
                milestones.push(word.parse().map_err(|_| wrong())?);
            }
        }
        let schedule: Box<dyn Schedule> = match (kind, gamma, every, lambda) {
            ("step", Some(gamma), Some(every), None) => Box::new(Step { from: 1.0, gamma, every }),
            ("interval", Some(gamma), None, None) => {
                Box::new(Milestones { from: 1.0, gamma, milestones })
            }
            ("exp", None, None, Some(lambda)) => Box::new(Exponential { from: 1.0, lambda }),
            _ => return Err(wrong()),
        };
        let want = run.expect.numbers(column)?;
        let got: Vec<f64> = epochs.iter().map(|t| schedule.at(*t as u64)).collect();
        run.numbers(column, &got, &want);
    }
    Ok(())
}

fn init_std(run: &mut Run<'_>) -> Result<(), Stop> {
    let fan = Fan {
        fan_in: run.hyper.count("n_in")? as usize,
        fan_out: run.hyper.count("n_out")? as usize,
    };
    let rows = [
        ("xavier_normal_std", VarianceScaling::xavier_normal().std(fan)),
        ("xavier_uniform_a", VarianceScaling::xavier_uniform().bound(fan)),
        ("xavier_simple_std", VarianceScaling::xavier_one_sided().std(fan)),
        ("he_normal_std", VarianceScaling::he_normal().std(fan)),
        ("he_uniform_a", VarianceScaling::he_uniform().bound(fan)),
    ];
    for (what, got) in rows {
        let want = run.expect.number(what)?;
        run.number(what, got, want);
    }
    Ok(())
}

/// The output; and where they are expected, the moments and the output without γ and β.
fn batch_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let x = run.inputs.tensor("x")?.array::<F>();
    // With all weight on the newest batch, the running statistics are those of the batch.
    let config = BatchNormConfig {
        eps: run.hyper.number("eps")?,
        momentum: Some(1.0),
        running_variance: RunningVariance::Biased,
        ..BatchNormConfig::torch()
    };
    let features = x.shape().last().copied().unwrap_or(0);
    let forward = |layer: &mut BatchNorm<F>| -> Result<ArrayD<F>, Stop> {
        let mut y = ArrayD::zeros(x.raw_dim());
        layer.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(0)))?;
        Ok(y)
    };
    let mut layer = BatchNorm::new(features, config)?;
    if run.expect.has("xhat") {
        let xhat = forward(&mut layer)?;
        run.array("xhat", &xhat, &run.expect.tensor("xhat")?);
    }
    set(&mut layer, "weight", &run.inputs.tensor("gamma")?)?;
    set(&mut layer, "bias", &run.inputs.tensor("beta")?)?;
    let y = forward(&mut layer)?;
    run.array("y", &y, &run.expect.tensor("y")?);
    if let Some(want) = run.expect.tensor_opt("mean")? {
        run.numbers("mean", layer.running_mean(), &want.data);
    }
    if let Some(want) = run.expect.tensor_opt("var")? {
        run.numbers("var", layer.running_var(), &want.data);
    }
    Ok(())
}

/// The mask is given to the library: its own masks come from its own noise.
fn dropout<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    run.inputs.describes("u");
    let dropout = Dropout::new(run.hyper.number("dropout_rate")?)?;
    let x = run.inputs.tensor("x")?.array::<F>();
    let mask = run.expect.tensor("mask")?;
    let keep = ArrayD::from_shape_vec(IxDyn(&mask.shape), mask.mask());
    let keep = keep.map_err(|e| Stop::Malformed(e.to_string()))?;
    let mut y = ArrayD::zeros(x.raw_dim());
    dropout.apply(x.view(), keep.view(), y.view_mut())?;
    run.array("y_train", &y, &run.expect.tensor("y_train")?);
    dropout.infer(x.view(), y.view_mut())?;
    run.array("y_test", &y, &run.expect.tensor("y_test")?);
    Ok(())
}

fn weight_decay<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (lambda, lr) = (run.hyper.number("lambda")?, run.hyper.number("lr")?);
    let (w, grad) = (run.inputs.tensor("W")?, run.inputs.tensor("grad")?);
    penalized::<F>(
        run,
        &L1 { lambda },
        [&w, &grad],
        lr,
        ["l1_loss", "l1_grad_total", "sgd_l1_step"],
    )?;
    penalized::<F>(
        run,
        &L2 { lambda },
        [&w, &grad],
        lr,
        ["l2_loss", "l2_grad_total", "sgd_l2_step"],
    )?;

    // The same step with the optimizer's own weight decay.
    let mut params = dict::<F>(&w, &grad)?;
    Optimizer::builder(Sgd)
        .weight_decay(WeightDecay::L2(lambda))
        .bind(&mut params)?
        .step(lr, &mut params)?;
    run.array("step with weight decay", &params["W"], &run.expect.tensor("sgd_l2_step")?);
    Ok(())
}

/// The penalty's value, the gradient with it, and where plain descent then goes.
fn penalized<F: Float>(
    run: &mut Run<'_>,
    penalty: &impl Penalty<F>,
    [w, grad]: [&Tensor; 2],
    lr: f64,
    [loss, total, step]: [&str; 3],
) -> Result<(), Stop> {
    let mut params = dict::<F>(w, grad)?;
    let value = penalize(penalty, &mut params)?;
    let want = run.expect.number(loss)?;
    run.numbers(loss, &[F::of(value)], &[want]);
    if let Some(got) = params.grad("W") {
        run.array(total, got, &run.expect.tensor(total)?);
    }
    Optimizer::builder(Sgd).bind(&mut params)?.step(lr, &mut params)?;
    run.array(step, &params["W"], &run.expect.tensor(step)?);
    Ok(())
}

fn dict<F: Float>(w: &Tensor, grad: &Tensor) -> Result<Dict<F>, Stop> {
    let mut params = Dict::new();
    params.insert("W", w.array());
    params.set_grad("W", grad.array::<F>().view())?;
    Ok(params)
}
