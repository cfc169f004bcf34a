//! A run that was stopped, saved and taken up again gives the bits it would have given.

use crate::common::{StopAt, lines, run, spirals, warm_cosine};
use tricks_net::Net;
use tricks_net::data::{Batching, Last};
use tricks_net::layers::{Dense, Sequential};
use tricks_net::losses::SoftmaxCrossEntropy;
use tricks_net::train::{Control, Every, JsonLines, Observer, Outcome, Plan, Run, StepReport};
use tricks_optim::{Adam, Averaging, Momentum, Optimizer, WeightAverage};
use tricks_tensor::{Error, Parameters, Result, StateDict};

/// The final state, and the log line by line.
fn whole(plan: &Plan, seed: u64) -> (StateDict, Vec<String>) {
    let (train, test) = (spirals::<f32>(100, 1), spirals(50, 2));
    let mut run = run(Adam::torch(), warm_cosine(), seed);
    let mut log = JsonLines::new(Vec::new());
    run.fit(plan, &train, Some(&test), &mut [&mut log]).unwrap();
    (run.state(), lines(log))
}

/// 100 samples in batches of 16: six whole ones, and one of 4.
fn plan(last: Last) -> Plan {
    Plan::new(4, Batching { last, ..Batching::of(16) })
}

#[test]
fn stopped_saved_and_resumed_anywhere_gives_the_same_bits() {
    let (train, test) = (spirals::<f32>(100, 1), spirals(50, 2));
    for last in [Last::Keep, Last::Drop] {
        let (want, want_log) = whole(&plan(last), 7);
        // In an epoch, at the end of one before its report, at the very end.
        for stop in [1, 10, 12, 14, 24, 28] {
            let stop = if last == Last::Drop { stop.min(24) } else { stop };
            let mut first = run(Adam::torch(), warm_cosine(), 7);
            let mut log = JsonLines::new(Vec::new());
            let observers: &mut [&mut dyn Observer<_, _>] = &mut [&mut log, &mut StopAt(stop)];
            let outcome = first.fit(&plan(last), &train, Some(&test), observers).unwrap();
            assert_eq!((outcome, first.position().step), (Outcome::Stopped, stop));
            let bytes = first.state().to_bytes().unwrap();
            drop(first);

            // Fresh objects of another seed: everything must come from the state.
            let mut second = run(Adam::torch(), warm_cosine(), 8);
            second.load_state(&StateDict::from_bytes("run", &bytes).unwrap()).unwrap();
            let mut rest = JsonLines::new(Vec::new());
            // On other threads, too.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            pool.install(|| second.fit(&plan(last), &train, Some(&test), &mut [&mut rest]))
                .unwrap();
            assert_eq!(second.state(), want, "stopped after {stop}");
            assert_eq!([lines(log), lines(rest)].concat(), want_log, "stopped after {stop}");
        }
    }
}

/// A companion takes part as an observer, and travels in the run's file.
struct Ema(WeightAverage<f32>);

impl<L: Parameters<f32>> Observer<f32, L> for Ema {
    fn on_step(&mut self, _: &StepReport, net: &mut Net<f32, L>) -> Result<Control> {
        self.0.update(net)?;
        Ok(Control::Continue)
    }
}

#[test]
fn an_average_survives_with_the_run() {
    let train = spirals::<f32>(100, 1);
    let ema =
        |net: &mut _| Ema(WeightAverage::bind(Averaging::Corrected { decay: 0.9 }, net).unwrap());
    let state = |run: &mut Run<_, _, _, _, _>, ema: &Ema| {
        let mut state = run.state();
        state.extend("ema", ema.0.state());
        state
    };
    let whole = {
        let mut run = run(Adam::torch(), warm_cosine(), 7);
        let mut ema = ema(&mut run.net);
        run.fit(&plan(Last::Keep), &train, None, &mut [&mut ema]).unwrap();
        state(&mut run, &ema)
    };
    let mut first = run(Adam::torch(), warm_cosine(), 7);
    let mut average = ema(&mut first.net);
    let observers: &mut [&mut dyn Observer<_, _>] = &mut [&mut average, &mut StopAt(10)];
    let _ = first.fit(&plan(Last::Keep), &train, None, observers).unwrap();
    let bytes = state(&mut first, &average).to_bytes().unwrap();

    let saved = StateDict::from_bytes("run", &bytes).unwrap();
    let mut second = run(Adam::torch(), warm_cosine(), 8);
    let mut average = ema(&mut second.net);
    second.load_state(&saved).unwrap();
    average.0.load_state(&saved.section("ema")).unwrap();
    second.fit(&plan(Last::Keep), &train, None, &mut [&mut average]).unwrap();
    assert_eq!(state(&mut second, &average), whole);
    assert!(whole.iter().any(|(name, _)| name.starts_with("ema.")));
}

