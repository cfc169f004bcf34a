//! Early stopping ends a run in the same epoch with the same bits, however often it was killed.

use crate::common::{MyRun, Recorder, StopAt, run, spirals};
use tricks_net::Net;
use tricks_net::data::{Batching, Dataset};
use tricks_net::layers::Sequential;
use tricks_net::train::{
    Control, EarlyStopping, EpochReport, Every, Monitor, Observer, Outcome, Plan, save_parameters,
};
use tricks_optim::Adam;
use tricks_tensor::{Error, Result, StateDict};

type Mine = MyRun<f32, Adam, f64>;

/// So fast that the held-out loss goes up and down.
fn fresh(seed: u64) -> Mine {
    run(Adam::torch(), 0.03, seed)
}

fn data() -> (Dataset<f32>, Dataset<f32>) {
    (spirals(60, 1), spirals(40, 2))
}

fn plan() -> Plan {
    let stop = EarlyStopping::new(3, Monitor::HeldOutLoss);
    Plan::new(60, Batching::of(20)).early_stopping(stop)
}

fn fit(run: &mut Mine, plan: &Plan, more: &mut dyn Observer<f32, Sequential<f32>>) -> Outcome {
    let (train, test) = data();
    run.fit(plan, &train, Some(&test), &mut [more]).unwrap()
}

/// The net after each epoch, and the losses.
#[derive(Default)]
struct Nets(Vec<StateDict>, Vec<f64>);

impl Observer<f32, Sequential<f32>> for Nets {
    fn on_epoch(
        &mut self,
        report: &EpochReport,
        net: &mut Net<f32, Sequential<f32>>,
    ) -> Result<Control> {
        self.0.push(save_parameters(net));
        self.1.push(report.held_out.unwrap().loss);
        Ok(Control::Continue)
    }
}

#[test]
fn the_best_state_comes_back() {
    let (mut stopped, mut nets) = (fresh(7), Nets::default());
    assert_eq!(fit(&mut stopped, &plan(), &mut nets), Outcome::Stopped);
    let best = stopped.best().unwrap();
    let epochs = nets.1.len();
    assert!((5..60).contains(&epochs), "{epochs}");
    assert_eq!(best.epoch as usize, epochs - 4);
    assert!(nets.1.iter().all(|loss| *loss >= best.value));
    assert_eq!(stopped.position().epoch as usize, epochs);

    // Parameters and running statistics, and the optimizer as it was when it had made them.
    let state = stopped.state();
    assert_eq!(state.section("net"), nets.0[best.epoch as usize]);
    let (train, test) = data();
    let mut short = fresh(7);
    short.fit(&Plan::new(best.epoch + 1, Batching::of(20)), &train, Some(&test), &mut []).unwrap();
    assert_eq!(state.section("optimizer"), short.state().section("optimizer"));

    // What is over stays so, until there is more patience.
    assert_eq!(fit(&mut stopped, &plan(), &mut StopAt(0)), Outcome::Stopped);
    assert_eq!(stopped.state(), state);
    let longer = plan().early_stopping(EarlyStopping::new(4, Monitor::HeldOutLoss));
    fit(&mut stopped, &longer, &mut StopAt(0));
    assert!(stopped.position().epoch as usize > epochs);

    // Not asked for, nothing comes back and nothing is kept.
    let keep = EarlyStopping { restore_best: false, ..EarlyStopping::new(3, Monitor::HeldOutLoss) };
    let (mut last, mut nets) = (fresh(7), Nets::default());
    fit(&mut last, &plan().early_stopping(keep), &mut nets);
    let state = last.state();
    assert_eq!(Some(&state.section("net")), nets.0.last());
    assert_eq!((state.section("early_stopping").len(), last.best()), (3, Some(best)));
}

#[test]
fn all_epochs_done_is_the_end_too_and_an_observer_is_not() {
    let (mut done, mut nets) = (fresh(3), Nets::default());
    let early = EarlyStopping::new(100, Monitor::TrainAccuracy);
    let few = Plan::new(6, Batching::of(20)).early_stopping(early);
    assert_eq!(fit(&mut done, &few, &mut nets), Outcome::Finished);
    let best = done.best().unwrap().epoch as usize;
    assert_eq!(done.state().section("net"), nets.0[best]);

    let (mut stopped, mut recorder) = (fresh(3), Recorder::default());
    assert_eq!(fit(&mut stopped, &few, &mut recorder), Outcome::Stopped);
    assert_eq!(stopped.state().section("net"), nets.0[2]);
}

#[test]
fn killed_and_resumed_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    let mut whole = fresh(7);
    fit(&mut whole, &plan(), &mut StopAt(0));
    let want = whole.state();
    let steps = whole.position().step;
    // In an epoch, at its end before its report, and at the end of the last.
    for stop in [1, 3, steps - 7, steps - 3, steps - 1] {
        let mut first = fresh(7);
        assert_eq!(fit(&mut first, &plan(), &mut StopAt(stop)), Outcome::Stopped);
        let bytes = first.state().to_bytes().unwrap();
        let mut second = fresh(8);
        second.load_state(&StateDict::from_bytes("run", &bytes).unwrap()).unwrap();
        assert_eq!(fit(&mut second, &plan(), &mut StopAt(0)), Outcome::Stopped);
        assert_eq!(second.state(), want, "killed after {stop}");
    }
    // The last file is from before the best state came back.
    let saving = plan().checkpoint(&path, Every::Epochs(1));
    fit(&mut fresh(7), &saving, &mut StopAt(0));
    let mut second = fresh(8);
    second.resume(&path).unwrap();
    assert_ne!(second.state().section("net"), want.section("net"));
    assert_eq!(fit(&mut second, &plan(), &mut StopAt(0)), Outcome::Stopped);
    assert_eq!(second.state(), want);
}

#[test]
fn a_past_that_does_not_fit_is_refused_whole() {
    let mut stopped = fresh(7);
    fit(&mut stopped, &plan(), &mut StopAt(0));
    let mut state = stopped.state();
    state.insert::<f32>("early_stopping.net.layers.0.weight", &[1], &[0.0]);
    state.insert::<f32>("early_stopping.optimizer.stray", &[1], &[0.0]);
    let mut other = fresh(8);
    let before = other.state();
    let Err(Error::State { problems }) = other.load_state(&state) else { panic!() };
    assert_eq!(problems, ["layers.0.weight is f32 [1], expected f32 [32, 2]"]);
    assert_eq!(other.state(), before);
    // A run without a past takes up a state without one.
    stopped.load_state(&before).unwrap();
    assert_eq!((stopped.best(), stopped.state()), (None, before));
}
