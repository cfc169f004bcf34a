//! Whole runs: they learn, threads do not matter, observers see all, bad input is refused.

use crate::common::{Recorder, StopAt, lines, run, spirals, warm_cosine};
use tricks_init::{Layout, VarianceScaling, initialize};
use tricks_net::Net;
use tricks_net::data::{Batch, Batching, DataSource, Dataset};
use tricks_net::layers::{Dense, ReLU, Sequential, Tanh};
use tricks_net::losses::{MeanSquaredError, SoftmaxCrossEntropy};
use tricks_net::train::{JsonLines, Observer, Outcome, Plan, Run, StepReport};
use tricks_optim::{Adam, Momentum, Optimizer};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_schedule::Schedule as _;
use tricks_tensor::ndarray::{Array1, Array2, arr2};
use tricks_tensor::{Error, Noise, Result};

#[test]
fn learns_two_spirals() {
    let (train, test) = (spirals::<f32>(400, 1), spirals(400, 2));
    let mut run = run(Adam::torch(), warm_cosine(), 42);
    let before = run.evaluate(&test, 100).unwrap();
    let outcome = run.fit(&Plan::new(120, Batching::of(32)), &train, Some(&test), &mut []).unwrap();
    let after = run.evaluate(&test, 100).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    assert_eq!(run.position().step, 120 * 13);
    assert!(before.accuracy.unwrap() < 0.75, "{before:?}");
    assert!(after.accuracy.unwrap() > 0.95 && after.loss < 0.2, "{after:?}");
}

#[test]
fn regression_learns_a_line() {
    let x = Array2::from_shape_fn((64, 1), |(i, _)| i as f64 / 32.0 - 1.0);
    let y = x.mapv(|x| 3.0 * x - 0.5);
    let data = Dataset::new(x, y).unwrap();
    let mut net = Net::new(Dense::<f64>::new(1, 1));
    let sgd = Optimizer::builder(Momentum::torch()).bind(&mut net).unwrap();
    let mut run = Run::new(net, sgd, 0.05, MeanSquaredError::default(), 1);
    run.fit(&Plan::new(120, Batching::of(16)), &data, None, &mut []).unwrap();
    let metrics = run.evaluate(&data, 64).unwrap();
    assert!(metrics.loss < 1e-12 && metrics.accuracy.is_none(), "{metrics:?}");
    assert!((run.net.layer.weight()[[0, 0]] - 3.0).abs() < 1e-6);
}

#[test]
fn threads_do_not_matter() {
    // Wide enough for products, updates and activations to be split.
    let train = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let layers = Sequential::<f32>::new()
                .push(Dense::new(2, 400))
                .push(BatchNorm::new(400, BatchNormConfig::default()).unwrap())
                .push(Tanh)
                .push(Dropout::new(0.5).unwrap())
                .push(Dense::new(400, 400))
                .push(ReLU)
                .push(Dense::new(400, 2));
            let mut net = Net::new(layers);
            let he = VarianceScaling::he_normal();
            initialize(&mut net, Layout::OutIn, &he, Noise::new(3)).unwrap();
            let adam = Optimizer::builder(Adam::torch()).bind(&mut net).unwrap();
            let loss = SoftmaxCrossEntropy { label_smoothing: 0.1, ..Default::default() };
            let mut run = Run::new(net, adam, 1e-3, loss, 3);
            run.fit(&Plan::new(3, Batching::of(200)), &spirals(500, 1), None, &mut []).unwrap();
            run.state()
        })
    };
    let one = train(1);
    assert_eq!(train(2), one);
    assert_eq!(train(3), one);
}

