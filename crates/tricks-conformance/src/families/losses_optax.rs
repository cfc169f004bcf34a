use super::losses::{finish, several};
use super::{in_dtype, not_yet};
use crate::{Run, Stop, Tensor};
use tricks_net::losses::{
    BinaryCrossEntropyWithLogits, CosineDistance, Ctc, EachLoss, HalfSquaredError, Hinge, Huber,
    KlDivergence, LogCosh, MeanSquaredError, MulticlassHinge, MulticlassPerceptron, Perceptron,
    PolyCrossEntropy, SigmoidFocal, SoftmaxCrossEntropy, Sparsemax, TripletMargin, smooth_labels,
};
use tricks_tensor::Float;
use tricks_tensor::ndarray::{ArrayD, Axis};

/// Optax reduces nothing: its losses are those one by one.
pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "smooth_labels" => in_dtype!(run, smooth),
        "ctc_loss" => in_dtype!(run, ctc),
        "triplet_margin_loss" => in_dtype!(run, triplet),
        _ => in_dtype!(run, each),
    }
}

fn each<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let (logits, predictions) = (("logits", "labels"), ("predictions", "targets"));
    let (loss, (x, target)): (Box<dyn EachLoss<F>>, _) = match run.op() {
        "softmax_cross_entropy" | "softmax_cross_entropy_with_integer_labels" => {
            (Box::new(SoftmaxCrossEntropy::default()), logits)
        }
        "sigmoid_binary_cross_entropy" => {
            (Box::new(BinaryCrossEntropyWithLogits::default()), logits)
        }
        "sigmoid_focal_loss" => {
            let (gamma, alpha) = (hyper.number_or("gamma", 2.0)?, hyper.number_opt("alpha")?);
            (Box::new(SigmoidFocal { gamma, alpha, ..SigmoidFocal::default() }), logits)
        }
        "poly_loss_cross_entropy" => {
            let epsilon = hyper.number_or("epsilon", 2.0)?;
            (Box::new(PolyCrossEntropy { epsilon, ..PolyCrossEntropy::default() }), logits)
        }
        "hinge_loss" => (Box::new(Hinge::default()), logits),
        "perceptron_loss" => (Box::new(Perceptron::default()), logits),
        "multiclass_hinge_loss" => (Box::new(MulticlassHinge::default()), ("scores", "labels")),
        "multiclass_perceptron_loss" => {
            (Box::new(MulticlassPerceptron::default()), ("scores", "labels"))
        }
        "sparsemax_loss" => (Box::new(Sparsemax::default()), logits),
        "huber_loss" => {
            let delta = hyper.number_or("delta", 1.0)?;
            (Box::new(Huber { delta, ..Huber::default() }), predictions)
        }
        "log_cosh" => (Box::new(LogCosh::default()), predictions),
        "l2_loss" => (Box::new(HalfSquaredError::default()), predictions),
        "squared_error" => (Box::new(MeanSquaredError::default()), predictions),
        "cosine_distance" => {
            let eps = hyper.number_or("epsilon", 0.0)?;
            (Box::new(CosineDistance { eps, ..CosineDistance::default() }), predictions)
        }
        "kl_divergence" => (Box::new(KlDivergence::default()), ("log_predictions", "targets")),
        _ => return not_yet(),
    };
    let input = run.inputs.tensor(x)?.array::<F>();
    let target = run.inputs.tensor(target)?;
    let shape = loss.each_shape(input.shape());
    let mut upstream = run.tensor("upstream")?.array::<F>();
    // Its divergence is the sum of ours over the last axis.
    let summed = run.op() == "kl_divergence";
    let last = Axis(input.ndim().saturating_sub(1));
    if summed {
        let wide = upstream.insert_axis(last);
        let wide = wide.broadcast(input.raw_dim()).map(|wide| wide.to_owned());
        upstream = wide.ok_or_else(|| Stop::Malformed("upstream".into()))?;
    }
    let (mut losses, mut dx) = (ArrayD::zeros(shape), ArrayD::zeros(input.raw_dim()));
    let back = Some((upstream.view(), dx.view_mut()));
    if target.dtype == "i64" {
        let labels = target.labels()?;
        loss.each(input.view(), (&labels).into(), losses.view_mut(), back)?;
    } else {
        let target = target.array::<F>();
        loss.each(input.view(), (&target).into(), losses.view_mut(), back)?;
    }
    if summed {
        losses = losses.sum_axis(last);
    }
    finish(run, &losses, &[(x, dx)])
}

fn triplet<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let plain = TripletMargin::optax();
    let loss = TripletMargin {
        margin: run.hyper.number_or("margin", plain.margin)?,
        p: run.hyper.number_or("norm_degree", plain.p)?,
        eps: run.hyper.number_or("eps", plain.eps)?,
        ..plain
    };
    // Elsewhere the root is a square root whatever the power.
    run.hyper.only("norm_degree", 2)?;
    several::<F, 3>(run, &loss, ["anchors", "positives", "negatives"], false, true)
}

fn smooth<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let labels = run.inputs.tensor("labels")?.array::<F>();
    let output = smooth_labels(labels.view(), run.hyper.number("alpha")?)?;
    let want = run.expect.tensor("output")?;
    run.array("output", &output, &want);
    Ok(())
}

/// How many numbers of each row are no padding, which must be at the end.
fn lengths(paddings: &Tensor) -> Result<Vec<usize>, Stop> {
    let width = paddings.shape.last().copied().unwrap_or(0).max(1);
    let rows = paddings.data.chunks_exact(width).map(|row| {
        let length = row.iter().take_while(|padding| **padding == 0.0).count();
        let at_end = row[length..].iter().all(|padding| *padding == 1.0);
        at_end.then_some(length).ok_or_else(|| Stop::Skip("padding before the end".into()))
    });
    rows.collect()
}

fn ctc<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let ctc = Ctc { blank: run.hyper.count("blank_id")? as usize, ..Ctc::default() };
    let x = run.inputs.tensor("logits")?.array::<F>();
    let frames = lengths(&run.inputs.tensor("logit_paddings")?)?;
    let lengths = lengths(&run.inputs.tensor("label_paddings")?)?;
    let labels = run.inputs.tensor("labels")?;
    let width = labels.shape.last().copied().unwrap_or(0).max(1);
    let all = labels.labels()?;
    let labels: Vec<&[usize]> =
        all.chunks(width).zip(&lengths).map(|(row, length)| &row[..*length]).collect();
    let upstream = run.tensor("upstream")?.array::<F>();
    let (mut losses, mut dx) = (ArrayD::zeros(upstream.raw_dim()), ArrayD::zeros(x.raw_dim()));
    let back = Some((upstream.view(), dx.view_mut()));
    ctc.each(x.view(), &frames, &labels, losses.view_mut(), back)?;
    finish(run, &losses, &[("logits", dx)])
}
