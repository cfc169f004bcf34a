use super::layer::{compare, get, set, through};
use super::{in_dtype, not_yet};
use crate::{Fields, Run, Stop, Tensor};
use serde_json::Value;
use tricks_net::layers::Dense;
use tricks_regularize::{
    BatchNorm, BatchNormConfig, GroupNorm, GroupNormConfig, InstanceNorm, InstanceNormConfig,
    L2Normalize, LayerNorm, LayerNormConfig, LocalResponseNorm, LocalResponseNormConfig, RmsNorm,
    RmsNormConfig, WeightNorm,
};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Float, Layer, Mode, Noise};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "BatchNorm1d" | "BatchNorm2d" => in_dtype!(run, batch_norm),
        "LayerNorm" => in_dtype!(run, layer_norm),
        "RMSNorm" => in_dtype!(run, rms_norm),
        "GroupNorm" => in_dtype!(run, group_norm),
        "InstanceNorm" => in_dtype!(run, instance_norm),
        "LocalResponseNorm" => in_dtype!(run, local_response_norm),
        "normalize_l2" => in_dtype!(run, l2_normalize),
        "WeightNorm" => in_dtype!(run, weight_norm),
        _ => not_yet(),
    }
}

/// A sequence of batches in training and evaluation.
fn batch_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = BatchNormConfig {
        eps: run.hyper.number("eps")?,
        momentum: run.hyper.number_opt("momentum")?,
        affine: run.hyper.flag("affine")?,
        track_running_stats: run.hyper.flag("track_running_stats")?,
        ..BatchNormConfig::torch()
    };
    let mut layer: Option<BatchNorm<F>> = None;
    for (i, step) in run.expect.list("steps")?.iter().enumerate() {
        let wrong = || Stop::Malformed(format!("steps[{i}]"));
        let step = Fields::from_map(step.as_object().ok_or_else(wrong)?, "step");
        let x = step.tensor("x")?.array::<F>();
        let features = channels(&x)?;
        let layer = match &mut layer {
            Some(layer) => layer,
            none => {
                let mut fresh = BatchNorm::new(features, config)?;
                for name in run.params.keys() {
                    set(&mut fresh, name, &run.params.tensor(name)?)?;
                }
                none.insert(fresh)
            }
        };
        let mode = match step.text("mode")? {
            "train" => Mode::Train(Noise::new(i as u64)),
            "eval" => Mode::Eval,
            _ => return Err(wrong()),
        };
        one_batch(run, layer, &step, x, mode, i)?;
        if let Some(unread) = step.unread().first() {
            return Err(Stop::Fail(format!("steps[{i}]: not compared: {unread}")));
        }
    }
    Ok(())
}

fn one_batch<F: Float>(
    run: &mut Run<'_>,
    layer: &mut BatchNorm<F>,
    step: &Fields<'_>,
    x: ArrayD<F>,
    mode: Mode,
    i: usize,
) -> Result<(), Stop> {
    let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
    layer.forward(x.view(), y.view_mut(), mode)?;
    run.array(&format!("step {i}, output"), &y, &step.tensor("output")?);
    if let Some(upstream) = step.tensor_opt("upstream")? {
        let upstream = upstream.array::<F>();
        layer.backward(x.view(), y.view(), upstream.view(), Some(dx.view_mut()), mode)?;
    }
    if let Some(want) = step.tensor_opt("grad_x")? {
        run.array(&format!("step {i}, gradient of x"), &dx, &want);
    }
    let pairs = [("grad_weight", "weight"), ("grad_bias", "bias")];
    for (what, name) in pairs {
        if let Some(want) = step.tensor_opt(what)? {
            let Some((_, Some(got))) = get(layer, name) else {
                return Err(Stop::Fail(format!("{name} has no gradient")));
            };
            run.numbers(&format!("step {i}, {what}"), &got, &want.data);
        }
    }
    let pairs = [("running_mean_after", "running_mean"), ("running_var_after", "running_var")];
    for (what, name) in pairs {
        if let Some(want) = step.tensor_opt(what)? {
            let got = get(layer, name).ok_or_else(|| Stop::Fail(format!("no {name}")))?.0;
            run.numbers(&format!("step {i}, {name}"), &got, &want.data);
        }
    }
    if let Some(want) = step.get("num_batches_tracked").and_then(Value::as_f64) {
        let name = "num_batches_tracked";
        let got = get(layer, name).ok_or_else(|| Stop::Fail(format!("no {name}")))?.0;
        run.numbers(&format!("step {i}, {name}"), &got, &[want]);
    }
    Ok(())
}

