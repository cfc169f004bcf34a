//! Calls of layers, losses and clipping.

use super::{Checked, judge, not_yet, params, unchanged};
use crate::{Run, Stop};
use tricks_net::layers::{
    AttentionConfig, Conv2d, ConvConfig, Dense, Embedding, MaxPool2d, MultiheadAttention,
};
use tricks_net::losses::{
    BinaryCrossEntropy, Huber, Loss, MeanSquaredError, SmoothL1, SoftmaxCrossEntropy,
};
use tricks_optim::{Adam, Optimizer, StepArgs, clip_global_norm};
use tricks_regularize::{
    BatchNorm, BatchNormConfig, Dropout, GroupNorm, GroupNormConfig, LayerNorm, LayerNormConfig,
};
use tricks_tensor::ndarray::{Array1, ArrayD, IxDyn};
use tricks_tensor::{Dict, Layer, Mode, Noise, Result};

pub(super) fn run(run: &mut Run<'_>) -> Checked {
    let what = run.text("id").rsplit('/').next().unwrap_or("");
    let outcome = match (run.op(), what) {
        ("Linear", "dim") => forward(&mut Dense::new(3, 4), &[2, 5], &[2, 4], train()),
        ("Linear", "empty_batch") => forward(&mut Dense::new(3, 4), &[0, 3], &[0, 4], train()),
        ("Conv2d", what) => convolution(what),
        ("MaxPool2d", "pad_gt_half") => {
            MaxPool2d::new([2, 2]).and_then(|pool| pool.moving([2, 2], [2, 2])).map(drop)
        }
        ("Embedding", "out_of_range") => {
            let x = ArrayD::from_elem(IxDyn(&[2]), 5.0);
            let mut y = ArrayD::zeros(IxDyn(&[2, 3]));
            Embedding::<f64>::new(5, 3).infer(x.view(), y.view_mut())
        }
        ("MultiheadAttention", "indivisible") => {
            let config = AttentionConfig { num_heads: 4, ..AttentionConfig::default() };
            MultiheadAttention::<f64>::new(6, config).map(drop)
        }
        ("BatchNorm", "batch1_train") => norm(&[1, 3], train()),
        ("BatchNorm", "batch1_eval") => norm(&[1, 3], Mode::Eval),
        ("BatchNorm", "channels") => norm(&[4, 5], train()),
        ("BatchNorm", "empty") => norm(&[0, 3], train()),
        ("LayerNorm", "shape") => LayerNorm::new(&[4], LayerNormConfig::torch())
            .and_then(|mut norm| forward(&mut norm, &[2, 3], &[2, 3], train())),
        ("GroupNorm", "indivisible") => GroupNorm::new(2, 5, GroupNormConfig::torch())
            .and_then(|mut norm| forward(&mut norm, &[2, 5, 3], &[2, 5, 3], train())),
        ("Dropout", p) => {
            let p = p
                .strip_prefix("p=")
                .map(|p| if p == "nan" { Some(f64::NAN) } else { p.parse().ok() });
            let Some(Some(p)) = p else { return not_yet() };
            dropout(run, p)
        }
        ("CrossEntropy", what) => cross_entropy(run, what)?,
        ("BCE", "out_of_range") => {
            let (y, target) = (ArrayD::from_elem(IxDyn(&[2]), 1.5), ArrayD::ones(IxDyn(&[2])));
            BinaryCrossEntropy::default().value(y.view(), &target).map(drop)
        }
        ("Huber", what) => {
            let Some(delta) = number(what, "delta") else { return not_yet() };
            on_ones(&Huber { delta, ..Huber::default() })
        }
        ("SmoothL1", what) => {
            let Some(beta) = number(what, "beta") else { return not_yet() };
            on_ones(&SmoothL1 { beta, ..SmoothL1::default() })
        }
        ("MSE", "shape") => squared_error(&[4, 3], &[4, 2]),
        ("MSE", "broadcast") => squared_error(&[4, 1], &[4]),
        ("clip_grad_norm", "nonfinite") => return clip_non_finite(run),
        ("clip_grad_norm", "no_grads") => {
            let mut params = Dict::<f64>::new();
            params.insert("w", Array1::ones(3));
            let clip = clip_global_norm(&mut params, 1.0);
            run.require(
                "the norm of nothing is 0",
                clip.as_ref().is_ok_and(|clip| clip.norm() == 0.0),
            );
            clip.map(drop)
        }
        _ => return not_yet(),
    };
    judge(run, outcome)
}

fn train() -> Mode {
    Mode::Train(Noise::new(0))
}

