//! What the first weights do to activations, gradients and training.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{number, percent, percent_spread, points_interval, scientific, spread};
use crate::plot::{Axis, Figure, Grid, Mark, Panel};
use crate::probe::{activations, weight_gradients};
use crate::recipe::{Activation, Init, Recipe, he, large, small, xavier};
use crate::stats::Sample;
use crate::variants::{Variant, train_all};
use crate::verdict::Verdict;
use tricks_optim::Sgd;
use tricks_tensor::Result;

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "activations",
    title: "Activations after initialization",
    section: "4.3.2, 4.3.5 and 4.3.6",
    claim: "With sigmoid, σ = 0.01 gathers activations near 0 and makes gradients small, σ = 1 \
        saturates them at 0 and 1 and makes gradients vanish; Xavier suits sigmoid and tanh but \
        not ReLU, whose variance it halves; He suits ReLU.",
    run,
};

const LAYERS: usize = 5;
const WIDTH: usize = 100;
const BINS: usize = 40;

const KINDS: [(&str, Activation); 3] =
    [("sigmoid", Activation::Sigmoid), ("tanh", Activation::Tanh), ("ReLU", Activation::ReLU)];
const STARTS: [(&str, Init); 4] =
    [("σ = 0.01", small), ("σ = 1", large), ("Xavier", xavier), ("He", he)];
const SIGMOID: usize = 0;
const TANH: usize = 1;
const RELU: usize = 2;
const SMALL: usize = 0;
const LARGE: usize = 1;
const XAVIER: usize = 2;
const HE: usize = 3;

/// `sigmoid, σ = 0.01`, ...: the name of each training run, kind by kind.
const RUNS: [&str; 12] = [
    "sigmoid, σ = 0.01",
    "sigmoid, σ = 1",
    "sigmoid, Xavier",
    "sigmoid, He",
    "tanh, σ = 0.01",
    "tanh, σ = 1",
    "tanh, Xavier",
    "tanh, He",
    "ReLU, σ = 0.01",
    "ReLU, σ = 1",
    "ReLU, Xavier",
    "ReLU, He",
];

fn recipe(kind: usize, start: usize, epochs: usize) -> Recipe {
    let plain = Recipe::plain(&[WIDTH; LAYERS], KINDS[kind].1, STARTS[start].1, epochs);
    Recipe { rule: || Box::new(Sgd), lr: 0.1, batch: 64, ..plain }
}

/// What is seen before training, for each seed.
struct Look {
    /// Of the first seed: `[layer][unit and sample]`.
    layers: Vec<Vec<f32>>,
    /// The fraction of the last hidden layer's activations within 0.05 of 0.
    near_zero: Sample,
    /// ... within 0.05 of 0 or of 1.
    at_ends: Sample,
    /// Mean square of the last hidden layer over that of the first.
    kept: Sample,
    /// Root mean square of the first layer's weight gradient.
    gradient: Sample,
    /// Root mean square of the last hidden activations.
    size: Sample,
}

fn look(lab: &Lab, kind: usize, start: usize) -> Result<Look> {
    let recipe = recipe(kind, start, 1);
    let mut layers = Vec::new();
    let mut values: [Vec<f64>; 5] = Default::default();
    for seed in lab.profile.seeds() {
        let seen = activations(&recipe, &lab.images, seed)?;
        let (first, last) = (&seen[0], &seen[LAYERS - 1]);
        let share = |test: fn(f32) -> bool| {
            last.iter().filter(|&&a| test(a)).count() as f64 / last.len() as f64
        };
        let square =
            |a: &[f32]| a.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>() / a.len() as f64;
        let numbers = [
            share(|a| a.abs() < 0.05),
            share(|a| a.abs() < 0.05 || a > 0.95),
            square(last) / square(first),
            weight_gradients(&recipe, &lab.images, seed)?[0],
            square(last).sqrt(),
        ];
        values.iter_mut().zip(numbers).for_each(|(values, x)| values.push(x));
        if layers.is_empty() {
            layers = seen;
        }
    }
    let [near_zero, at_ends, kept, gradient, size] = values.map(Sample::new);
    Ok(Look { layers, near_zero, at_ends, kept, gradient, size })
}