#[test]
fn bad_data_is_refused() {
    let say = |r: Result<Outcome>| r.unwrap_err().to_string();
    let plan = Plan::new(1, Batching::of(16));
    let mut net = run::<f32, _, _>(Adam::torch(), 0.1, 1);
    let none = Dataset::new(Array2::zeros((0, 2)), vec![]).unwrap();
    let few = spirals(10, 1);
    assert_eq!(say(net.fit(&plan, &none, None, &mut [])), "Batching: there are no samples");
    let want = "Batching: size is 16, but there are only 10 samples";
    assert_eq!(say(net.fit(&plan, &few, None, &mut [])), want);
    let want = "evaluate: 0 samples in batches of 16: nothing to measure";
    assert_eq!(say(net.fit(&plan, &spirals(16, 1), Some(&none), &mut [])), want);
    assert!(net.evaluate(&few, 0).is_err());

    let before = run::<f32, _, _>(Adam::torch(), 0.1, 1).state();
    let wrong_label = Dataset::new(Array2::zeros((16, 2)), vec![2; 16]).unwrap();
    let mut fresh = run::<f32, _, _>(Adam::torch(), 0.1, 1);
    let want = "labels: row 0 has 2, must be below 2";
    assert_eq!(say(fresh.fit(&plan, &wrong_label, None, &mut [])), want);
    assert_eq!(fresh.state().section("optimizer"), before.section("optimizer"));
    let poisoned = Dataset::new(Array2::from_elem((16, 2), f32::NAN), vec![0; 16]).unwrap();
    let want = "layers.1 (BatchNorm): batch mean is NaN at flat index 0";
    assert_eq!(say(fresh.fit(&plan, &poisoned, None, &mut [])), want);
    let zeros = Array2::zeros((16, 2));
    let nothing_yet = fresh.net.predict(&zeros).unwrap();
    assert!(nothing_yet.iter().all(|y| y.is_finite()), "a refused batch leaves no trace");
    let narrow = Dataset::new(Array2::zeros((16, 1)), vec![0; 16]).unwrap();
    let want = "layers.0 (Dense): input has shape [16, 1], weight [32, 2]";
    assert_eq!(say(fresh.fit(&plan, &narrow, None, &mut [])), want);
    assert!(
        run::<f32, _, _>(Adam::torch(), f64::NAN, 1)
            .fit(&plan, &spirals(16, 1), None, &mut [])
            .is_err()
    );

    // In the middle of an epoch the data set must stay what it was.
    let mut stopped = run::<f32, _, _>(Adam::torch(), 0.1, 1);
    stopped.fit(&plan, &spirals(40, 1), None, &mut [&mut StopAt(1)]).unwrap();
    let want = "fit: the epoch began with 40 samples, the data set has 41";
    assert_eq!(say(stopped.fit(&plan, &spirals(41, 1), None, &mut [])), want);
}

/// Fills one sample too few.
struct Short(Dataset<f32>);

impl DataSource<f32> for Short {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn fill(&self, samples: &[usize], batch: &mut Batch<f32>) -> Result<()> {
        self.0.fill(&samples[1..], batch)
    }
}

#[test]
fn a_source_is_held_to_its_word() {
    let mut run = run::<f32, _, _>(Adam::torch(), 0.1, 1);
    let short = Short(spirals(40, 1));
    let want = "DataSource: asked for 16 samples, it filled 15";
    let plan = Plan::new(1, Batching::of(16));
    assert_eq!(run.fit(&plan, &short, None, &mut []).unwrap_err().to_string(), want);
    assert_eq!(run.evaluate(&short, 16).unwrap_err().to_string(), want);
}

#[test]
fn observers_see_everything() {
    let (train, test) = (spirals::<f64>(50, 1), spirals(10, 2));
    let mut run = run(Adam::torch(), warm_cosine(), 1);
    let (mut seen, mut log) = (Recorder::default(), JsonLines::new(Vec::new()).every(2));
    let observers: &mut [&mut dyn Observer<_, _>] = &mut [&mut seen, &mut log];
    let outcome = run.fit(&Plan::new(9, Batching::of(20)), &train, Some(&test), observers).unwrap();
    assert_eq!(
        (outcome, seen.steps.len(), seen.epochs.len(), seen.ends),
        (Outcome::Stopped, 9, 3, 1)
    );

    // 20 + 20 + 10 samples; the learning rate is the schedule's.
    let second = seen.steps[4];
    assert_eq!((second.step, second.epoch, second.samples), (4, 1, 20));
    assert_eq!(second.lr, warm_cosine().at(4));
    assert!(second.grad_norm > 0.0);
    assert_eq!(seen.steps[5].samples, 10);
    assert_eq!(
        seen.shapes,
        [[10, 32]; 6].map(Vec::from).into_iter().chain([vec![10, 2]]).collect::<Vec<_>>()
    );

    // The epoch's means weigh samples, not batches.
    let of = |f: fn(&StepReport) -> f64| {
        seen.steps[3..6].iter().map(|s| f(s) * s.samples as f64).sum::<f64>() / 50.0
    };
    let epoch = seen.epochs[1];
    assert_eq!((epoch.epoch, epoch.step, epoch.train.samples), (1, 6, 50));
    assert!((epoch.train.loss - of(|s| s.loss)).abs() < 1e-12);
    assert!((epoch.train.accuracy.unwrap() - of(|s| s.accuracy.unwrap())).abs() < 1e-12);
    assert_eq!(seen.epochs[2].held_out, Some(run.evaluate(&test, 20).unwrap()));
    let (whole, by_three) = (run.evaluate(&test, 20).unwrap(), run.evaluate(&test, 3).unwrap());
    assert!((whole.loss - by_three.loss).abs() < 1e-12 && whole.accuracy == by_three.accuracy);

    let rows: Vec<serde_json::Value> =
        lines(log).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 5 + 2 * 3, "steps 0, 2, 4, 6, 8 and two rows an epoch");
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["step", "epoch", "split", "loss", "acc", "lr", "grad_norm"]);
    assert_eq!((&rows[1]["step"], &rows[1]["split"]), (&2.into(), &"train".into()));
    assert_eq!(rows[1]["loss"].as_f64().unwrap(), seen.steps[2].loss);
    assert_eq!(
        (&rows[10]["split"], &rows[10]["lr"]),
        (&"held_out".into(), &serde_json::Value::Null)
    );
}

