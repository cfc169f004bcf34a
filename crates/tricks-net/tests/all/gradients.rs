//! Between the backward pass and the step: limits, and observers that change gradients.

use crate::common::{MyRun, Recorder, run, spirals};
use tricks_net::Net;
use tricks_net::data::Batching;
use tricks_net::layers::Dense;
use tricks_net::losses::{Loss, Target};
use tricks_net::train::{Observer, Plan, Run};
use tricks_optim::{Optimizer, Sgd, WeightDecay};
use tricks_regularize::{L2, penalize};
use tricks_tensor::ndarray::{Array2, ArrayViewD, ArrayViewMutD};
use tricks_tensor::{Float, Parameters, Result};

type Line = Run<f64, Dense<f64>, Sgd, f64, Steep>;

/// A net of two numbers whose gradients are as large as you like.
fn line(finite_check: bool, slope: f64) -> (Line, Array2<f64>) {
    let mut net = Net::new(Dense::without_bias(2, 1));
    let sgd = Optimizer::builder(Sgd).finite_check(finite_check).bind(&mut net).unwrap();
    (Run::new(net, sgd, 1.0, Steep(slope), 1), Array2::ones((1, 2)))
}

/// `slope · Σ y`.
struct Steep(f64);

impl Loss<f64> for Steep {
    fn evaluate(
        &self,
        y: ArrayViewD<'_, f64>,
        _: Target<'_, f64>,
        dy: Option<ArrayViewMutD<'_, f64>>,
    ) -> Result<f64> {
        dy.into_iter().for_each(|mut dy| dy.fill(self.0));
        Ok(self.0 * y.sum())
    }
}

#[test]
fn a_clip_nobody_asked_for_refuses_nothing() {
    // 1.3e154 has a square, but two of them are too much for the sum; 1e155 has none.
    for slope in [1.0, 1.3e154, 1e155] {
        for finite_check in [false, true] {
            let (mut run, x) = line(finite_check, slope);
            let report = run.update(&x, &[0]).unwrap();
            assert_eq!(run.net.layer.weight()[[0, 0]], -slope);
            assert!(report.grad_norm >= slope, "{report:?}");
            // A limit that was asked for is kept.
            let (mut run, x) = line(finite_check, slope);
            run.max_norm = Some(0.5);
            let done = run.update(&x, &[0]).is_ok();
            assert_eq!(done, run.net.layer.weight()[[0, 0]] != 0.0);
            assert!(run.net.layer.weight()[[0, 0]] >= -0.5);
        }
    }
    // What was to be checked is.
    let want = "weight: gradient is inf at flat index 0";
    let (mut run, x) = line(true, f64::MAX);
    let x = x * 2.0;
    assert_eq!(run.update(&x, &[0]).unwrap_err().to_string(), want);
    let (mut run, _) = line(false, f64::MAX);
    run.update(&x, &[0]).unwrap();
}

/// A penalty as part of the loss.
struct Ridge(L2);

impl<F: Float, L: Parameters<F>> Observer<F, L> for Ridge {
    fn on_gradients(&mut self, net: &mut Net<F, L>) -> Result<f64> {
        penalize(&self.0, net)
    }
}

#[test]
fn a_penalty_is_weight_decay() {
    let (lambda, train, plan) = (0.03, spirals::<f64>(60, 1), Plan::new(3, Batching::of(20)));
    let trained = |decay, observers: &mut [&mut dyn Observer<_, _>]| {
        let mut run = run(Sgd, 0.1, 4);
        // A norm of the gradients before the decay is not that after the penalty.
        run.max_norm = None;
        run.optimizer = Optimizer::builder(Sgd).weight_decay(decay).bind(&mut run.net).unwrap();
        run.fit(&plan, &train, None, observers).unwrap();
        run
    };
    let (mut plain, mut with) = (Recorder::default(), Recorder::default());
    let mut decayed = trained(WeightDecay::L2(lambda), &mut [&mut plain]);
    let mut ridge = Ridge(L2 { lambda });
    let mut penalized = trained(WeightDecay::None, &mut [&mut ridge, &mut with]);
    assert_eq!(penalized.state().section("net"), decayed.state().section("net"));
    assert!(decayed.state() != trained(WeightDecay::None, &mut []).state());
    // Two observers add up, in the report as in the weights.
    let halves: &mut [&mut dyn Observer<_, _>] =
        &mut [&mut Ridge(L2 { lambda: 0.01 }), &mut Ridge(L2 { lambda: 0.02 })];
    let loss = |run: &MyRun<f64, Sgd, f64>| run.evaluate(&train, 60).unwrap().loss;
    let halved = trained(WeightDecay::None, halves);
    assert!((loss(&halved) - loss(&decayed)).abs() < 1e-12);
    // The report's loss has the penalty in it, and the norm its gradient.
    let mut first = run::<f64, _, _>(Sgd, 0.1, 4);
    let value = penalize(&L2 { lambda }, &mut first.net).unwrap();
    assert!((with.steps[0].loss - plain.steps[0].loss - value).abs() < 1e-12);
    assert!(with.steps[0].grad_norm != plain.steps[0].grad_norm);

    // One that is no number is refused, and no weight has changed.
    let before = first.state().section("optimizer");
    let mut endless = Ridge(L2 { lambda: f64::MAX });
    let refused = first.fit(&plan, &train, None, &mut [&mut endless]).unwrap_err().to_string();
    assert_eq!(refused, "step 0: loss is inf at flat index 0");
    assert_eq!(first.state().section("optimizer"), before);
}