fn run(lab: &Lab) -> Result<Outcome> {
    let mut looks = Vec::new();
    let mut recipes = Vec::new();
    let epochs = lab.profile.epochs(6);
    for kind in 0..KINDS.len() {
        for start in 0..STARTS.len() {
            looks.push(look(lab, kind, start)?);
            recipes.push((RUNS[STARTS.len() * kind + start], recipe(kind, start, epochs)));
        }
    }
    let variants = train_all(lab, EXPERIMENT.name, &recipes)?;

    let mut outcome = Outcome {
        measured: format!(
            "Networks of {LAYERS} hidden layers of {WIDTH} units see 500 images before training: \
             the activations of each layer and the gradient of the first layer’s weights (128 \
             images). Then each is trained with SGD, η = 0.1, batches of 64, for {epochs} epochs."
        ),
        ..Outcome::default()
    };
    before(&mut outcome, &looks);
    after(&mut outcome, &variants);
    let accuracy = |kind: usize, start: usize| {
        percent(variants[STARTS.len() * kind + start].accuracy().mean())
    };
    outcome.key = format!(
        "accuracy, σ 0.01 / σ 1 / Xavier / He: {}",
        KINDS
            .iter()
            .enumerate()
            .map(|(k, (name, _))| format!(
                "{name} {}",
                [0, 1, 2, 3].map(|s| accuracy(k, s)).join(" / ")
            ))
            .collect::<Vec<_>>()
            .join("; "),
    );
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        outcome.figures.push(histograms(name, &looks[STARTS.len() * kind..][..STARTS.len()]));
    }
    outcome.figures.push(training_figure(&variants, lab.images.classes));
    outcome.tables.push(numbers(&looks, &variants));
    Ok(outcome)
}

/// The parts about untrained networks.
fn before(outcome: &mut Outcome, looks: &[Look]) {
    let at = |kind: usize, start: usize| &looks[STARTS.len() * kind + start];
    for (kind, name) in [(SIGMOID, "sigmoid"), (TANH, "tanh")] {
        let share = &at(kind, SMALL).near_zero;
        outcome.part(
            &format!("σ = 0.01 gathers activations near 0 ({name})"),
            format!(
                "within 0.05 of 0: {}; root mean square {}",
                percent_spread(share),
                number(at(kind, SMALL).size.mean())
            ),
            "more than 90 % of the last hidden layer within 0.05 of 0",
            Verdict::above(share, 0.9),
        );
    }
    let ends = &at(SIGMOID, LARGE).at_ends;
    outcome.part(
        "σ = 1 saturates sigmoid at 0 and 1",
        format!("within 0.05 of 0 or 1: {}", percent_spread(ends)),
        "more than half of the last hidden layer within 0.05 of 0 or 1",
        Verdict::above(ends, 0.5),
    );
    for (start, name) in [(SMALL, "σ = 0.01"), (LARGE, "σ = 1")] {
        let (here, xavier) = (&at(SIGMOID, start).gradient, &at(SIGMOID, XAVIER).gradient);
        let ratio =
            Sample::new(here.values().iter().zip(xavier.values()).map(|(a, b)| (a / b).log10()));
        outcome.part(
            &format!("{name} makes gradients small (sigmoid)"),
            format!(
                "first layer {}, with Xavier {}",
                scientific(here.mean()),
                scientific(xavier.mean())
            ),
            "below a tenth of the gradient with Xavier",
            Verdict::below(&ratio, -1.0),
        );
    }
    let (halved, kept) = (&at(RELU, XAVIER).kept, &at(RELU, HE).kept);
    outcome.part(
        "Xavier halves the variance in every ReLU layer",
        format!(
            "mean square of layer {LAYERS} over layer 1: {} (halving: {})",
            spread(halved),
            number(0.5f64.powi(LAYERS as i32 - 1))
        ),
        "below a quarter over four layers",
        Verdict::below(halved, 0.25),
    );
    outcome.part(
        "He keeps it",
        format!("mean square of layer {LAYERS} over layer 1: {}", spread(kept)),
        "within a factor of two over four layers",
        Verdict::below(&kept.map(|k| k.log2().abs()), 1.0),
    );
}

