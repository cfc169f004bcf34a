mod nets;

use super::layer::{get, set};
use super::schedules::{AnySchedule, all_read};
use super::{in_dtype, lr_torch, not_yet, optim_torch};
use crate::{Fields, Run, Stop, Tensor};
use nets::{Model, model};
use serde_json::Value;
use std::sync::PoisonError;
use tricks_net::Net;
use tricks_net::layers::Sequential;
use tricks_net::losses::{Huber, Loss, SoftmaxCrossEntropy};
use tricks_optim::{
    Accumulate, Averaging, Group, Optimizer, Rule, StepArgs, WeightAverage, WeightDecay,
    clip_global_norm,
};
use tricks_schedule::Schedule;
use tricks_tensor::ndarray::{ArrayD, Axis, IxDyn};
use tricks_tensor::{Float, Noise};

/// Whole runs: initial parameters, data, batch order and masks are given.
pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "train" => in_dtype!(run, train),
        _ => not_yet(),
    }
}

/// What outputs are held against: labels, so many for each sample, or rows of values.
enum Targets<F> {
    Labels(Vec<usize>, usize),
    Values(ArrayD<F>),
}

/// The gradients that make an update, and what rides along with it.
struct Riders<F> {
    accumulate: Option<Accumulate<F>>,
    ema: Option<WeightAverage<F>>,
    max_norm: Option<f64>,
}

impl<F: Float> Riders<F> {
    fn of(run: &Run<'_>, net: &mut Net<F, Sequential<F>>) -> Result<Self, Stop> {
        let ema = run.hyper.number_opt("ema_decay")?;
        let ema = ema.map(|decay| -> tricks_tensor::Result<_> {
            let mut ema = WeightAverage::bind(Averaging::Exponential { decay }, net)?;
            // The reference's average begins with the parameters before the first update.
            ema.update(net)?;
            Ok(ema)
        });
        let every = run.hyper.count_opt("gradient_accumulation")?;
        let accumulate = every.map(|every| Accumulate::bind(every, net));
        let max_norm = run.hyper.number_opt("clip_grad_norm")?;
        Ok(Self { accumulate: accumulate.transpose()?, ema: ema.transpose()?, max_norm })
    }

    /// After a backward pass: the norm if it is clipped, or nothing if more batches are to come.
    fn step(
        &mut self,
        net: &mut Net<F, Sequential<F>>,
        optimizer: &mut Optimizer<F, Box<dyn Rule<F>>>,
        lr: f64,
    ) -> Result<Option<Option<f64>>, Stop> {
        let mut args = StepArgs::new(lr);
        if let Some(ema) = &mut self.ema {
            args = args.average(ema);
        }
        let mut norm = None;
        match &mut self.accumulate {
            Some(accumulate) => {
                if !accumulate.add(net)? {
                    return Ok(None);
                }
                optimizer.step(args, &mut accumulate.over(net))?;
            }
            None => {
                if let Some(max_norm) = self.max_norm {
                    let clip = clip_global_norm(net, max_norm)?;
                    norm = Some(clip.norm());
                    args = args.clip(clip);
                }
                optimizer.step(args, net)?;
            }
        }
        Ok(Some(norm))
    }
}

fn train<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let loss = loss::<F>(run.hyper.text("loss")?)?;
    let x = run.inputs.tensor("x")?.array::<F>();
    let samples = x.shape().first().copied().unwrap_or(0);
    let y = run.inputs.tensor("y")?;
    let targets = match y.labels() {
        Ok(labels) => Targets::Labels(labels, y.data.len() / samples.max(1)),
        Err(_) => Targets::Values(y.array()),
    };
    let batch = run.inputs.count("batch_size")? as usize;
    let epochs = run.inputs.list("batch_order_per_epoch")?;
    let per_epoch = samples.div_ceil(batch.max(1)) as u64;

    let initial = run.inputs.object("init_params");
    let mut model = model::<F>(run, &initial)?;
    for theirs in initial.keys() {
        let name = model.name(theirs)?;
        set(&mut model.net, &name, &initial.tensor(theirs)?)?;
    }
    let masks = match run.inputs.get("dropout_masks").and_then(Value::as_array) {
        Some(masks) => masks.as_slice(),
        None => &[],
    };
    let optimizer = run.hyper.object("optimizer");
    let schedule = schedule(run, &optimizer, per_epoch, epochs.len() as u64)?;
    let mut optimizer = bind(&mut model.net, &optimizer)?;
    let mut riders = Riders::of(run, &mut model.net)?;
    // What else is asked for, this loop does not do.
    if let Some(unread) = run.hyper.unread().first() {
        return Err(Stop::Skip(unread.clone()));
    }

    let (mut losses, mut lrs, mut norms) = (Vec::new(), Vec::new(), Vec::new());
    for order in epochs {
        let order = Tensor::new(&[], crate::fields::numbers(order).unwrap_or_default()).labels()?;
        if order.iter().any(|row| *row >= samples) {
            return Err(Stop::Malformed("batch_order_per_epoch".into()));
        }
        for rows in order.chunks(batch.max(1)) {
            let number = losses.len();
            if let Some(mask) = masks.get(number) {
                let mask = Tensor::parse(mask).map_err(Stop::Malformed)?;
                let keep = ArrayD::from_shape_vec(IxDyn(&mask.shape), mask.mask());
                let mut slot = model.keep.lock().unwrap_or_else(PoisonError::into_inner);
                *slot = keep.map_err(|e| Stop::Malformed(e.to_string()))?;
            }
            let xs = x.select(Axis(0), rows);
            let pass = model.net.forward_train(&xs, Noise::new(number as u64))?;
            losses.push(pass.backward(|y, dy| match &targets {
                Targets::Labels(labels, of) => {
                    let labels = rows.iter().flat_map(|row| &labels[row * of..][..*of]);
                    let labels: Vec<usize> = labels.copied().collect();
                    loss.evaluate(y, (&labels).into(), Some(dy))
                }
                Targets::Values(values) => {
                    let values = values.select(Axis(0), rows);
                    loss.evaluate(y, (&values).into(), Some(dy))
                }
            })?);
            let lr = schedule.at(lrs.len() as u64);
            if let Some(norm) = riders.step(&mut model.net, &mut optimizer, lr)? {
                lrs.push(lr);
                norms.extend(norm);
            }
        }
    }
    averages(run, &model, riders.ema.as_ref())?;
    compare(
        run,
        &mut model,
        &x,
        [("loss_per_batch", losses), ("lr_per_update", lrs), ("grad_norm_per_update", norms)],
    )
}

