use super::descent::array;
use super::layer::set;
use super::{in_dtype, not_yet};
use crate::fields::numbers;
use crate::{Problem, Run, Stop, Tensor};
use tricks_optim::{
    Averaging, ClipGlobalNorm, LossScaler, Momentum, Optimizer, StepArgs, WeightAverage, clip_value,
};
use tricks_regularize::{
    BatchNorm, BatchNormConfig, CutMix, Cutout, Mixup, SpectralNorm, update_bn,
};
use tricks_tensor::ndarray::{ArrayD, Axis};
use tricks_tensor::{Dict, Float, Layer, Mode, Noise};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "clip_grad_norm_" => in_dtype!(run, global_norm),
        "clip_grad_value_" => in_dtype!(run, each_value),
        "EMA" | "SWA" => in_dtype!(run, averages),
        "GradScaler" => scales(run),
        "GradScalerLoop" => in_dtype!(run, scaled_steps),
        "update_bn" => in_dtype!(run, batch_statistics),
        "spectral_norm" => in_dtype!(run, spectral_norm),
        "mixup" => in_dtype!(run, mixup),
        "cutmix" => in_dtype!(run, cutmix),
        "cutout" => in_dtype!(run, cutout),
        _ => not_yet(),
    }
}

fn global_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    run.hyper.only("error_if_nonfinite", false)?;
    let clip = ClipGlobalNorm {
        max_norm: run.hyper.number("max_norm")?,
        p: run.hyper.number("norm_type")?,
        eps: 1e-6,
    };
    let (mut params, names) = gradients::<F>(run)?;
    let clip = clip.measure(&mut params)?;
    clip.apply(&mut params);
    let want = run.expect.number("total_norm")?;
    run.numbers("total_norm", &[F::of(clip.norm())], &[want]);
    compare(run, &params, &names)
}

fn each_value<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (mut params, names) = gradients::<F>(run)?;
    clip_value(&mut params, run.hyper.number("clip_value")?)?;
    compare(run, &params, &names)
}

/// Parameters of zeros with the gradients of the case, and their names in its order.
fn gradients<F: Float>(run: &Run<'_>) -> Result<(Dict<F>, Vec<String>), Stop> {
    let (mut params, mut names) = (Dict::new(), Vec::new());
    for (i, grad) in run.inputs.list("grads")?.iter().enumerate() {
        let grad = Tensor::parse(grad).map_err(Stop::Malformed)?.array::<F>();
        let name = format!("p{i:04}");
        params.insert(name.as_str(), grad.mapv(|_| F::zero()));
        params.set_grad(&name, grad.view())?;
        names.push(name);
    }
    Ok((params, names))
}

fn compare<F: Float>(run: &mut Run<'_>, params: &Dict<F>, names: &[String]) -> Result<(), Stop> {
    let want = run.expect.list("grads")?;
    run.require(
        format!("got {} gradients, want {}", names.len(), want.len()),
        names.len() == want.len(),
    );
    for (name, want) in names.iter().zip(want) {
        let want = Tensor::parse(want).map_err(Stop::Malformed)?;
        match params.grad(name) {
            Some(got) => run.array(&format!("gradient {name}"), got, &want),
            None => return Err(Stop::Fail(format!("{name} has lost its gradient"))),
        }
    }
    Ok(())
}

