//! The optimizer's averages in 16 and in 8 bits.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{percent_spread, points_interval, spread};
use crate::plot::{Figure, Grid};
use crate::recipe::Recipe;
use crate::variants::{curves, train_all};
use crate::verdict::Verdict;
use tricks_optim::Storage;
use tricks_tensor::Result;

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "storage",
    title: "The optimizer's memory in fewer bits",
    section: "further directions: mixed precision",
    claim: "Numbers of half the precision train as well, and save memory.",
    run,
};

/// `(name, storage, bytes of m and v for each parameter)`; a block of 128 has a scale of 4 bytes.
const STORAGES: [(&str, Storage, f64); 3] = [
    ("32 bits", Storage::Full, 8.0),
    ("bf16", Storage::Bf16, 4.0),
    ("8 bits", Storage::Block8, 2.0 * (1.0 + 4.0 / 128.0)),
];

/// What counts as no loss: half a point of test accuracy.
const TOLERATED: f64 = 0.005;

fn run(lab: &Lab) -> Result<Outcome> {
    let standard = Recipe::standard(lab.profile.epochs(20));
    let recipes = STORAGES.map(|(name, storage, _)| (name, Recipe { storage, ..standard.clone() }));
    let variants = train_all(lab, EXPERIMENT.name, &recipes)?;
    let full = &variants[0];

    let mut outcome = Outcome {
        measured: format!(
            "The standard configuration is trained for {} epochs with Adam's two averages kept in \
             32, 16 and 8 bits: the same seeds, first weights and order of data. Weights and \
             gradients stay in 32 bits. The loss in test accuracy is taken seed by seed.",
            standard.epochs
        ),
        ..Outcome::default()
    };
    let mut key = vec![format!("32 bits {}", percent_spread(&full.accuracy()))];
    for variant in &variants[1..] {
        let cost = full.accuracy().minus(&variant.accuracy());
        outcome.part(
            &format!("{} cost no accuracy", variant.name),
            format!(
                "{} against {}; lost {}",
                percent_spread(&variant.accuracy()),
                percent_spread(&full.accuracy()),
                points_interval(&cost)
            ),
            "test accuracy lost, seed by seed, below half a point",
            Verdict::below(&cost, TOLERATED),
        );
        key.push(format!("{} {}", variant.name, percent_spread(&variant.accuracy())));
    }
    outcome.key = key.join("; ");
    let names: Vec<_> = variants.iter().map(|v| v.name).collect();
    outcome.figures = vec![Figure::new(
        "Training with the averages in fewer bits",
        "Mean over seeds, band ± one standard deviation. Training loss is that of the training \
         passes, dropout included.",
        &Grid { columns: 2, height: 340.0, legend: &names },
        &curves(&variants),
    )];
    let mut table = Table::new(
        "Mean ± standard deviation over seeds",
        &["averages in", "bytes a parameter", "test accuracy", "test loss", "training loss"],
    );
    for ((name, _, bytes), variant) in STORAGES.iter().zip(&variants) {
        table.row([
            name.to_string(),
            format!("{bytes:.2}"),
            percent_spread(&variant.accuracy()),
            spread(&variant.last(|e| e.test_loss)),
            spread(&variant.last(|e| e.train_loss)),
        ]);
    }
    outcome.tables = vec![table];
    Ok(outcome)
}
