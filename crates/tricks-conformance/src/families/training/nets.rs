//! The nets of the cases.

use super::super::masked::Masked;
use crate::{Fields, Run, Stop};
use std::sync::{Arc, Mutex};
use tricks_net::Net;
use tricks_net::layers::{
    AdaptiveAvgPool2d, Conv2d, ConvConfig, Dense, FeedForwardActivation, Flatten, MaxPool2d, ReLU,
    Residual, Sequential, Sigmoid, Tanh,
};
use tricks_net::models::{GptConfig, gpt};
use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
use tricks_tensor::Float;
use tricks_tensor::ndarray::{ArrayD, IxDyn};

/// A net, and where the reference's names are in it.
pub(super) struct Model<F> {
    pub(super) net: Net<F, Sequential<F>>,
    /// `l1` → `layers.0`.
    names: Vec<(String, String)>,
    pub(super) keep: Arc<Mutex<ArrayD<bool>>>,
}

impl<F: Float> Model<F> {
    /// The library's name of a parameter of the reference's.
    pub(super) fn name(&self, theirs: &str) -> Result<String, Stop> {
        let (layer, rest) = theirs.split_once('.').unwrap_or((theirs, ""));
        let found = self.names.iter().find(|(name, _)| name == layer);
        let (_, ours) = found.ok_or_else(|| Stop::Malformed(format!("no layer for {theirs}")))?;
        Ok(if rest.is_empty() { ours.clone() } else { format!("{ours}.{rest}") })
    }
}

/// The net that a text describes.
pub(super) fn model<F: Float>(run: &Run<'_>, initial: &Fields<'_>) -> Result<Model<F>, Stop> {
    const CNN: &str = "Conv3x3-BN-ReLU, residual Conv3x3-BN add ReLU, MaxPool2, AdaptiveAvgPool(2), flatten, Linear";
    const LM: &str = "Embedding + learned position, TransformerEncoderLayer(pre-norm, relu, causal), LayerNorm, Linear";
    match run.hyper.text("net")? {
        CNN => cnn(initial),
        LM => language_model(run, initial),
        text => mlp(run, text, initial),
    }
}

impl<F: Float> Model<F> {
    fn named(net: Sequential<F>, names: &[(&str, &str)]) -> Self {
        let keep = Arc::new(Mutex::new(ArrayD::from_elem(IxDyn(&[]), true)));
        let names = names.iter().map(|(theirs, ours)| (theirs.to_string(), ours.to_string()));
        Self { net: Net::new(net), names: names.collect(), keep }
    }
}

/// The shape of a parameter.
fn shape<const N: usize>(initial: &Fields<'_>, name: &str) -> Result<[usize; N], Stop> {
    let shape = initial.tensor(name)?.shape;
    shape.try_into().map_err(|_| Stop::Malformed(name.into()))
}

fn cnn<F: Float>(initial: &Fields<'_>) -> Result<Model<F>, Stop> {
    let [width, channels, ..] = shape::<4>(initial, "c1.weight")?;
    let [classes, features] = shape(initial, "fc.weight")?;
    let same = ConvConfig { padding: [1; 2], ..ConvConfig::default() };
    let norm = || BatchNorm::new(width, BatchNormConfig::torch());
    let branch = Sequential::new().push(Conv2d::new(width, width, [3; 2], same)?).push(norm()?);
    let net = Sequential::new()
        .push(Conv2d::new(channels, width, [3; 2], same)?)
        .push(norm()?)
        .push(ReLU)
        .push(Residual::new(branch))
        .push(ReLU)
        .push(MaxPool2d::new([2; 2])?)
        .push(AdaptiveAvgPool2d::new([2; 2])?)
        .push(Flatten)
        .push(Dense::new(features, classes));
    let names = [
        ("c1", "layers.0"),
        ("b1", "layers.1"),
        ("c2", "layers.3.layers.0.layers.0"),
        ("b2", "layers.3.layers.0.layers.1"),
        ("fc", "layers.8"),
    ];
    Ok(Model::named(net, &names))
}

fn language_model<F: Float>(run: &Run<'_>, initial: &Fields<'_>) -> Result<Model<F>, Stop> {
    let [vocabulary, d_model] = shape(initial, "emb.weight")?;
    let [max_len, _] = shape(initial, "pos")?;
    run.hyper.only("d_model", d_model)?;
    let config = GptConfig {
        vocabulary,
        max_len,
        d_model,
        num_layers: 1,
        num_heads: run.hyper.count("nhead")? as usize,
        dim_feedforward: run.hyper.count("dim_feedforward")? as usize,
        dropout: 0.0,
        activation: FeedForwardActivation::ReLU,
    };
    let names = [
        ("emb", "layers.0"),
        ("pos", "layers.1.weight"),
        ("enc", "layers.3"),
        ("ln", "layers.4"),
        ("head", "layers.5"),
    ];
    Ok(Model::named(gpt(&config)?, &names))
}

/// Layers such as `Linear-BatchNorm1d-ReLU-Linear`.
fn mlp<F: Float>(run: &Run<'_>, text: &str, initial: &Fields<'_>) -> Result<Model<F>, Stop> {
    let keep = Arc::new(Mutex::new(ArrayD::from_elem(IxDyn(&[]), true)));
    let (mut layers, mut names) = (Sequential::<F>::new(), Vec::new());
    let (mut dense, mut width) = (0, 0);
    for (i, word) in text.split('-').enumerate() {
        layers = match word {
            "Linear" => {
                dense += 1;
                names.push((format!("l{dense}"), format!("layers.{i}")));
                let [outputs, inputs] = shape(initial, &format!("l{dense}.weight"))?;
                width = outputs;
                layers.push(Dense::new(inputs, outputs))
            }
            "BatchNorm1d" => {
                names.push(("bn".into(), format!("layers.{i}")));
                layers.push(BatchNorm::new(width, BatchNormConfig::torch())?)
            }
            "Dropout(mask)" => {
                let dropout = Dropout::new(run.hyper.number("dropout")?)?;
                layers.push(Masked { dropout, keep: keep.clone() })
            }
            "ReLU" | "relu" => layers.push(ReLU),
            "tanh" | "Tanh" => layers.push(Tanh),
            "sigmoid" | "Sigmoid" => layers.push(Sigmoid),
            _ => return Err(Stop::Skip(format!("net {text}"))),
        };
    }
    Ok(Model { net: Net::new(layers), names, keep })
}
