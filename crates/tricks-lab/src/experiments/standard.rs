//! The chapter's standard configuration, trained, looked at, and resumed after a kill.

use crate::data::labels;
use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{interval, number, percent, percent_spread, spread};
use crate::plot::{Axis, Digit, Figure, Grid, Panel, Style, digits};
use crate::recipe::Recipe;
use crate::stats::Sample;
use crate::training::{Epoch, Trial};
use crate::verdict::Verdict;
use rayon::prelude::*;
use std::fs::File;
use std::path::Path;
use tricks_net::train::JsonLines;
use tricks_tensor::{Entry, Error, Result, StateDict, Values};

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "standard",
    title: "The standard configuration",
    section: "summary, practical guide",
    claim: "ReLU, He initialization, Adam with η 0.001, batch normalization with dropout 0.5 and \
        cosine annealing are a standard configuration that trains a deep network well.",
    run,
};

/// What is kept of a finished run.
struct Done {
    seed: u64,
    history: Vec<Epoch>,
    answers: Vec<usize>,
    fingerprint: u64,
}

fn run(lab: &Lab) -> Result<Outcome> {
    let recipe = Recipe::standard(lab.profile.epochs(20));
    let seeds = lab.profile.seeds();
    let trials =
        seeds.iter().map(|&seed| Trial::new(lab, &recipe, seed)).collect::<Result<Vec<_>>>()?;
    let done = match &lab.checkpoint {
        Some(path) => one_by_one(lab, trials, settings(lab, &recipe, &seeds), path)?,
        None => trials
            .into_par_iter()
            .map(|trial| train(lab, trial, |_| Ok(())))
            .collect::<Result<Vec<_>>>()?,
    };
    for Done { seed, fingerprint, .. } in &done {
        lab.progress.say(&format!("standard     seed {seed}: fingerprint {fingerprint:016x}"));
    }
    Ok(outcome(lab, &recipe, &done))
}

/// To the end, with a line in the log for each update; after each epoch `save` is called.
fn train<'a>(
    lab: &Lab,
    mut trial: Trial<'a>,
    mut save: impl FnMut(&mut Trial<'a>) -> Result<()>,
) -> Result<Done> {
    let seed = trial.run.seed();
    let path = lab.out.join(format!("standard-seed{seed}.jsonl"));
    if trial.epochs() == 0 {
        File::create(&path).map_err(Error::io(&path, "create"))?;
    }
    let mut log = JsonLines::append(path)?;
    while !trial.done() {
        trial.epoch(&mut [&mut log])?;
        save(&mut trial)?;
    }
    for (epoch, at) in (1..).zip(trial.history()) {
        lab.metrics.write(EXPERIMENT.name, "standard", seed, epoch, at)?;
    }
    let (answers, fingerprint) = (trial.answers()?, trial.fingerprint()?);
    Ok(Done { seed, history: trial.history().to_vec(), answers, fingerprint })
}

/// One seed after the other, with the state of each in `path` after every epoch.
fn one_by_one(
    lab: &Lab,
    trials: Vec<Trial<'_>>,
    settings: Entry,
    path: &Path,
) -> Result<Vec<Done>> {
    let mut saved = match path.exists() {
        true => StateDict::load(path)?,
        false => StateDict::new(),
    };
    if !saved.is_empty() && saved.entry("settings") != Some(&settings) {
        let message =
            "it was written with other data, seeds or epochs: choose another file, or remove it";
        return Err(Error::format(path.display(), message));
    }
    saved.insert_entry("settings", settings);
    let mut done = Vec::new();
    for mut trial in trials {
        let seed = trial.run.seed();
        let section = format!("seed{seed}");
        let state = saved.section(&section);
        if !state.is_empty() {
            trial.load_state(&state)?;
            lab.progress
                .say(&format!("standard     seed {seed}: goes on after epoch {}", trial.epochs()));
        }
        done.push(train(lab, trial, |trial| {
            saved.extend(&section, trial.state());
            saved.save(path)
        })?);
    }
    Ok(done)
}

/// What must be the same for a run to go on.
fn settings(lab: &Lab, recipe: &Recipe, seeds: &[u64]) -> Entry {
    let images = &lab.images;
    let sum = |x: &f32| f64::from(*x);
    let pixels: f64 = images.train.x().iter().chain(images.test.x().iter()).map(sum).sum();
    let mut values = vec![recipe.epochs as u64, images.classes as u64, pixels.to_bits()];
    values.extend([labels(&images.train).len() as u64, labels(&images.test).len() as u64]);
    values.extend(seeds);
    Entry { shape: vec![values.len()], values: Values::U64(values) }
}

