use super::layer::compare;
use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_net::layers::Dense;
use tricks_regularize::Dropout;
use tricks_tensor::Float;
use tricks_tensor::ndarray::{ArrayD, IxDyn};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "Linear" => in_dtype!(run, linear),
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
