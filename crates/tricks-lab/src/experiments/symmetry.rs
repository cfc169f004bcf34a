//! What equal weights do to the units of a layer.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{percent_spread, points_interval};
use crate::plot::{Axis, Figure, Grid, Panel, Point};
use crate::recipe::{Activation, Init, Model, Recipe, he, initialize};
use crate::stats::Sample;
use crate::training::Trial;
use crate::verdict::Verdict;
use rayon::prelude::*;
use std::collections::HashSet;
use tricks_init::Constant;
use tricks_optim::Sgd;
use tricks_tensor::{Noise, ParamKind, Parameters as _, Path, Result};

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "symmetry",
    title: "Equal weights stay equal",
    section: "4.3.1",
    claim: "If all weights of a layer start as the same constant, such as 0, all its units get the \
        same gradient and stay identical, as if there were only one: weights must be random.",
    run,
};

const UNITS: usize = 32;

fn zeros(net: &mut Model, noise: Noise) -> Result<()> {
    initialize(net, &Constant { value: 0.0 }, noise)
}

fn constant(net: &mut Model, noise: Noise) -> Result<()> {
    initialize(net, &Constant { value: 0.05 }, noise)
}

struct Case {
    name: &'static str,
    activation: Activation,
    init: Init,
    dropout: f64,
}

const CASES: [Case; 6] = [
    Case { name: "zeros, sigmoid", activation: Activation::Sigmoid, init: zeros, dropout: 0.0 },
    Case { name: "zeros, ReLU", activation: Activation::ReLU, init: zeros, dropout: 0.0 },
    Case { name: "0.05, sigmoid", activation: Activation::Sigmoid, init: constant, dropout: 0.0 },
    Case { name: "0.05, ReLU", activation: Activation::ReLU, init: constant, dropout: 0.0 },
    Case { name: "He, ReLU", activation: Activation::ReLU, init: he, dropout: 0.0 },
    Case {
        name: "0.05, ReLU, dropout 0.5",
        activation: Activation::ReLU,
        init: constant,
        dropout: 0.5,
    },
];
const ZERO_RELU: usize = 1;
const CONSTANT_RELU: usize = 3;
const HE: usize = 4;
const DROPOUT: usize = 5;

/// One run: how many different units each hidden layer has along the way, and how it ends.
struct Seen {
    different: Vec<Point>,
    least: usize,
    most: usize,
    accuracy: f64,
    learned: Vec<Point>,
    moved: bool,
}

fn run(lab: &Lab) -> Result<Outcome> {
    let epochs = lab.profile.epochs(6);
    let recipes = CASES.map(|case| Recipe {
        rule: || Box::new(Sgd),
        lr: 0.1,
        dropout: case.dropout,
        ..Recipe::plain(&[UNITS, UNITS], case.activation, case.init, epochs)
    });
    let seeds = lab.profile.seeds();
    let mut trials = Vec::new();
    for recipe in &recipes {
        for &seed in &seeds {
            trials.push(Trial::new(lab, recipe, seed)?);
        }
    }
    let seen = trials.into_par_iter().map(watch).collect::<Result<Vec<_>>>()?;
    let cases: Vec<&[Seen]> = seen.chunks(seeds.len()).collect();
    let accuracy = |case: usize| Sample::new(cases[case].iter().map(|s| s.accuracy));

    let mut outcome = Outcome {
        measured: format!(
            "A network 784-{UNITS}-{UNITS}-10 is trained with SGD, η = 0.1, for {epochs} epochs \
             from constant and from random weights. After every epoch the different rows of each \
             hidden weight matrix are counted, bit by bit. Seeds differ in the order of the \
             images."
        ),
        ..Outcome::default()
    };
    for (case, Case { name, .. }) in CASES.iter().enumerate().take(HE) {
        let one: Vec<bool> = cases[case].iter().map(|s| s.most == 1).collect();
        outcome.part(
            &format!("all units stay identical ({name})"),
            format!(
                "of {UNITS} units at most {} different",
                cases[case].iter().map(|s| s.most).max().unwrap_or(0)
            ),
            "one different unit in each hidden layer, after every epoch, for every seed",
            Verdict::every(&one),
        );
    }
    let random: Vec<bool> = cases[HE].iter().map(|s| s.least == UNITS).collect();
    outcome.part(
        "random weights break the symmetry",
        format!(
            "of {UNITS} units at least {} different",
            cases[HE].iter().map(|s| s.least).min().unwrap_or(0)
        ),
        "all units different, for every seed",
        Verdict::every(&random),
    );
    let gain = accuracy(HE).minus(&accuracy(CONSTANT_RELU));
    outcome.part(
        "so many identical units are worth less",
        format!(
            "test accuracy He {}, constant 0.05 {}; difference {}",
            percent_spread(&accuracy(HE)),
            percent_spread(&accuracy(CONSTANT_RELU)),
            points_interval(&gain)
        ),
        "difference, seed by seed, above 0",
        Verdict::above(&gain, 0.0),
    );
    let stuck = cases[ZERO_RELU].iter().all(|s| !s.moved);
    outcome.key = format!(
        "different units of {UNITS}: constant {}, He {}; accuracy {} against {}",
        cases[CONSTANT_RELU].iter().map(|s| s.most).max().unwrap_or(0),
        cases[HE].iter().map(|s| s.least).min().unwrap_or(0),
        percent_spread(&accuracy(CONSTANT_RELU)),
        percent_spread(&accuracy(HE)),
    );
    outcome.figures.push(figure(&cases));
    let mut table = Table::new(
        "After training, over all seeds and both hidden layers",
        &["start", "different units", "hidden weights moved", "test accuracy"],
    );
    for (case, seen) in CASES.iter().zip(&cases) {
        let (least, most) = (seen.iter().map(|s| s.least).min(), seen.iter().map(|s| s.most).max());
        let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
        let count = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let moved = if seen.iter().any(|s| s.moved) { "yes" } else { "no" };
        let accuracy = Sample::new(seen.iter().map(|s| s.accuracy));
        table.row([case.name.to_string(), count, moved.to_string(), percent_spread(&accuracy)]);
    }
    outcome.tables.push(table);
    if stuck {
        outcome.measured +=
            " With zeros and ReLU no hidden weight moved at all: every gradient is exactly 0.";
    }
    let broken = cases[DROPOUT].iter().map(|s| s.most).max().unwrap_or(0);
    outcome.measured += &format!(
        " Dropout gives the units of a layer different gradients: with it, up to {broken} differ."
    );
    Ok(outcome)
}

