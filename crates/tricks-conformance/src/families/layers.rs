use super::layer::{compare, compare_input};
use super::{in_dtype, not_yet};
use crate::{Fields, Run, Stop};
use tricks_net::layers::{
    AdaptiveAvgPool2d, AvgPool2d, Conv1d, Conv1dConfig, Conv2d, ConvConfig, ConvTranspose2d,
    ConvTransposeConfig, Dense, Embedding, MaxPool2d,
};
use tricks_regularize::Dropout;
use tricks_tensor::Float;
use tricks_tensor::ndarray::{ArrayD, IxDyn};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "Linear" => in_dtype!(run, linear),
        "Conv1d" => in_dtype!(run, conv1d),
        "Conv2d" => in_dtype!(run, conv),
        "ConvTranspose2d" => in_dtype!(run, conv_transpose),
        "MaxPool2d" | "AvgPool2d" | "AdaptiveAvgPool2d" => in_dtype!(run, pool),
        "Embedding" => in_dtype!(run, embedding),
        "Dropout(mask)" => in_dtype!(run, dropout),
        _ => super::masked::run(run).unwrap_or_else(not_yet),
    }
}

fn linear<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("layout", "weight[out,in]; y = x W^T + b")?;
    let [outputs, inputs] = run.params.tensor("weight")?.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    let mut dense: Dense<F> = match run.hyper.get("bias").and_then(|bias| bias.as_bool()) {
        Some(false) => Dense::without_bias(inputs, outputs),
        _ => Dense::new(inputs, outputs),
    };
    compare(run, &mut dense)
}

/// Height and width: two numbers, or one for both.
fn pair(hyper: &Fields<'_>, key: &str) -> Result<[usize; 2], Stop> {
    if hyper.get(key).is_some_and(|value| value.is_array()) {
        let both = hyper.numbers(key)?;
        let [height, width] = both[..] else { return Err(Stop::Malformed(key.into())) };
        return Ok([height as usize, width as usize]);
    }
    Ok([hyper.count(key)? as usize; 2])
}

fn conv<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("layout", "x NCHW, weight[out,in/groups,kh,kw], cross-correlation")?;
    let config = ConvConfig {
        stride: pair(&run.hyper, "stride")?,
        padding: pair(&run.hyper, "padding")?,
        dilation: pair(&run.hyper, "dilation")?,
        groups: run.hyper.count("groups")? as usize,
    };
    let [outputs, inputs, height, width] = run.params.tensor("weight")?.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    let inputs = inputs * config.groups;
    compare(run, &mut Conv2d::<F>::new(inputs, outputs, [height, width], config)?)
}

fn conv1d<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = Conv1dConfig {
        stride: run.hyper.count("stride")? as usize,
        padding: run.hyper.count("padding")? as usize,
        ..Conv1dConfig::default()
    };
    let [outputs, inputs, kernel] = run.params.tensor("weight")?.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    compare(run, &mut Conv1d::<F>::new(inputs, outputs, kernel, config)?)
}

fn conv_transpose<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("layout", "weight[in,out,kh,kw]")?;
    let config = ConvTransposeConfig {
        stride: pair(&run.hyper, "stride")?,
        padding: pair(&run.hyper, "padding")?,
        output_padding: pair(&run.hyper, "output_padding")?,
        ..ConvTransposeConfig::default()
    };
    let [inputs, outputs, height, width] = run.params.tensor("weight")?.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    compare(run, &mut ConvTranspose2d::<F>::new(inputs, outputs, [height, width], config)?)
}

fn pool<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    if run.op() == "AdaptiveAvgPool2d" {
        let mut pool = AdaptiveAvgPool2d::new(pair(&run.hyper, "out")?)?;
        return compare::<F>(run, &mut pool);
    }
    let hyper = |key| pair(&run.hyper, key);
    let (kernel, stride, padding) = (hyper("kernel")?, hyper("stride")?, hyper("padding")?);
    if run.op() == "MaxPool2d" {
        return compare::<F>(run, &mut MaxPool2d::new(kernel)?.moving(stride, padding)?);
    }
    let pool = AvgPool2d::new(kernel)?.moving(stride, padding)?;
    let counts_padding = run.hyper.flag("count_include_pad")?;
    compare::<F>(run, &mut if counts_padding { pool } else { pool.without_padding() })
}

fn embedding<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let [count, width] = run.params.tensor("weight")?.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    let mut table = Embedding::<F>::new(count, width);
    if let Some(row) = run.hyper.count_opt("padding_idx")? {
        table = table.padding(row as usize)?;
    }
    compare_input(run, &mut table, "index")
}

/// Dropout with the mask of the case; backward is the same call.
fn dropout<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "y = x*mask/(1-p)")?;
    let dropout = Dropout::new(run.hyper.number("p")?)?;
    let mask = run.tensor("mask")?;
    let keep = ArrayD::from_shape_vec(IxDyn(&mask.shape), mask.mask());
    let keep = keep.map_err(|e| Stop::Malformed(e.to_string()))?;
    let x = run.inputs.tensor("x")?.array::<F>();
    let mut y = ArrayD::zeros(x.raw_dim());
    dropout.apply(x.view(), keep.view(), y.view_mut())?;
    run.array("output", &y, &run.expect.tensor("output")?);

    let upstream = run.tensor("upstream")?.array::<F>();
    let mut dx = ArrayD::zeros(x.raw_dim());
    dropout.apply(upstream.view(), keep.view(), dx.view_mut())?;
    let grads = run.expect.object("grad_inputs");
    run.array("gradient of x", &dx, &grads.tensor("x")?);
    run.expect.describes("grad_params");
    Ok(())
}