#[test]
fn checkpoints_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let (want, _) = whole(&plan(Last::Keep), 7);
    for (every, step) in [(Every::Steps(10), 20), (Every::Epochs(3), 21), (Every::Steps(28), 28)] {
        let plan = plan(Last::Keep).checkpoint(&path, every);
        assert_eq!(whole(&plan, 7).0, want, "saving changes nothing");
        let mut resumed = run(Adam::torch(), warm_cosine(), 0);
        resumed.resume(&path).unwrap();
        assert_eq!((resumed.position().step, resumed.seed()), (step, 7));
        let (train, test) = (spirals::<f32>(100, 1), spirals(50, 2));
        resumed.fit(&plan, &train, Some(&test), &mut []).unwrap();
        assert_eq!(resumed.state(), want, "{every:?}");
    }
    std::fs::remove_file(&path).unwrap();
    let never = plan(Last::Keep).checkpoint(&path, Every::Steps(0));
    whole(&never, 7);
    assert!(!path.exists());
    assert!(matches!(run::<f32, _, _>(Adam::torch(), 0.1, 0).resume(&path), Err(Error::Io { .. })));
}

#[test]
fn another_net_is_refused_with_every_mismatch() {
    let mut other = {
        let layers = Sequential::<f32>::new().push(Dense::new(2, 16)).push(Dense::new(16, 2));
        let mut net = Net::new(layers);
        let adam = Optimizer::builder(Adam::torch()).bind(&mut net).unwrap();
        Run::new(net, adam, 0.1, SoftmaxCrossEntropy::default(), 1)
    };
    let state = whole(&Plan::new(1, Batching::of(50)), 7).0;
    let before = other.state();
    let Err(Error::State { problems }) = other.load_state(&state) else { panic!() };
    let has = |line: &str| assert!(problems.iter().any(|p| p == line), "{line}: {problems:#?}");
    has("layers.0.weight is f32 [32, 2], expected f32 [16, 2]");
    has("layers.0.bias is missing, expected f32 [16]");
    has("layers.1.running_mean is unexpected");
    has("layers.4.weight is unexpected");
    has("layers.4.weight/m is unexpected");
    has("layers.0.bias/v is missing, expected f32 [16]");
    assert_eq!(other.state(), before);

    // The right net, but a damaged position; the optimizer must not have moved.
    let mut same = run::<f32, _, _>(Adam::torch(), warm_cosine(), 1);
    let before = same.state();
    let mut damaged = state.section("run");
    damaged.insert_number("step", 3.0);
    damaged.insert_count("stray", 1);
    damaged.insert_count("sample", 101);
    let mut bad = StateDict::new();
    bad.extend("run", damaged);
    bad.extend("net", state.section("net"));
    bad.extend("optimizer", state.section("optimizer"));
    let Err(Error::State { problems }) = same.load_state(&bad) else { panic!() };
    assert_eq!(
        problems,
        [
            "run.step is f64 [], expected u64 []",
            "run.sample is 101, but run.of 100",
            "run.stray is unexpected"
        ]
    );
    assert_eq!(same.state(), before);

    // Another rule's memory.
    let mut sgd = run::<f32, _, _>(Momentum::torch(), warm_cosine(), 1);
    assert!(matches!(sgd.load_state(&state), Err(Error::State { .. })));
    // Another precision.
    let mut double = run::<f64, _, _>(Adam::torch(), warm_cosine(), 1);
    assert!(matches!(double.load_state(&state), Err(Error::State { .. })));
    // Nothing at all.
    assert!(same.load_state(&StateDict::new()).is_err());
    // Companions may travel along.
    let mut more = state.clone();
    more.insert_count("ema.count", 3);
    same.load_state(&more).unwrap();
    assert_eq!(same.state(), state);
}