/// The length of axis 1.
fn channels<F: Float>(x: &ArrayD<F>) -> Result<usize, Stop> {
    x.shape().get(1).copied().ok_or_else(|| Stop::Malformed("x has no channels".into()))
}

fn layer_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let shape: Vec<usize> =
        run.hyper.numbers("normalized_shape")?.into_iter().map(|n| n as usize).collect();
    let config = LayerNormConfig {
        eps: run.hyper.number("eps")?,
        affine: run.params.has("weight"),
        bias: run.params.has("bias"),
    };
    compare(run, &mut LayerNorm::<F>::new(&shape, config)?)
}

fn rms_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = RmsNormConfig { eps: run.hyper.number("eps")?, affine: true };
    let shape = run.params.tensor("weight")?.shape;
    compare(run, &mut RmsNorm::<F>::new(&shape, config)?)
}

fn group_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = GroupNormConfig { eps: run.hyper.number("eps")?, affine: true };
    let groups = run.hyper.count("num_groups")? as usize;
    let channels = channels(&run.inputs.tensor("x")?.array::<F>())?;
    compare(run, &mut GroupNorm::<F>::new(groups, channels, config)?)
}

fn instance_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = InstanceNormConfig {
        eps: run.hyper.number("eps")?,
        affine: run.hyper.flag("affine")?,
        track_running_stats: run.hyper.flag("track_running_stats")?,
        ..Default::default()
    };
    let channels = channels(&run.inputs.tensor("x")?.array::<F>())?;
    compare(run, &mut InstanceNorm::<F>::new(channels, config)?)
}

fn local_response_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = LocalResponseNormConfig {
        size: run.hyper.count("size")? as usize,
        alpha: run.hyper.number("alpha")?,
        beta: run.hyper.number("beta")?,
        k: run.hyper.number("k")?,
    };
    compare::<F>(run, &mut LocalResponseNorm::new(config)?)
}

fn l2_normalize<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("p", 2)?;
    let last = run.inputs.tensor("x")?.shape.len().saturating_sub(1);
    run.hyper.only("dim", last)?;
    compare::<F>(run, &mut L2Normalize::new(run.hyper.number("eps")?)?)
}

/// A linear layer whose weight is normalized.
fn weight_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "W = g * v/||v||_row")?;
    let (v, g) = (run.params.tensor("v")?, run.params.tensor("g")?);
    let [outputs, inputs] = v.shape[..] else {
        return Err(Stop::Malformed("v".into()));
    };
    let numbers = |x: &Tensor| x.data.iter().map(|x| F::of(*x)).collect::<Vec<F>>();
    let (v, g) = (numbers(&v), numbers(&g));
    let norm = WeightNorm::new(outputs)?;
    let mut w = vec![F::zero(); v.len()];
    norm.forward(&v, &g, &mut w)?;
    let w: Vec<f64> = w.into_iter().map(F::widen).collect();
    let mut dense = Dense::<F>::without_bias(inputs, outputs);
    set(&mut dense, "weight", &Tensor::new(&[outputs, inputs], w))?;
    through(run, &mut dense)?;
    let Some((_, Some(dw))) = get(&mut dense, "weight") else {
        return Err(Stop::Fail("weight has no gradient".into()));
    };
    let (mut dv, mut dg) = (vec![F::zero(); v.len()], vec![F::zero(); g.len()]);
    norm.backward(&v, &g, &dw, &mut dv, &mut dg)?;
    let want = run.expect.object("grad_params");
    run.numbers("gradient of v", &dv, &want.tensor("v")?.data);
    run.numbers("gradient of g", &dg, &want.tensor("g")?.data);
    Ok(())
}