/// The parts about trained networks.
fn after(outcome: &mut Outcome, variants: &[Variant]) {
    let accuracy = |kind: usize, start: usize| variants[STARTS.len() * kind + start].accuracy();
    let pairs = [
        (TANH, XAVIER, SMALL, "Xavier trains tanh better than σ = 0.01"),
        (TANH, XAVIER, LARGE, "Xavier trains tanh better than σ = 1"),
        (SIGMOID, XAVIER, SMALL, "Xavier trains sigmoid better than σ = 0.01"),
        (RELU, HE, SMALL, "He trains ReLU better than σ = 0.01"),
        (RELU, HE, LARGE, "He trains ReLU better than σ = 1"),
        (RELU, HE, XAVIER, "He trains ReLU better than Xavier"),
    ];
    for (kind, good, bad, claim) in pairs {
        let gain = accuracy(kind, good).minus(&accuracy(kind, bad));
        outcome.part(
            claim,
            format!(
                "{} against {}; difference {}",
                percent_spread(&accuracy(kind, good)),
                percent_spread(&accuracy(kind, bad)),
                points_interval(&gain)
            ),
            "difference in test accuracy, seed by seed, above 0",
            Verdict::above(&gain, 0.0),
        );
    }
}

fn histograms(name: &str, looks: &[Look]) -> Figure {
    let mut panels = Vec::new();
    for ((start, _), look) in STARTS.iter().zip(looks) {
        for (layer, values) in look.layers.iter().enumerate() {
            let (low, high) = match name {
                "sigmoid" => (0.0, 1.0),
                "tanh" => (-1.0, 1.0),
                _ => (0.0, values.iter().fold(1e-6f64, |m, &a| m.max(f64::from(a)))),
            };
            let title = format!("{start} · layer {}", layer + 1);
            let bars = bars(values, low, high);
            let top = bars.iter().fold(1e-3f64, |top, bar| top.max(bar.2));
            let x = Axis::linear("").between(low, high);
            panels.push(
                Panel::new(
                    title,
                    x,
                    Axis::linear(if layer == 0 { "share" } else { "" }).between(0.0, 1.3 * top),
                )
                .with(Mark::Bars {
                    color: if name == "ReLU" { 2 } else { usize::from(name == "tanh") },
                    bars,
                })
                .with(Mark::Note(format!("rms {}", number(rms(values))))),
            );
        }
    }
    Figure::new(
        &format!("Activations with {name}"),
        "Each row a way to initialize, each column a hidden layer: the share of activations in \
         each bin, before any training, first seed; rms is the root mean square. Axes differ.",
        &Grid { columns: LAYERS, height: 148.0, legend: &[] },
        &panels,
    )
}

fn rms(values: &[f32]) -> f64 {
    (values.iter().map(|&a| f64::from(a).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

fn bars(values: &[f32], low: f64, high: f64) -> Vec<(f64, f64, f64)> {
    let mut counts = [0usize; BINS];
    for &value in values {
        let at = (f64::from(value) - low) / (high - low) * BINS as f64;
        counts[(at.max(0.0) as usize).min(BINS - 1)] += 1;
    }
    let edge = |i: usize| low + (high - low) * i as f64 / BINS as f64;
    counts
        .iter()
        .enumerate()
        .map(|(i, &n)| (edge(i), edge(i + 1), n as f64 / values.len() as f64))
        .collect()
}

fn training_figure(variants: &[Variant], classes: usize) -> Figure {
    let mut panels = Vec::new();
    for ((name, _), variants) in KINDS.iter().zip(variants.chunks(STARTS.len())) {
        let y = Axis::linear("test accuracy").between(0.0, 1.0);
        let mut panel = Panel::new(*name, Axis::count("epoch"), y);
        for (i, variant) in variants.iter().enumerate() {
            panel =
                panel.spread(i, variant.curve(|e| e.test_accuracy).iter().map(|(x, s)| (*x, s)));
        }
        panels.push(panel.with(Mark::Across(1.0 / classes.max(1) as f64, "chance".into())));
    }
    Figure::new(
        "Training from each start",
        "Mean over seeds, band ± one standard deviation.",
        &Grid { columns: 3, height: 280.0, legend: &STARTS.map(|(name, _)| name) },
        &panels,
    )
}

fn numbers(looks: &[Look], variants: &[Variant]) -> Table {
    let head = [
        "network",
        "rms of layer 5",
        "layer 5 over layer 1 (mean square)",
        "gradient of layer 1",
        "test accuracy",
        "diverged",
    ];
    let mut table =
        Table::new("Before and after training, mean ± standard deviation over seeds", &head);
    for (look, variant) in looks.iter().zip(variants) {
        table.row([
            variant.name.to_string(),
            number(look.size.mean()),
            number(look.kept.mean()),
            scientific(look.gradient.mean()),
            percent_spread(&variant.accuracy()),
            format!("{} of {}", variant.diverged, variant.histories.len()),
        ]);
    }
    table
}
