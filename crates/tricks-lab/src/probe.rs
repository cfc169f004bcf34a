//! A look into an untrained network: one batch, forward and backward.

use crate::data::{Images, labels};
use crate::recipe::{Model, Recipe};
use tricks_net::data::{Batch, DataSource as _};
use tricks_net::inspect::{Report, inspect};
use tricks_net::losses::{Loss as _, SoftmaxCrossEntropy};
use tricks_tensor::{Noise, Result};

/// The network of a seed, and what it makes of the first `samples` images, forward and backward.
///
/// # Errors
/// A recipe that cannot be.
fn probe(recipe: &Recipe, images: &Images, seed: u64, samples: usize) -> Result<(Model, Report)> {
    let mut net = recipe.build(images.inputs, images.classes, seed)?;
    let samples: Vec<usize> = (0..samples.min(labels(&images.train).len())).collect();
    let mut batch = Batch::new();
    images.train.fill(&samples, &mut batch)?;
    let (x, target) = (batch.x(), batch.target());
    let loss = SoftmaxCrossEntropy::default();
    let report =
        inspect(&mut net, &x, Noise::new(seed).pass(0), |y, dy| loss.gradient(y, target, dy))?;
    Ok((net, report))
}

/// What the network of a seed makes of 128 images.
///
/// # Errors
/// As [`Recipe::build`].
pub(crate) fn report(recipe: &Recipe, images: &Images, seed: u64) -> Result<Report> {
    Ok(probe(recipe, images, seed, 128)?.1)
}

/// The root mean square of the loss's gradient by each layer's weights, the output layer last.
///
/// # Errors
/// As [`report`].
pub(crate) fn weight_gradients(recipe: &Recipe, images: &Images, seed: u64) -> Result<Vec<f64>> {
    let report = report(recipe, images, seed)?;
    let weights = report.layers.iter().flat_map(|layer| &layer.weights);
    Ok(weights.filter_map(|weight| Some(weight.gradient?.rms())).collect())
}

/// The outputs of the hidden activations, layer by layer.
///
/// # Errors
/// As [`report`].
pub(crate) fn activations(recipe: &Recipe, images: &Images, seed: u64) -> Result<Vec<Vec<f32>>> {
    let (net, _) = probe(recipe, images, seed, 500)?;
    let each = recipe.layers_per_hidden();
    let hidden = net.layer.activations().enumerate().filter(|(i, _)| i % each == each - 1);
    Ok(hidden.map(|(_, a)| a.iter().copied().collect()).collect())
}