fn forward(layer: &mut impl Layer<f64>, x: &[usize], y: &[usize], mode: Mode) -> Result<()> {
    let x = ArrayD::from_elem(IxDyn(x), 0.5);
    let mut out = ArrayD::zeros(IxDyn(y));
    layer.forward(x.view(), out.view_mut(), mode)
}

fn convolution(what: &str) -> Result<()> {
    let (kernel, stride, groups, x) = match what {
        "kernel_gt_input" => (3, 1, 1, [1, 3, 2, 2]),
        "groups" => (3, 1, 2, [1, 3, 4, 4]),
        _ => (3, 0, 1, [1, 3, 4, 4]),
    };
    let config = ConvConfig { stride: [stride; 2], groups, ..ConvConfig::default() };
    let conv = Conv2d::<f64>::new(3, 4, [kernel; 2], config)?;
    conv.output_shape(&x).map(drop)
}

fn norm(x: &[usize], mode: Mode) -> Result<()> {
    forward(&mut BatchNorm::new(3, BatchNormConfig::torch())?, x, x, mode)
}

fn dropout(run: &mut Run<'_>, p: f64) -> Result<()> {
    let mut dropout = Dropout::new(p)?;
    let x = ArrayD::from_elem(IxDyn(&[4, 5]), 0.5);
    let mut y = x.clone();
    dropout.forward(x.view(), y.view_mut(), train())?;
    let zeros = y.iter().all(|y| *y == 0.0);
    run.require("not all zeros", p < 1.0 || zeros);
    Ok(())
}

fn cross_entropy(run: &mut Run<'_>, what: &str) -> std::result::Result<Result<()>, Stop> {
    let logits = ArrayD::from_elem(IxDyn(&[3, 4]), 0.5);
    let none = ArrayD::<f64>::zeros(IxDyn(&[0, 4]));
    let loss = SoftmaxCrossEntropy::default();
    Ok(match what {
        "label_too_big" => {
            let outcome = loss.value(logits.view(), &[0, 9, 1]).map(drop);
            let message = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let names = message.contains("row 1") && message.contains('9');
            run.require(format!("the error names no row and label: {message:?}"), names);
            outcome
        }
        "label_negative" => {
            let why = "a label of -1: the type is usize, cannot be written";
            return Err(Stop::Skip(why.into()));
        }
        "empty" => loss.value(none.view(), &[]).map(drop),
        "all_ignored_mean" => {
            let loss = SoftmaxCrossEntropy { ignore_index: Some(usize::MAX), ..loss };
            loss.value(logits.view(), &[usize::MAX; 3]).map(drop)
        }
        "weight_len" => {
            let loss = SoftmaxCrossEntropy { weight: Some(vec![1.0; 3]), ..loss };
            loss.value(logits.view(), &[0, 1, 2]).map(drop)
        }
        what => match what.strip_prefix("smoothing=").and_then(|text| text.parse().ok()) {
            Some(label_smoothing) => {
                let loss = SoftmaxCrossEntropy { label_smoothing, ..loss };
                loss.value(logits.view(), &[0, 1, 2]).map(drop)
            }
            None => return Err(Stop::Skip(format!("{what}: {}", crate::report::NOT_YET))),
        },
    })
}

/// The number in the name of a case: `delta0`.
fn number(what: &str, field: &str) -> Option<f64> {
    what.strip_prefix(field)?.parse().ok()
}

fn on_ones(loss: &impl Loss<f64>) -> Result<()> {
    let y = ArrayD::ones(IxDyn(&[2, 3]));
    loss.value(y.view(), &y).map(drop)
}

fn squared_error(y: &[usize], target: &[usize]) -> Result<()> {
    let (y, target) = (ArrayD::<f64>::zeros(IxDyn(y)), ArrayD::<f64>::ones(IxDyn(target)));
    MeanSquaredError::default().value(y.view(), &target).map(drop)
}

/// The norm says what it is; the step it is handed to refuses, and nothing has changed.
fn clip_non_finite(run: &mut Run<'_>) -> Checked {
    let mut params = params::<f64>();
    let mut optimizer = Optimizer::builder(Adam::torch()).bind(&mut params)?;
    let mut grad = ArrayD::from_elem(IxDyn(&[4]), 0.5);
    grad[[2]] = f64::NAN;
    params.set_grad("last", grad.view())?;
    let before = params.clone();
    let clip = clip_global_norm(&mut params, 1.0)?;
    run.require("the norm of a NaN is finite", !clip.norm().is_finite());
    let same = |name: &str| {
        before
            .grad(name)
            .zip(params.grad(name))
            .is_some_and(|(a, b)| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()))
    };
    run.require("gradients have changed", same("first") && same("last"));
    let outcome = optimizer.step(StepArgs::new(0.1).clip(clip), &mut params);
    unchanged(run, &before, &params);
    judge(run, outcome)
}
