use super::not_yet;
use super::schedules::all_read;
use crate::fields::number;
use crate::{Run, Stop};
use serde_json::Value;
use tricks_init::{
    Distribution, Fan, FanMode, Gain, Initializer, Layout, TruncatedNormal, VarianceScaling,
};
use tricks_tensor::Noise;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "calculate_gain" => {
            let got = gain(run, "nonlinearity", "param", 0.01)?.value();
            let want = run.expect.number("gain")?;
            run.number("gain", got, want);
        }
        "fan" => {
            let fan = fan(run)?;
            for (what, got) in [("fan_in", fan.fan_in), ("fan_out", fan.fan_out)] {
                let want = run.expect.number(what)?;
                run.number(what, got as f64, want);
            }
        }
        "xavier" => {
            let gain = run.inputs.number("gain")?;
            let scale = gain * gain;
            scaling(run, VarianceScaling { scale, ..VarianceScaling::xavier_uniform() })?;
        }
        "kaiming" => {
            let gain = gain(run, "nonlinearity", "a", 0.0)?;
            let mode = mode(run)?;
            scaling(run, VarianceScaling { mode, ..VarianceScaling::he_uniform().gain(gain) })?;
        }
        "lecun" => scaling(run, VarianceScaling::lecun_uniform())?,
        "variance_scaling" => variance_scaling(run)?,
        "torch_default" => {
            let bound = VarianceScaling::torch_default().bound(fan(run)?);
            for what in ["weight_bound", "bias_bound"] {
                let want = run.expect.number(what)?;
                run.number(what, bound, want);
            }
        }
        "trunc_normal" => truncated(run)?,
        "error" => {
            run.expect.describes("error");
            refused(run)?;
        }
        "zero_element" => {
            if run.inputs.text("op")? != "kaiming" {
                return not_yet();
            }
            let shape = shape(run)?;
            let mut nothing: [f64; 0] = [];
            let filled =
                VarianceScaling::he_normal().fill(fan(run)?, &shape, Noise::new(0), &mut nothing);
            run.expect.describes("shape");
            let want = run.expect.flag("ok")?;
            run.require("a parameter without elements", filled.is_ok() == want);
        }
        _ => return not_yet(),
    }
    all_read(&run.inputs)
}

/// What PyTorch refuses at run time is refused here, or cannot be written.
fn refused(run: &mut Run<'_>) -> Result<(), Stop> {
    let op = run.inputs.text("op")?;
    let outside = |outcome: Result<(), Stop>| matches!(outcome, Err(Stop::Skip(_)));
    let refused = match op {
        "calculate_gain" => outside(gain(run, "nonlinearity", "param", 0.01).map(drop)),
        "kaiming" if run.inputs.has("mode") => {
            run.inputs.describes("shape");
            outside(mode(run).map(drop))
        }
        "xavier" | "kaiming" => Fan::of(&shape(run)?, Layout::OutIn).is_err(),
        _ => return Err(Stop::Skip(format!("{op}: {}", crate::report::NOT_YET))),
    };
    run.require(format!("{op} was accepted"), refused);
    Ok(())
}

fn shape(run: &Run<'_>) -> Result<Vec<usize>, Stop> {
    Ok(run.inputs.numbers("shape")?.into_iter().map(|d| d as usize).collect())
}

/// The vectors' shapes are `[out, in, k…]`.
fn fan(run: &Run<'_>) -> Result<Fan, Stop> {
    run.inputs.only("layout", "[out, in, *kernel]")?;
    Ok(Fan::of(&shape(run)?, Layout::OutIn)?)
}

fn mode(run: &Run<'_>) -> Result<FanMode, Stop> {
    Ok(match run.inputs.text("mode")? {
        "fan_in" => FanMode::In,
        "fan_out" => FanMode::Out,
        "fan_avg" => FanMode::Avg,
        other => return Err(Stop::Skip(format!("mode = {other}"))),
    })
}

fn gain(run: &Run<'_>, name: &str, slope: &str, default: f64) -> Result<Gain, Stop> {
    let slope = run.inputs.number_or(slope, default)?;
    Ok(match run.inputs.text(name)? {
        "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
        | "conv_transpose3d" => Gain::Linear,
        "sigmoid" => Gain::Sigmoid,
        "tanh" => Gain::Tanh,
        "relu" => Gain::Relu,
        "leaky_relu" => Gain::LeakyRelu(slope),
        "selu" => Gain::Selu,
        other => return Err(Stop::Skip(format!("nonlinearity = {other}"))),
    })
}

/// Standard deviation and bound of a uniform scaling; those of the normal are the same.
fn scaling(run: &mut Run<'_>, uniform: VarianceScaling) -> Result<(), Stop> {
    let fan = fan(run)?;
    let normal = VarianceScaling { distribution: Distribution::Normal, ..uniform };
    let want = run.expect.number("normal_std")?;
    run.number("normal_std", normal.std(fan), want);
    let want = run.expect.number("uniform_bound")?;
    run.number("uniform_bound", uniform.bound(fan), want);
    // All of these are symmetric about 0.
    run.expect.only("mean", 0.0)
}

fn variance_scaling(run: &mut Run<'_>) -> Result<(), Stop> {
    let distribution = match run.inputs.text("distribution")? {
        "normal" => Distribution::Normal,
        "uniform" => Distribution::Uniform,
        "truncated_normal" => Distribution::TruncatedNormal,
        other => return Err(Stop::Skip(format!("distribution = {other}"))),
    };
    let scale = run.inputs.number("scale")?;
    let scaling = VarianceScaling { scale, mode: mode(run)?, distribution };
    let fan = fan(run)?;
    let std = scaling.std(fan);
    let want = run.expect.number("variance")?;
    run.number("variance", std * std, want);
    for what in ["normal_std", "resulting_std"] {
        if let Some(want) = run.expect.number_opt(what)? {
            run.number(what, std, want);
        }
    }
    if let Some(want) = run.expect.number_opt("uniform_bound")? {
        run.number("uniform_bound", scaling.bound(fan), want);
    }
    if let Some(want) = run.expect.number_opt("parent_std")? {
        run.expect.only("truncation", "at +-2 parent standard deviations")?;
        run.number("parent_std", scaling.bound(fan) / 2.0, want);
    }
    Ok(())
}

fn truncated(run: &mut Run<'_>) -> Result<(), Stop> {
    let normal = TruncatedNormal {
        mean: run.inputs.number("mean")?,
        std: run.inputs.number("std")?,
        low: run.inputs.number("a")?,
        high: run.inputs.number("b")?,
    };
    let want = run.expect.number("mean")?;
    run.number("mean", normal.resulting_mean(), want);
    let want = run.expect.number("std")?;
    run.number("std", normal.resulting_std(), want);
    for pair in run.expect.list("quantiles")? {
        let of = |i: usize| pair.get(i).and_then(|value: &Value| number(value));
        let (Some(p), Some(want)) = (of(0), of(1)) else {
            return Err(Stop::Malformed("quantiles".into()));
        };
        run.number(&format!("quantile {p}"), normal.quantile(p), want);
    }
    Ok(())
}
