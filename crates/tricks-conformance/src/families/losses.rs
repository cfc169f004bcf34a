use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_net::losses::{Loss, MeanSquaredError, SoftmaxCrossEntropy, Target};
use tricks_regularize::{ElasticNet, L1, L2, Penalty, penalize};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Dict, Float};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "CrossEntropy" | "CrossEntropySoft" => in_dtype!(run, cross_entropy),
        "MSE" => in_dtype!(run, squared_error),
        "L1Penalty" | "L2Penalty" | "ElasticNet" => in_dtype!(run, penalty),
        _ => not_yet(),
    }
}

fn cross_entropy<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("reduction", "mean")?;
    let label_smoothing = run.hyper.number_or("label_smoothing", 0.0)?;
    let loss = SoftmaxCrossEntropy { label_smoothing };
    // Only the forms the loss has: class weights, an ignored index and other layouts stay unread.
    if let Some(unread) = run.hyper.unread().first() {
        return Err(Stop::Skip(unread.clone()));
    }
    let target = run.inputs.tensor("target")?;
    if run.op() == "CrossEntropySoft" {
        let target = target.array::<F>();
        return compare(run, &loss, (&target).into());
    }
    let labels = target.labels()?;
    compare::<F>(run, &loss, (&labels).into())
}

fn squared_error<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("reduction", "mean")?;
    let target = run.inputs.tensor("target")?.array::<F>();
    let x = run.inputs.tensor("x")?.array::<F>();
    // The loss is symmetric: the gradient of the target is that of the output, with both swapped.
    let grads = run.expect.object("grad_inputs");
    if let Some(want) = grads.tensor_opt("target")? {
        let mut dt = ArrayD::zeros(target.raw_dim());
        MeanSquaredError.gradient(target.view(), &x, dt.view_mut())?;
        run.array("gradient of target", &dt, &want);
    }
    compare(run, &MeanSquaredError, (&target).into())
}

fn compare<F: Float>(
    run: &mut Run<'_>,
    loss: &impl Loss<F>,
    target: Target<'_, F>,
) -> Result<(), Stop> {
    let x = run.inputs.tensor("x")?.array::<F>();
    let mut dx = ArrayD::zeros(x.raw_dim());
    let value = loss.gradient(x.view(), target, dx.view_mut())?;
    finish(run, value, &dx)
}

fn penalty<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    let penalty: Box<dyn Penalty<F>> = match run.op() {
        "L1Penalty" => Box::new(L1 { lambda: run.hyper.number("lambda")? }),
        "L2Penalty" => Box::new(L2 { lambda: run.hyper.number("lambda")? }),
        _ => Box::new(ElasticNet { l1: run.hyper.number("l1")?, l2: run.hyper.number("l2")? }),
    };
    let w = run.inputs.tensor("x")?.array::<F>();
    let mut params = Dict::new();
    params.insert("w", w.clone());
    params.set_grad("w", w.mapv(|_| F::zero()).view())?;
    let value = penalize(&*penalty, &mut params)?;
    match params.grad("w") {
        Some(grad) => finish(run, value, grad),
        None => Err(Stop::Fail("w has lost its gradient".into())),
    }
}

/// The loss and its gradient, which the reference multiplies by an upstream of 1.
fn finish<F: Float>(run: &mut Run<'_>, value: f64, dx: &ArrayD<F>) -> Result<(), Stop> {
    if run.tensor("upstream")?.data != [1.0] {
        return Err(Stop::Skip("an upstream gradient other than 1".into()));
    }
    let want = run.expect.tensor("output")?;
    run.numbers("output", &[F::of(value)], &want.data);
    let grads = run.expect.object("grad_inputs");
    for name in grads.keys() {
        if name == "target" && run.op() == "MSE" {
            continue;
        }
        if name != "x" {
            return Err(Stop::Skip(format!("gradient of the input {name}")));
        }
        run.array("gradient of x", dx, &grads.tensor(name)?);
    }
    run.expect.describes("grad_params");
    Ok(())
}
