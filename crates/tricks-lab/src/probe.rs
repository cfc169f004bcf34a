//! A look into an untrained network: one batch, forward and backward.

use crate::data::{Images, labels};
use crate::recipe::{Model, Recipe};
use tricks_net::data::{Batch, DataSource as _};
use tricks_net::losses::{Loss as _, SoftmaxCrossEntropy};
use tricks_tensor::{Grad, Noise, ParamKind, Parameters as _, Path, Result};

/// The network of a seed after one forward and backward pass over the first `samples` images.
///
/// # Errors
/// A recipe that cannot be.
pub(crate) fn probe(recipe: &Recipe, images: &Images, seed: u64, samples: usize) -> Result<Model> {
    let mut net = recipe.build(images.inputs, images.classes, seed)?;
    let samples: Vec<usize> = (0..samples.min(labels(&images.train).len())).collect();
    let mut batch = Batch::new();
    images.train.fill(&samples, &mut batch)?;
    let (x, target) = (batch.x(), batch.target());
    let pass = net.forward_train(&x, Noise::new(seed).pass(0))?;
    pass.backward(|y, dy| SoftmaxCrossEntropy::default().gradient(y, target, dy))?;
    Ok(net)
}

/// The root mean square of the loss's gradient by each layer's weights, the output layer last.
///
/// # Errors
/// As [`probe`].
pub(crate) fn weight_gradients(recipe: &Recipe, images: &Images, seed: u64) -> Result<Vec<f64>> {
    let mut net = probe(recipe, images, seed, 128)?;
    let mut norms = Vec::new();
    net.visit(&Path::ROOT, &mut |place, param| {
        if let (ParamKind::Weight, Grad::Dense(grad)) = (place.kind, param.grad) {
            let squares: f64 = grad.iter().map(|&g| f64::from(g) * f64::from(g)).sum();
            norms.push((squares / grad.len() as f64).sqrt());
        }
    });
    Ok(norms)
}

/// The outputs of the hidden activations, layer by layer.
///
/// # Errors
/// As [`probe`].
pub(crate) fn activations(recipe: &Recipe, images: &Images, seed: u64) -> Result<Vec<Vec<f32>>> {
    let net = probe(recipe, images, seed, 500)?;
    let each = recipe.layers_per_hidden();
    let hidden = net.layer.activations().enumerate().filter(|(i, _)| i % each == each - 1);
    Ok(hidden.map(|(_, a)| a.iter().copied().collect()).collect())
}
