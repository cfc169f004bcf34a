//! Recipes side by side: each trained with every seed.

use crate::experiment::Lab;
use crate::plot::{Axis, Panel};
use crate::recipe::Recipe;
use crate::stats::Sample;
use crate::training::{Epoch, Trial};
use rayon::prelude::*;
use tricks_tensor::Result;

/// One recipe, trained with every seed.
pub(crate) struct Variant {
    /// Its name in figures and tables.
    pub(crate) name: &'static str,
    /// `[seed][epoch]`
    pub(crate) histories: Vec<Vec<Epoch>>,
    /// How many seeds diverged.
    pub(crate) diverged: usize,
}

impl Variant {
    /// A quantity at the end, for each seed.
    pub(crate) fn last(&self, pick: impl Fn(&Epoch) -> f64) -> Sample {
        Sample::new(self.histories.iter().map(|h| h.last().map_or(f64::NAN, &pick)))
    }

    /// The test accuracy at the end, for each seed.
    pub(crate) fn accuracy(&self) -> Sample {
        self.last(|e| e.test_accuracy)
    }

    /// A quantity after each epoch, for each seed; epochs count from 1.
    pub(crate) fn curve(&self, pick: impl Fn(&Epoch) -> f64) -> Vec<(f64, Sample)> {
        let epochs = self.histories.iter().map(Vec::len).min().unwrap_or(0);
        (0..epochs)
            .map(|i| ((i + 1) as f64, Sample::new(self.histories.iter().map(|h| pick(&h[i])))))
            .collect()
    }
}

/// Test accuracy and training loss over epochs, a band for each variant.
pub(crate) fn curves(variants: &[Variant]) -> [Panel; 2] {
    let mut accuracy =
        Panel::new("Test accuracy", Axis::count("epoch"), Axis::linear("fraction right"));
    let mut loss =
        Panel::new("Training loss", Axis::count("epoch"), Axis::log("cross-entropy (nats)"));
    for (i, variant) in variants.iter().enumerate() {
        accuracy =
            accuracy.spread(i, variant.curve(|e| e.test_accuracy).iter().map(|(x, s)| (*x, s)));
        loss = loss.spread(i, variant.curve(|e| e.train_loss).iter().map(|(x, s)| (*x, s)));
    }
    [accuracy, loss]
}

/// Trains every recipe with every seed, side by side.
///
/// # Errors
/// The first run's that fails.
pub(crate) fn train_all(
    lab: &Lab,
    experiment: &str,
    recipes: &[(&'static str, Recipe)],
) -> Result<Vec<Variant>> {
    let seeds = lab.profile.seeds();
    let mut trials = Vec::new();
    for (name, recipe) in recipes {
        for &seed in &seeds {
            trials.push((*name, seed, Trial::new(lab, recipe, seed)?));
        }
    }
    let finished = trials
        .into_par_iter()
        .map(|(name, seed, mut trial)| {
            while !trial.done() {
                let epoch = trial.epoch(&mut [])?;
                lab.metrics.write(experiment, name, seed, trial.epochs(), &epoch)?;
            }
            Ok((trial.history().to_vec(), trial.diverged))
        })
        .collect::<Result<Vec<_>>>()?;
    let variants = recipes.iter().zip(finished.chunks(seeds.len()));
    Ok(variants
        .map(|((name, _), runs)| Variant {
            name,
            histories: runs.iter().map(|(history, _)| history.clone()).collect(),
            diverged: runs.iter().filter(|(_, diverged)| *diverged).count(),
        })
        .collect())
}