fn watch(mut trial: Trial<'_>) -> Result<Seen> {
    let start = hidden_units(&mut trial.run.net);
    let mut seen = Seen {
        different: vec![],
        least: usize::MAX,
        most: 0,
        accuracy: f64::NAN,
        learned: vec![],
        moved: false,
    };
    while !trial.done() {
        seen.accuracy = trial.epoch(&mut [])?.test_accuracy;
        let epoch = trial.epochs() as f64;
        seen.learned.push((epoch, seen.accuracy));
        let units = hidden_units(&mut trial.run.net);
        seen.moved |= units != start;
        let counts = units.iter().map(|rows| rows.iter().collect::<HashSet<_>>().len());
        let (least, most) = (counts.clone().min(), counts.max());
        seen.most = seen.most.max(most.unwrap_or(0));
        seen.least = seen.least.min(least.unwrap_or(0));
        seen.different.push((epoch, most.unwrap_or(0) as f64));
    }
    Ok(seen)
}

/// The bits of each hidden weight: `[layer][unit][input]`.
fn hidden_units(net: &mut Model) -> Vec<Vec<Vec<u32>>> {
    let mut layers = Vec::new();
    net.visit(&Path::ROOT, &mut |place, param| {
        if let (ParamKind::Weight, &[_, inputs]) = (place.kind, place.shape) {
            let rows = param.value.chunks(inputs.max(1));
            layers.push(rows.map(|row| row.iter().map(|x| x.to_bits()).collect()).collect());
        }
    });
    // The last weight is the output layer's.
    layers.pop();
    layers
}

fn figure(cases: &[&[Seen]]) -> Figure {
    let units = Axis::log("different units in a hidden layer").between(0.8, 40.0);
    let mut different = Panel::new("Different units", Axis::count("epoch"), units);
    let y = Axis::linear("test accuracy").between(0.0, 1.0);
    let mut accuracy = Panel::new("Test accuracy", Axis::count("epoch"), y);
    for (i, seen) in cases.iter().enumerate() {
        for seen in *seen {
            different = different.line(i, seen.different.iter().copied());
            accuracy = accuracy.line(i, seen.learned.iter().copied());
        }
    }
    let legend = CASES.map(|case| case.name);
    Figure::new(
        "How many units are different, and what they learn",
        "Left the larger count of the two hidden layers, right the test accuracy; one line for \
         each seed. Lines that are equal lie on each other.",
        &Grid { columns: 2, height: 300.0, legend: &legend },
        &[different, accuracy],
    )
}