/// An average of parameters that jump from point to point.
fn averages<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    let averaging = match run.op() {
        "EMA" => Averaging::Exponential { decay: run.hyper.number("decay")? },
        _ => Averaging::Equal,
    };
    let shapes: Option<Vec<Vec<usize>>> = (run.inputs.list("shapes")?.iter())
        .map(|shape| Some(numbers(shape)?.into_iter().map(|n| n as usize).collect()))
        .collect();
    let shapes = shapes.ok_or_else(|| Stop::Malformed("shapes".into()))?;
    let malformed = || Stop::Malformed("a list of numbers for each parameter".into());
    let mut average = None;
    let (points, averages) = (run.inputs.list("values")?, run.expect.list("avg_after_update")?);
    for (step, (point, want)) in points.iter().zip(averages).enumerate() {
        let mut params = Dict::<F>::new();
        for (i, (shape, values)) in
            shapes.iter().zip(point.as_array().ok_or_else(malformed)?).enumerate()
        {
            let values = numbers(values).ok_or_else(malformed)?;
            params.insert(format!("p{i}"), array(shape, &values));
        }
        let average = match &mut average {
            Some(average) => average,
            none => none.insert(WeightAverage::bind(averaging, &mut params)?),
        };
        average.update(&mut params)?;
        for (i, want) in want.as_array().ok_or_else(malformed)?.iter().enumerate() {
            let want = numbers(want).ok_or_else(malformed)?;
            let got = average.get(&format!("p{i}")).unwrap_or_default();
            run.numbers(&format!("average {step}, p{i}"), got, &want);
        }
    }
    run.require("every point has an average", points.len() == averages.len());
    Ok(())
}

fn scaler(run: &Run<'_>) -> Result<LossScaler, Stop> {
    let hyper = &run.hyper;
    let growth = hyper.number("growth_factor")?;
    let (backoff, interval) = (hyper.number("backoff_factor")?, hyper.count("growth_interval")?);
    Ok(LossScaler::new(hyper.number("init_scale")?)?.policy(growth, backoff, interval)?)
}

/// The scale alone, told whether gradients were finite.
fn scales(run: &mut Run<'_>) -> Result<(), Stop> {
    let mut scaler = scaler(run)?;
    let (mut scales, mut good, mut steps) = (Vec::new(), Vec::new(), 0.0);
    for found_inf in run.inputs.numbers("found_inf")? {
        scaler.update(found_inf == 0.0);
        steps += f64::from(u8::from(found_inf == 0.0));
        scales.push(scaler.scale());
        good.push(scaler.good() as f64);
    }
    let want = run.expect.numbers("scale_after_update")?;
    run.numbers("scale", &scales, &want);
    let want = run.expect.numbers("growth_tracker_after_update")?;
    run.numbers("growth tracker", &good, &want);
    let want = run.expect.number("optimizer_steps_taken")?;
    run.number("steps taken", steps, want);
    Ok(())
}

/// Steps whose gradients overflow now and then.
fn scaled_steps<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let problem = Problem::of(run)?;
    let tensor = run.inputs.count("tensor")? as usize;
    let (steps, bad) = (run.inputs.count("steps")? as usize, run.inputs.numbers("inf_at_steps")?);
    let (name, shape, init) =
        problem.params.get(tensor).ok_or_else(|| Stop::Malformed("tensor".into()))?;
    let mut params = Dict::<F>::new();
    params.insert(name.as_str(), array(shape, init));
    let (lr, momentum) = (run.hyper.number("lr")?, run.hyper.number("momentum")?);
    let rule = Momentum { momentum, ..Momentum::torch() };
    let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;
    let mut scaler = scaler(run)?;
    let (mut points, mut scales) = (Vec::new(), Vec::new());
    for (step, grads) in problem.grads.iter().take(steps).enumerate() {
        let mut grad: Vec<f64> = grads[tensor].iter().map(|g| g * scaler.scale()).collect();
        if bad.contains(&(step as f64)) {
            grad[0] = f64::INFINITY;
        }
        params.set_grad(name, array(shape, &grad).view())?;
        if let Some(pending) = scaler.check(&mut params) {
            optimizer.step(StepArgs::new(lr).clip(pending), &mut params)?;
        }
        points.push(params[name.as_str()].iter().copied().collect::<Vec<F>>());
        scales.push(scaler.scale());
    }
    let want = run.expect.list("params_after_step")?;
    run.require("every step has a point", want.len() == points.len());
    for (step, (point, want)) in points.iter().zip(want).enumerate() {
        let want = numbers(want).ok_or_else(|| Stop::Malformed("params_after_step".into()))?;
        run.numbers(&format!("after step {step}"), point, &want);
    }
    let want = run.expect.numbers("scale_after_step")?;
    run.numbers("scale", &scales, &want);
    Ok(())
}