/// The average of the parameters.
fn averages<F: Float>(
    run: &mut Run<'_>,
    model: &Model<F>,
    ema: Option<&WeightAverage<F>>,
) -> Result<(), Stop> {
    let all = run.expect.object("ema_params");
    for theirs in all.keys() {
        let (want, name) = (all.tensor(theirs)?, model.name(theirs)?);
        let got = ema.and_then(|ema| ema.get(&name));
        let got = got.ok_or_else(|| Stop::Fail(format!("there is no average of {name}")))?;
        run.numbers(&format!("average of {theirs}"), got, &want.data);
    }
    Ok(())
}

fn compare<F: Float>(
    run: &mut Run<'_>,
    model: &mut Model<F>,
    x: &ArrayD<F>,
    series: [(&str, Vec<f64>); 3],
) -> Result<(), Stop> {
    for (what, got) in series {
        if run.expect.has(what) {
            let want = run.expect.numbers(what)?;
            run.numbers(what, &got, &want);
        }
    }
    for kind in ["final_params", "final_buffers"] {
        let all = run.expect.object(kind);
        for theirs in all.keys() {
            let want = all.tensor(theirs)?;
            let name = model.name(theirs)?;
            match get(&mut model.net, &name) {
                Some((got, _)) => run.numbers(theirs, &got, &want.data),
                None => return Err(Stop::Fail(format!("there is no {name} for {theirs}"))),
            }
        }
    }
    let want = run.expect.tensor("eval_output_first_rows")?;
    let rows: Vec<usize> =
        (0..want.shape.first().copied().unwrap_or(0).min(x.len_of(Axis(0)))).collect();
    let output = model.net.predict(&x.select(Axis(0), &rows))?;
    run.array("eval_output_first_rows", &output, &want);
    Ok(())
}

fn loss<F: Float>(text: &str) -> Result<Box<dyn Loss<F>>, Stop> {
    let skip = || Stop::Skip(format!("loss {text}"));
    Ok(match text {
        "huber delta 1, mean" => Box::new(Huber { delta: 1.0, ..Huber::default() }),
        "next-token cross entropy, mean" => Box::new(SoftmaxCrossEntropy::next_token()),
        "cross entropy, mean" => Box::new(SoftmaxCrossEntropy::default()),
        _ => {
            let smoothing = text.strip_prefix("cross entropy, mean, label_smoothing ");
            let label_smoothing = smoothing.and_then(|x| x.parse().ok()).ok_or_else(skip)?;
            Box::new(SoftmaxCrossEntropy { label_smoothing, ..Default::default() })
        }
    })
}

/// PyTorch decays every parameter, unless the case says which.
fn bind<F: Float>(
    net: &mut Net<F, Sequential<F>>,
    hyper: &Fields<'_>,
) -> Result<Optimizer<F, Box<dyn Rule<F>>>, Stop> {
    let op = hyper.text("op")?;
    let (rule, decay) = optim_torch::rule::<F>(op, hyper)?;
    let matrices = "parameters with 2 or more dims only";
    let at_least = match hyper.get("weight_decay_on").and_then(Value::as_str) {
        None => 0,
        Some(text) if text == matrices => 2,
        Some(text) => return Err(Stop::Skip(format!("weight_decay_on = {text}"))),
    };
    all_read(hyper)?;
    Ok(Optimizer::builder(rule)
        .weight_decay(WeightDecay::None)
        .group(
            move |place| place.shape.len() >= at_least,
            Group { weight_decay: Some(decay), ..Group::default() },
        )
        .bind(net)?)
}

/// A cycle has its rate itself, every other schedule takes the optimizer's.
fn schedule(
    run: &Run<'_>,
    optimizer: &Fields<'_>,
    per_epoch: u64,
    epochs: u64,
) -> Result<AnySchedule, Stop> {
    let hyper = run.hyper.object("schedule");
    if !run.hyper.has("schedule") {
        return Ok(Box::new(optimizer.number("lr")?));
    }
    let lr = match hyper.number_opt("max_lr")? {
        Some(max) => optimizer.number_or("lr", max)?,
        None => optimizer.number("lr")?,
    };
    let (op, per) = (hyper.text("op")?, hyper.text("per")?);
    let length = if per == "epoch" { epochs } else { epochs * per_epoch };
    let schedule = lr_torch::schedule(op, &hyper, lr, length)?;
    all_read(&hyper)?;
    match per {
        "step" => Ok(schedule),
        "epoch" => Ok(Box::new(schedule.per_epoch(per_epoch))),
        other => Err(Stop::Skip(format!("per = {other}"))),
    }
}
