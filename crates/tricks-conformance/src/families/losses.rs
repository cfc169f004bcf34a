use super::{in_dtype, not_yet};
use crate::{Run, Stop, Tensor};
use tricks_net::losses::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, CosineEmbedding, EachLoss, GaussianNll,
    HingeEmbedding, Huber, JointLoss, KlDivergence, MarginRanking, MeanAbsoluteError,
    MeanSquaredError, MultiMargin, Nll, PoissonNll, Reduction, SigmoidFocal, SmoothL1, SoftMargin,
    SoftmaxCrossEntropy, Target, TripletMargin,
};
use tricks_regularize::{ElasticNet, L1, L2, Penalty, penalize};
use tricks_tensor::ndarray::{ArrayD, ArrayViewMutD};
use tricks_tensor::{Dict, Float};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    match run.op() {
        "L1Penalty" | "L2Penalty" | "ElasticNet" => in_dtype!(run, penalty),
        "CosineEmbedding" | "MarginRanking" | "GaussianNLL" | "TripletMargin" => {
            in_dtype!(run, joint)
        }
        _ => in_dtype!(run, single),
    }
}

/// The reduction, and whether the losses are wanted one by one instead.
fn reduction(run: &Run<'_>) -> Result<(Reduction, bool), Stop> {
    if !run.hyper.has("reduction") {
        return Ok((Reduction::Mean, false));
    }
    match run.hyper.text("reduction")? {
        "mean" => Ok((Reduction::Mean, false)),
        "sum" => Ok((Reduction::Sum, false)),
        "batchmean" => Ok((Reduction::BatchMean, false)),
        "none" => Ok((Reduction::Mean, true)),
        other => Err(Stop::Skip(format!("reduction {other}"))),
    }
}

fn numbers_opt(run: &Run<'_>, key: &str) -> Result<Option<Vec<f64>>, Stop> {
    if run.hyper.has(key) { run.hyper.numbers(key).map(Some) } else { Ok(None) }
}

/// The stand-in for an ignored label that no `usize` holds.
const IGNORED: usize = 1 << 40;

fn labels(target: &Tensor, ignored: Option<f64>) -> Result<(Vec<usize>, Option<usize>), Stop> {
    let Some(ignored) = ignored else { return Ok((target.labels()?, None)) };
    let stand_in = if ignored < 0.0 { IGNORED } else { ignored as usize };
    let data = target.data.iter();
    let data = data.map(|label| if *label == ignored { stand_in as f64 } else { *label });
    let labels = Tensor::new(&target.shape, data.collect()).labels()?;
    Ok((labels, Some(stand_in)))
}