#[test]
fn logs_are_appended_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    for epochs in [1, 2] {
        let mut run = run::<f32, _, _>(Adam::torch(), 0.01, 1);
        let mut log = JsonLines::append(&path).unwrap().every(0);
        run.fit(&Plan::new(epochs, Batching::of(16)), &spirals(16, 1), None, &mut [&mut log])
            .unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    assert!(matches!(JsonLines::append(folder.path()), Err(Error::Io { .. })));
}

#[test]
fn one_optimizer_after_another() {
    // Adam first, then SGD for the fine tuning: the net goes on, the second starts afresh.
    let train = spirals::<f32>(200, 1);
    let mut first = run(Adam::torch(), 0.01, 5);
    first.fit(&Plan::new(40, Batching::of(32)), &train, None, &mut []).unwrap();
    let before = first.evaluate(&train, 200).unwrap();
    let Run { mut net, .. } = first;
    let sgd = Optimizer::builder(Momentum::torch()).bind(&mut net).unwrap();
    let mut second = Run::new(net, sgd, 0.01, SoftmaxCrossEntropy::default(), 6);
    second.fit(&Plan::new(40, Batching::of(32)), &train, None, &mut []).unwrap();
    let after = second.evaluate(&train, 200).unwrap();
    assert!(after.loss < before.loss, "{before:?} {after:?}");
}

#[test]
fn a_loop_of_ones_own_is_the_same() {
    let x = arr2(&[[0.0f64, 1.0], [1.0, 0.5], [0.2, -1.0], [-0.3, 0.4]]);
    let labels = vec![0, 1, 0, 1];
    let data = Dataset::new(x.clone(), labels.clone()).unwrap();
    let mut a = run(Adam::torch(), warm_cosine(), 9);
    let mut b = run(Adam::torch(), warm_cosine(), 9);
    let batching = Batching { shuffle: false, ..Batching::of(4) };
    a.fit(&Plan::new(5, batching), &data, None, &mut []).unwrap();
    for _ in 0..5 {
        b.update(&x, &labels).unwrap();
    }
    assert_eq!(a.state().section("net"), b.state().section("net"));
    assert_eq!(a.net.predict(&x).unwrap(), b.net.predict(&x.t().to_owned().t()).unwrap());
    assert!(b.net.predict(&Array1::<f64>::zeros(3)).is_err());
}

#[test]
fn one_sample_too_many_for_the_batches() {
    let mut run = run::<f32, _, _>(Adam::torch(), 0.01, 1);
    let mut seen = Recorder::default();
    run.fit(&Plan::new(3, Batching::of(8)), &spirals(17, 1), None, &mut [&mut seen]).unwrap();
    let samples: Vec<_> = seen.steps.iter().map(|step| step.samples).collect();
    assert_eq!(samples, [8, 9, 8, 9, 8, 9]);
}

/// A refused batch has not been seen: not by the parameters, not by the running statistics.
#[test]
fn a_refused_batch_leaves_the_state_as_it_was() {
    let layers = Sequential::new()
        .push(Dense::<f64>::new(2, 4))
        .push(BatchNorm::new(4, BatchNormConfig::torch()).unwrap())
        .push(Dense::new(4, 3));
    let mut net = Net::new(layers);
    initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(1)).unwrap();
    let adam = Optimizer::builder(Adam::torch()).bind(&mut net).unwrap();
    let mut run = Run::new(net, adam, 0.01, SoftmaxCrossEntropy::default(), 1);
    let x = Array2::from_shape_fn((4, 2), |(i, j)| (i * i + j) as f64);
    run.update(&x, &[0, 1, 2, 0]).unwrap();
    let before = run.state();
    let mut nan = x.clone();
    nan[[2, 1]] = f64::NAN;
    assert!(run.update(&nan, &[0, 1, 2, 0]).is_err());
    assert!(run.update(&x, &[0, 1, 3, 0]).is_err());
    assert!(run.update(&x, &[0, 1, 2]).is_err());
    assert!(run.update(&x, &Array2::zeros((4, 2))).is_err());
    assert_eq!(run.state(), before);
}