/// Running statistics afresh, as the plain average over batches.
fn batch_statistics<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    let batches: Result<Vec<ArrayD<F>>, Stop> = run
        .inputs
        .list("batches")?
        .iter()
        .map(|batch| Ok(Tensor::parse(batch).map_err(Stop::Malformed)?.array::<F>()))
        .collect();
    let batches = batches?;
    let first = batches.first().ok_or_else(|| Stop::Malformed("no batches".into()))?;
    let mut norm = BatchNorm::<F>::new(first.shape()[1], BatchNormConfig::torch())?;
    // Something to forget.
    norm.forward(first.view(), first.clone().view_mut(), Mode::Train(Noise::new(0)))?;
    update_bn(&mut norm, batches, Noise::new(0))?;
    run.numbers("running_mean", norm.running_mean(), &run.expect.tensor("running_mean")?.data);
    run.numbers("running_var", norm.running_var(), &run.expect.tensor("running_var")?.data);
    Ok(())
}

fn spectral_norm<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let weight = run.inputs.tensor("weight")?;
    let [rows, columns] = weight.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    let eps = run.hyper.number("eps")?;
    let mut norm = SpectralNorm::<F>::new(rows, columns, eps, Noise::new(0))?;
    set(&mut norm, "u", &run.inputs.tensor("u0")?)?;
    let w: Vec<F> = weight.data.iter().map(|x| F::of(*x)).collect();
    let mut out = w.clone();
    let sigma = norm.forward(&w, run.hyper.count("n_power_iterations")? as usize, &mut out)?;
    run.number("sigma", sigma, run.expect.number("sigma")?);
    run.numbers("u", norm.u(), &run.expect.tensor("u")?.data);
    run.numbers("v", norm.v(), &run.expect.tensor("v")?.data);
    run.numbers("weight_out", &out, &run.expect.tensor("weight_out")?.data);
    Ok(())
}

fn permutation(run: &Run<'_>) -> Result<Vec<usize>, Stop> {
    Ok(run.inputs.numbers("perm")?.into_iter().map(|i| i as usize).collect())
}

fn mixup<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let mut x = run.inputs.tensor("x")?.array::<F>();
    let mut y = run.inputs.tensor("y")?.array::<F>();
    let (lambda, order) = (run.hyper.number("lambda")?, permutation(run)?);
    Mixup::apply(lambda, &order, x.view_mut(), y.view_mut())?;
    run.array("x", &x, &run.expect.tensor("x")?);
    run.array("y", &y, &run.expect.tensor("y")?);
    Ok(())
}

fn cutmix<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let mut x = run.inputs.tensor("x")?.array::<F>();
    let mut y = run.inputs.tensor("y")?.array::<F>();
    let [y0, y1, x0, x1] = run.hyper.numbers("box_yyxx")?[..] else {
        return Err(Stop::Malformed("box_yyxx".into()));
    };
    let ranges = [y0 as usize..y1 as usize, x0 as usize..x1 as usize];
    let lambda = CutMix::apply(ranges, &permutation(run)?, x.view_mut(), y.view_mut())?;
    run.number("lambda", lambda, run.expect.number("lambda")?);
    run.array("x", &x, &run.expect.tensor("x")?);
    run.array("y", &y, &run.expect.tensor("y")?);
    Ok(())
}

fn cutout<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("clipped_box_yyxx");
    let mut x = run.inputs.tensor("x")?.array::<F>();
    let [row, column] = run.hyper.numbers("center")?[..] else {
        return Err(Stop::Malformed("center".into()));
    };
    let cutout = Cutout { size: run.hyper.count("size")? as usize };
    for i in 0..x.shape()[0] {
        cutout.erase(x.index_axis_mut(Axis(0), i), [row as usize, column as usize])?;
    }
    run.array("x", &x, &run.expect.tensor("x")?);
    Ok(())
}