fn outcome(lab: &Lab, recipe: &Recipe, done: &[Done]) -> Outcome {
    let last = |pick: fn(&Epoch) -> f64| {
        Sample::new(done.iter().map(|d| d.history.last().map_or(f64::NAN, pick)))
    };
    let (accuracy, loss) = (last(|e| e.test_accuracy), last(|e| e.test_loss));
    let first =
        Sample::new(done.iter().map(|d| d.history.first().map_or(f64::NAN, |e| e.test_accuracy)));
    let images = labels(&lab.images.train).len();
    let mut outcome = Outcome {
        measured: format!(
            "A network {}-256-256-{} is trained on {images} images for {} epochs: He normal, batch \
             normalization, ReLU, dropout 0.5, Adam with η 0.001, cosine to 0, batches of {}, \
             pixels divided by 255. It is tested on {} images it has not seen.",
            lab.images.inputs,
            lab.images.classes,
            recipe.epochs,
            recipe.batch,
            labels(&lab.images.test).len(),
        ),
        key: format!("test accuracy {}, test loss {}", percent_spread(&accuracy), spread(&loss)),
        ..Outcome::default()
    };
    outcome.part(
        "it trains well",
        format!("test accuracy {}, interval {}", percent_spread(&accuracy), interval(&accuracy)),
        "mean test accuracy above 90 %",
        Verdict::above(&accuracy, 0.90),
    );
    let gain = accuracy.minus(&first);
    outcome.part(
        "it keeps learning after the first epoch",
        format!("first epoch {}, last {}", percent_spread(&first), percent_spread(&accuracy)),
        "accuracy gained between first and last epoch, seed by seed, above 0",
        Verdict::above(&gain, 0.0),
    );
    outcome.figures.push(curves(done));
    outcome.figures.extend(mistakes(lab, done));
    let mut table = Table::new(
        "Each seed at the end",
        &["seed", "test accuracy", "test loss", "training loss", "fingerprint of the parameters"],
    );
    for d in done {
        if let Some(e) = d.history.last() {
            table.row([
                d.seed.to_string(),
                percent(e.test_accuracy),
                number(e.test_loss),
                number(e.train_loss),
                format!("{:016x}", d.fingerprint),
            ]);
        }
    }
    table.row([
        "mean ± sd".into(),
        percent_spread(&accuracy),
        spread(&loss),
        spread(&last(|e| e.train_loss)),
        "".into(),
    ]);
    outcome.tables = vec![table, confusion(lab, done)];
    outcome
}

fn curves(done: &[Done]) -> Figure {
    let panel = |title, y| Panel::new(title, Axis::count("epoch"), y);
    let mut loss = panel("Loss", Axis::log("cross-entropy (nats)"));
    let mut accuracy = panel("Test accuracy, each seed", Axis::linear("fraction right"));
    let mut lr = panel("Learning rate", Axis::linear("η"));
    let epochs = done.iter().map(|d| d.history.len()).min().unwrap_or(0);
    let curve = |pick: fn(&Epoch) -> f64| -> Vec<(f64, Sample)> {
        (0..epochs)
            .map(|i| ((i + 1) as f64, Sample::new(done.iter().map(|d| pick(&d.history[i])))))
            .collect()
    };
    let (train, test) = (curve(|e| e.train_loss), curve(|e| e.test_loss));
    loss = loss
        .spread(0, train.iter().map(|(x, s)| (*x, s)))
        .spread(1, test.iter().map(|(x, s)| (*x, s)));
    for d in done {
        let points = d.history.iter().enumerate().map(|(i, e)| ((i + 1) as f64, e.test_accuracy));
        accuracy = accuracy.styled(1, Style::Solid, points);
    }
    if let Some(d) = done.first() {
        lr = lr.line(2, d.history.iter().enumerate().map(|(i, e)| ((i + 1) as f64, e.lr)));
    }
    Figure::new(
        "Training",
        "Loss: mean over seeds, band ± one standard deviation. The training loss is that of the \
         training passes, with dropout, so it lies above the loss the same network would have \
         without.",
        &Grid { columns: 3, height: 290.0, legend: &["training", "test", "learning rate"] },
        &[loss, accuracy, lr],
    )
}

/// The test images that most seeds get wrong, the same way.
fn mistakes(lab: &Lab, done: &[Done]) -> Option<Figure> {
    let (x, right) = (lab.images.test.x(), labels(&lab.images.test));
    let pixels = x.as_slice()?;
    let width = (1..=lab.images.inputs).find(|w| w * w == lab.images.inputs)?;
    let wrong = |i: usize| done.iter().filter(|d| d.answers[i] != right[i]).count();
    let mut order: Vec<usize> = (0..right.len()).filter(|&i| wrong(i) > 0).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(wrong(i)));
    order.truncate(20);
    order.sort_unstable();
    let shown: Vec<Digit<'_>> = order
        .iter()
        .map(|&i| {
            let mut said: Vec<_> = done.iter().map(|d| d.answers[i]).collect();
            said.sort_unstable();
            said.dedup();
            let said: Vec<_> = said.iter().map(usize::to_string).collect();
            Digit {
                pixels: &pixels[i * lab.images.inputs..][..lab.images.inputs],
                width,
                label: format!("{} read as {}", right[i], said.join(", ")),
            }
        })
        .collect();
    if shown.is_empty() {
        return None;
    }
    let caption = "Test images that the most seeds get wrong, in the order of the test set: the \
        right digit, and what the seeds read.";
    Some(digits("Misread", caption, &shown))
}

fn confusion(lab: &Lab, done: &[Done]) -> Table {
    let (classes, right) = (lab.images.classes, labels(&lab.images.test));
    let mut count = vec![vec![0usize; classes]; classes];
    for d in done {
        for (&answer, &right) in d.answers.iter().zip(right) {
            count[right][answer] += 1;
        }
    }
    let names: Vec<String> = (0..classes).map(|c| c.to_string()).collect();
    let mut head = vec!["is ↓ read as →"];
    head.extend(names.iter().map(String::as_str));
    head.push("right");
    let mut table = Table::new("Confusion, all seeds together", &head);
    for (class, row) in count.iter().enumerate() {
        let total: usize = row.iter().sum();
        let mut cells = vec![class.to_string()];
        cells.extend(row.iter().map(|&n| if n == 0 { "·".into() } else { n.to_string() }));
        cells.push(if total == 0 {
            "·".into()
        } else {
            percent(row[class] as f64 / total as f64)
        });
        table.row(cells);
    }
    table
}