fn single<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (reduction, one_by_one) = reduction(run)?;
    let target = run.inputs.tensor("target")?;
    let ignored = run.hyper.number_opt("ignore_index")?;
    let weight = numbers_opt(run, "weight")?;
    let hyper = &run.hyper;
    let mut takes_labels = false;
    let mut symmetric = false;
    let loss: Box<dyn EachLoss<F>> = match run.op() {
        op @ ("CrossEntropy" | "CrossEntropySoft") => {
            hyper.describes("layout");
            takes_labels = op == "CrossEntropy";
            let label_smoothing = hyper.number_or("label_smoothing", 0.0)?;
            let ignore_index = if takes_labels { labels(&target, ignored)?.1 } else { None };
            Box::new(SoftmaxCrossEntropy {
                label_smoothing,
                weight,
                ignore_index,
                reduction,
                classes_last: false,
            })
        }
        "NLL" => {
            takes_labels = true;
            let ignore_index = labels(&target, ignored)?.1;
            Box::new(Nll { weight, ignore_index, reduction })
        }
        "MultiMargin" => {
            takes_labels = true;
            let p = hyper.count_opt("p")?.unwrap_or(1) as u32;
            let margin = hyper.number_or("margin", 1.0)?;
            Box::new(MultiMargin { p, margin, weight, reduction })
        }
        "MSE" => {
            symmetric = true;
            Box::new(MeanSquaredError { reduction })
        }
        "L1" => {
            symmetric = true;
            Box::new(MeanAbsoluteError { reduction })
        }
        "Huber" => {
            symmetric = true;
            Box::new(Huber { delta: hyper.number_or("delta", 1.0)?, reduction })
        }
        "SmoothL1" => {
            symmetric = true;
            Box::new(SmoothL1 { beta: hyper.number_or("beta", 1.0)?, reduction })
        }
        "BCE" => Box::new(BinaryCrossEntropy { weight, reduction }),
        "BCEWithLogits" => {
            let pos_weight = numbers_opt(run, "pos_weight")?;
            Box::new(BinaryCrossEntropyWithLogits { weight, pos_weight, reduction })
        }
        "FocalSigmoid" => {
            let (gamma, alpha) = (hyper.number_or("gamma", 2.0)?, hyper.number_opt("alpha")?);
            Box::new(SigmoidFocal { gamma, alpha, reduction })
        }
        "KLDiv" => Box::new(KlDivergence { log_target: hyper.flag("log_target")?, reduction }),
        "PoissonNLL" => {
            let plain = PoissonNll::default();
            let log_input = !hyper.has("log_input") || hyper.flag("log_input")?;
            let (full, eps) = (hyper.flag("full")?, hyper.number_or("eps", plain.eps)?);
            Box::new(PoissonNll { log_input, full, eps, reduction })
        }
        "HingeEmbedding" => {
            Box::new(HingeEmbedding { margin: hyper.number_or("margin", 1.0)?, reduction })
        }
        "SoftMargin" => Box::new(SoftMargin { reduction }),
        _ => return not_yet(),
    };
    let x = run.inputs.tensor("x")?.array::<F>();
    if takes_labels {
        let labels = labels(&target, ignored)?.0;
        return compare(run, &*loss, &x, (&labels).into(), one_by_one);
    }
    let target = target.array::<F>();
    let grads = run.expect.object("grad_inputs");
    if symmetric && let Some(want) = grads.tensor_opt("target")? {
        // The gradient of the target is that of the output, with both swapped.
        let (_, dt) = call(run, &*loss, &target, (&x).into(), one_by_one)?;
        run.array("gradient of target", &dt, &want);
    }
    compare(run, &*loss, &x, (&target).into(), one_by_one)
}

/// The output, in the shape of the reference's, and the gradient from its upstream.
fn call<F: Float>(
    run: &Run<'_>,
    loss: &dyn EachLoss<F>,
    x: &ArrayD<F>,
    target: Target<'_, F>,
    one_by_one: bool,
) -> Result<(ArrayD<F>, ArrayD<F>), Stop> {
    let upstream = run.tensor("upstream")?.array::<F>();
    let mut dx = ArrayD::zeros(x.raw_dim());
    if one_by_one {
        let mut losses = ArrayD::zeros(loss.each_shape(x.shape()));
        let back = Some((upstream.view(), dx.view_mut()));
        loss.each(x.view(), target, losses.view_mut(), back)?;
        return Ok((losses, dx));
    }
    let value = loss.evaluate(x.view(), target, Some(dx.view_mut()))?;
    Ok((upstream.mapv(|_| F::of(value)), times(&dx, &upstream)))
}

/// The chain rule behind a single number.
fn times<F: Float>(dx: &ArrayD<F>, upstream: &ArrayD<F>) -> ArrayD<F> {
    let factor = upstream.iter().copied().sum();
    dx.mapv(|dx| dx * factor)
}

pub(super) fn compare<F: Float>(
    run: &mut Run<'_>,
    loss: &dyn EachLoss<F>,
    x: &ArrayD<F>,
    target: Target<'_, F>,
    one_by_one: bool,
) -> Result<(), Stop> {
    let (output, dx) = call(run, loss, x, target, one_by_one)?;
    finish(run, &output, &[("x", dx)])
}

