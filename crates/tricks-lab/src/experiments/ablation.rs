//! The standard configuration against leaving each of its parts out.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{percent_spread, points_interval, spread};
use crate::plot::{Axis, Figure, Grid, Mark, Panel};
use crate::recipe::{Activation, Recipe, small};
use crate::variants::{Variant, curves, train_all};
use crate::verdict::Verdict;
use tricks_optim::Sgd;
use tricks_tensor::Result;

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "ablation",
    title: "What each part of the standard configuration is worth",
    section: "summary, practical guide",
    claim: "The standard configuration needs all its parts: ReLU, He initialization, Adam with η \
        0.001, batch normalization, dropout 0.5, a cosine schedule.",
    run,
};

const FULL: &str = "standard";

/// `(name, part left out, recipe)`
fn recipes(epochs: usize) -> Vec<(&'static str, &'static str, Recipe)> {
    let all = Recipe::standard(epochs);
    let with = |change: fn(&mut Recipe)| {
        let mut recipe = all.clone();
        change(&mut recipe);
        recipe
    };
    vec![
        (FULL, "", all.clone()),
        ("He → σ = 0.01", "He initialization", with(|r| r.init = small)),
        ("ReLU → sigmoid", "ReLU", with(|r| r.activation = Activation::Sigmoid)),
        ("no batch normalization", "batch normalization", with(|r| r.batch_norm = false)),
        ("no dropout", "dropout", with(|r| r.dropout = 0.0)),
        (
            "Adam → SGD, η 0.01",
            "Adam",
            with(|r| {
                r.rule = || Box::new(Sgd);
                r.lr = 0.01;
            }),
        ),
        ("no schedule", "the cosine schedule", with(|r| r.schedule = |lr, _| Box::new(lr))),
    ]
}

fn run(lab: &Lab) -> Result<Outcome> {
    let recipes = recipes(lab.profile.epochs(20));
    let list: Vec<_> = recipes.iter().map(|(name, _, recipe)| (*name, recipe.clone())).collect();
    let variants = train_all(lab, EXPERIMENT.name, &list)?;
    let full = &variants[0];

    let mut outcome = Outcome {
        measured: format!(
            "The standard configuration is trained for {} epochs, and again with one part replaced \
             by what came before it, everything else equal: the same seeds, first weights and \
             order of data. The loss in test accuracy is taken seed by seed.",
            recipes[0].2.epochs
        ),
        ..Outcome::default()
    };
    let mut costs = Vec::new();
    for ((_, part, _), variant) in recipes.iter().zip(&variants).skip(1) {
        let cost = full.accuracy().minus(&variant.accuracy());
        outcome.part(
            &format!("{part} is needed"),
            format!(
                "{} against {}; loss without it {}",
                percent_spread(&full.accuracy()),
                percent_spread(&variant.accuracy()),
                points_interval(&cost)
            ),
            "test accuracy lost without it, seed by seed, above 0",
            Verdict::above(&cost, 0.0),
        );
        costs.push((*part, cost));
    }
    let worst = costs.iter().max_by(|a, b| a.1.mean().total_cmp(&b.1.mean()));
    let least = costs.iter().min_by(|a, b| a.1.mean().total_cmp(&b.1.mean()));
    if let (Some((worst, w)), Some((least, l))) = (worst, least) {
        let points = |x: f64| format!("{:+.1} points", -100.0 * x).replace('-', "−");
        outcome.key = format!(
            "standard {}; without {worst} {}; without {least} {}",
            percent_spread(&full.accuracy()),
            points(w.mean()),
            points(l.mean()),
        );
    }
    outcome.figures = vec![costs_figure(&variants), training(&variants)];
    outcome.tables = vec![numbers(&variants)];
    Ok(outcome)
}

fn costs_figure(variants: &[Variant]) -> Figure {
    let names: Vec<_> = variants.iter().rev().map(|v| v.name).collect();
    let mut panel = Panel::new("", Axis::linear("test accuracy (%)"), Axis::names("", names));
    for (row, variant) in variants.iter().rev().enumerate() {
        let percent = variant.accuracy().map(|x| 100.0 * x);
        let (low, high) = percent.interval();
        let color = if variant.name == FULL { 2 } else { 0 };
        panel =
            panel.with(Mark::Whisker { color, y: row as f64, low, middle: percent.mean(), high });
    }
    Figure::new(
        "Test accuracy with one part left out",
        "Dots are means over seeds, whiskers the 95 % interval of the mean.",
        &Grid { columns: 1, height: 330.0, legend: &[] },
        &[panel],
    )
}

fn training(variants: &[Variant]) -> Figure {
    let names: Vec<_> = variants.iter().map(|v| v.name).collect();
    Figure::new(
        "Training without each part",
        "Mean over seeds, band ± one standard deviation. Training loss is that of the training \
         passes, dropout included.",
        &Grid { columns: 2, height: 340.0, legend: &names },
        &curves(variants),
    )
}

fn numbers(variants: &[Variant]) -> Table {
    let mut table = Table::new(
        "Mean ± standard deviation over seeds",
        &["configuration", "test accuracy", "test loss", "training loss"],
    );
    for variant in variants {
        table.row([
            variant.name.to_string(),
            percent_spread(&variant.accuracy()),
            spread(&variant.last(|e| e.test_loss)),
            spread(&variant.last(|e| e.train_loss)),
        ]);
    }
    table
}
