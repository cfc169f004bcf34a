use super::layer::{get, set};
use super::masked::Masked;
use super::schedules::{AnySchedule, all_read};
use super::{in_dtype, lr_torch, not_yet, optim_torch};
use crate::{Fields, Run, Stop, Tensor};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tricks_net::Net;
use tricks_net::layers::{Dense, ReLU, Sequential, Sigmoid, Tanh};
use tricks_net::losses::{Loss, SoftmaxCrossEntropy};
use tricks_optim::{Group, Optimizer, Rule, StepArgs, WeightDecay, clip_global_norm};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_schedule::Schedule;
use tricks_tensor::ndarray::{Array2, ArrayD, Axis, IxDyn};
use tricks_tensor::{Float, Noise};

/// Whole runs: initial parameters, data, batch order and masks are given.
pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "train" => in_dtype!(run, train),
        _ => not_yet(),
    }
}

/// A net, and where the reference's names are in it.
struct Model<F> {
    net: Net<F, Sequential<F>>,
    /// `l1` → `layers.0`.
    names: Vec<(String, String)>,
    keep: Arc<Mutex<ArrayD<bool>>>,
}

impl<F: Float> Model<F> {
    /// The library's name of a parameter of the reference's.
    fn name(&self, theirs: &str) -> Result<String, Stop> {
        let (layer, rest) = theirs.split_once('.').unwrap_or((theirs, ""));
        let found = self.names.iter().find(|(name, _)| name == layer);
        let (_, ours) = found.ok_or_else(|| Stop::Malformed(format!("no layer for {theirs}")))?;
        Ok(format!("{ours}.{rest}"))
    }
}

fn train<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let loss = loss(run.hyper.text("loss")?)?;
    let x = run.inputs.tensor("x")?.array::<F>();
    let x = x.into_dimensionality::<tricks_tensor::ndarray::Ix2>();
    let x: Array2<F> = x.map_err(|_| Stop::Skip("inputs that are not rows".into()))?;
    let labels = run.inputs.tensor("y")?.labels()?;
    let batch = run.inputs.count("batch_size")? as usize;
    let epochs = run.inputs.list("batch_order_per_epoch")?;
    let per_epoch = x.nrows().div_ceil(batch.max(1)) as u64;

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
    let lr = optimizer.number("lr")?;
    let mut optimizer = bind(&mut model.net, &optimizer)?;
    let schedule = schedule(run, lr, per_epoch, epochs.len() as u64)?;
    let max_norm = run.hyper.number_opt("clip_grad_norm")?;
    // What else is asked for, this loop does not do.
    if let Some(unread) = run.hyper.unread().first() {
        return Err(Stop::Skip(unread.clone()));
    }

    let (mut losses, mut lrs, mut norms) = (Vec::new(), Vec::new(), Vec::new());
    for order in epochs {
        let order = Tensor::new(&[], crate::fields::numbers(order).unwrap_or_default()).labels()?;
        if order.iter().any(|row| *row >= x.nrows()) {
            return Err(Stop::Malformed("batch_order_per_epoch".into()));
        }
        for rows in order.chunks(batch.max(1)) {
            let update = losses.len();
            if let Some(mask) = masks.get(update) {
                let mask = Tensor::parse(mask).map_err(Stop::Malformed)?;
                let keep = ArrayD::from_shape_vec(IxDyn(&mask.shape), mask.mask());
                let mut slot = model.keep.lock().unwrap_or_else(PoisonError::into_inner);
                *slot = keep.map_err(|e| Stop::Malformed(e.to_string()))?;
            }
            let (xs, ys): (_, Vec<usize>) =
                (x.select(Axis(0), rows), rows.iter().map(|row| labels[*row]).collect());
            let pass = model.net.forward_train(&xs, Noise::new(update as u64))?;
            losses.push(pass.backward(|y, dy| loss.gradient(y, &ys, dy))?);

            let lr = schedule.at(update as u64);
            let mut step = StepArgs::new(lr);
            if let Some(max_norm) = max_norm {
                let clip = clip_global_norm(&mut model.net, max_norm)?;
                norms.push(clip.norm());
                step = step.clip(clip);
            }
            optimizer.step(step, &mut model.net)?;
            lrs.push(lr);
        }
    }
    compare(
        run,
        &mut model,
        &x,
        [("loss_per_batch", losses), ("lr_per_update", lrs), ("grad_norm_per_update", norms)],
    )
}

fn compare<F: Float>(
    run: &mut Run<'_>,
    model: &mut Model<F>,
    x: &Array2<F>,
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
    let rows: Vec<usize> = (0..want.shape.first().copied().unwrap_or(0).min(x.nrows())).collect();
    let output = model.net.predict(&x.select(Axis(0), &rows))?;
    run.array("eval_output_first_rows", &output, &want);
    Ok(())
}

/// The net that a text such as `Linear-BatchNorm1d-ReLU-Linear` describes.
fn model<F: Float>(run: &Run<'_>, initial: &Fields<'_>) -> Result<Model<F>, Stop> {
    let text = run.hyper.text("net")?;
    let keep = Arc::new(Mutex::new(ArrayD::from_elem(IxDyn(&[]), true)));
    let (mut layers, mut names) = (Sequential::<F>::new(), Vec::new());
    let (mut dense, mut width) = (0, 0);
    for (i, word) in text.split('-').enumerate() {
        layers = match word {
            "Linear" => {
                dense += 1;
                names.push((format!("l{dense}"), format!("layers.{i}")));
                let [outputs, inputs] = initial.tensor(&format!("l{dense}.weight"))?.shape[..]
                else {
                    return Err(Stop::Malformed(format!("l{dense}.weight")));
                };
                width = outputs;
                layers.push(Dense::new(inputs, outputs))
            }
            "BatchNorm1d" => {
                names.push(("bn".into(), format!("layers.{i}")));
                layers.push(BatchNorm::new(width, BatchNormConfig::torch())?)
            }
            "Dropout(mask)" => {
                let dropout = Dropout::new(run.hyper.number("dropout")?)?;
                layers.push(Masked { dropout, keep: keep.clone() })
            }
            "ReLU" | "relu" => layers.push(ReLU),
            "tanh" | "Tanh" => layers.push(Tanh),
            "sigmoid" | "Sigmoid" => layers.push(Sigmoid),
            _ => return Err(Stop::Skip(format!("net {text}"))),
        };
    }
    Ok(Model { net: Net::new(layers), names, keep })
}

fn loss(text: &str) -> Result<SoftmaxCrossEntropy, Stop> {
    let skip = || Stop::Skip(format!("loss {text}"));
    let rest = text.strip_prefix("cross entropy, mean").ok_or_else(skip)?;
    let label_smoothing = match rest.strip_prefix(", label_smoothing ") {
        Some(number) => number.parse().map_err(|_| skip())?,
        None if rest.is_empty() => 0.0,
        None => return Err(skip()),
    };
    Ok(SoftmaxCrossEntropy { label_smoothing, ..Default::default() })
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

fn schedule(run: &Run<'_>, lr: f64, per_epoch: u64, epochs: u64) -> Result<AnySchedule, Stop> {
    if !run.hyper.has("schedule") {
        return Ok(Box::new(lr));
    }
    let hyper = run.hyper.object("schedule");
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