fn joint<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (reduction, one_by_one) = reduction(run)?;
    let hyper = &run.hyper;
    let margin = |default| hyper.number_or("margin", default);
    match run.op() {
        "CosineEmbedding" => {
            let loss = CosineEmbedding { margin: margin(0.0)?, reduction };
            several::<F, 2>(run, &loss, ["x", "x2"], true, one_by_one)
        }
        "MarginRanking" => {
            let loss = MarginRanking { margin: margin(0.0)?, reduction };
            several::<F, 2>(run, &loss, ["x", "x2"], true, one_by_one)
        }
        "GaussianNLL" => {
            let (full, eps) = (hyper.flag("full")?, hyper.number_or("eps", 1e-6)?);
            let loss = GaussianNll { full, eps, reduction };
            several::<F, 2>(run, &loss, ["x", "var"], true, one_by_one)
        }
        _ => {
            let plain = TripletMargin::torch();
            let loss = TripletMargin {
                margin: margin(plain.margin)?,
                p: hyper.number_or("p", plain.p)?,
                eps: hyper.number_or("eps", plain.eps)?,
                swap: hyper.flag("swap")?,
                reduction,
                ..plain
            };
            several::<F, 3>(run, &loss, ["x", "positive", "negative"], false, one_by_one)
        }
    }
}

/// A loss of several arrays, by the names of the reference.
pub(super) fn several<F: Float, const N: usize>(
    run: &mut Run<'_>,
    loss: &dyn JointLoss<F, N>,
    names: [&'static str; N],
    target: bool,
    one_by_one: bool,
) -> Result<(), Stop> {
    let mut inputs = [(); N].map(|()| ArrayD::<F>::default(vec![0]));
    for (input, name) in inputs.iter_mut().zip(names) {
        *input = run.inputs.tensor(name)?.array();
    }
    let target = if target { Some(run.inputs.tensor("target")?.array::<F>()) } else { None };
    let target = target.as_ref().map(|target| target.view());
    let upstream = run.tensor("upstream")?.array::<F>();
    let mut grads = inputs.each_ref().map(|input| ArrayD::zeros(input.raw_dim()));
    let lent = inputs.each_ref().map(|input| input.view());
    let with: [Option<ArrayViewMutD<'_, F>>; N] =
        grads.each_mut().map(|grad| Some(grad.view_mut()));
    let mut output = ArrayD::zeros(upstream.raw_dim());
    if one_by_one {
        loss.each(lent, target, output.view_mut(), upstream.view(), with)?;
    } else {
        let value = loss.evaluate(lent, target, with)?;
        output.fill(F::of(value));
        grads = grads.each_ref().map(|grad| times(grad, &upstream));
    }
    let grads: Vec<_> = names.into_iter().zip(grads).collect();
    finish(run, &output, &grads)
}

fn penalty<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
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
    let upstream = run.tensor("upstream")?.array::<F>();
    match params.grad("w") {
        Some(grad) => {
            let output = upstream.mapv(|_| F::of(value));
            finish(run, &output, &[("x", times(grad, &upstream))])
        }
        None => Err(Stop::Fail("w has lost its gradient".into())),
    }
}

/// Compares the output, and every gradient the reference has; `target` has been compared.
pub(super) fn finish<F: Float>(
    run: &mut Run<'_>,
    output: &ArrayD<F>,
    found: &[(&str, ArrayD<F>)],
) -> Result<(), Stop> {
    let want = run.expect.tensor("output")?;
    run.array("output", output, &want);
    let grads = run.expect.object("grad_inputs");
    for name in grads.keys() {
        match found.iter().find(|(found, _)| *found == name) {
            Some((_, grad)) => {
                run.array(&format!("gradient of {name}"), grad, &grads.tensor(name)?)
            }
            None if name == "target" && ["MSE", "L1", "Huber", "SmoothL1"].contains(&run.op()) => {}
            None => return Err(Stop::Skip(format!("gradient of the input {name}"))),
        }
    }
    run.expect.describes("grad_params");
    Ok(())
}
