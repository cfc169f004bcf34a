use super::{in_dtype, not_yet};
use crate::{Run, Stop, Tensor};
use tricks_optim::{ClipGlobalNorm, clip_value};
use tricks_tensor::{Dict, Float};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "clip_grad_norm_" => in_dtype!(run, global_norm),
        "clip_grad_value_" => in_dtype!(run, each_value),
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
