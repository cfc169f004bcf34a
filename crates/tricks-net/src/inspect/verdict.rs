use super::activation::initializer;
use super::report::{LayerReport, Signal};
use tricks_init::{Fan, Layout, VarianceScaling};

/// The healthy band of a signal's size.
const BAND: (f64, f64) = (0.1, 10.0);
/// The healthy band of a gradient's size.
const GRADIENT_BAND: (f64, f64) = (0.01, 100.0);
/// The largest healthy share of saturated outputs.
const SATURATED: f64 = 1.0 / 3.0;
/// The largest healthy share of dead units.
const DEAD: f64 = 0.5;
/// A standard deviation this many times another is another.
const OTHER: f64 = 1.25;

/// A layer that leaves the healthy band.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its position in [`Report::layers`](super::Report::layers).
    pub layer: usize,
    /// Its path, `layers.3`.
    pub path: String,
    /// What it is, `Dense`.
    pub name: &'static str,
    /// What is wrong with it.
    pub symptoms: Vec<Symptom>,
    /// What would help.
    pub remedy: Remedy,
}

/// What is wrong with a layer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Symptom {
    /// Its output has a NaN or an infinity in it; no layer before it has.
    NonFinite,
    /// Its output is this many times as large as the input, less than a tenth.
    Vanishing(f64),
    /// Its output is this many times as large as the input, more than ten times.
    Exploding(f64),
    /// This share of the outputs of the activation behind it is saturated, more than a third.
    Saturated(f64),
    /// This share of the units of the activation behind it is dead, more than half.
    Dead(f64),
    /// Its gradient is this many times as large as that of the last hidden layer, less than 1/100.
    VanishingGradient(f64),
    /// Its gradient is this many times as large as that of the last hidden layer, more than 100.
    ExplodingGradient(f64),
}

/// What would help a layer.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// Another initializer of its weight.
    Initializer {
        /// The weight, `layers.3.weight`.
        weight: String,
        /// The standard deviation it has.
        std: f64,
        /// The name of the initializer.
        name: &'static str,
        /// The initializer.
        initializer: VarianceScaling,
        /// The fans of the weight.
        fan: Fan,
    },
    /// Another activation than this one behind it, or a normalization between: the weight has the
    /// right size.
    Activation(&'static str),
    /// The cause is not the size of its weight.
    Elsewhere,
}

/// What is to be changed about a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Larger,
    Smaller,
    Any,
}

impl Symptom {
    fn change(self) -> Change {
        match self {
            Self::Vanishing(_) | Self::VanishingGradient(_) => Change::Larger,
            Self::Exploding(_)
            | Self::Saturated(_)
            | Self::ExplodingGradient(_)
            | Self::NonFinite => Change::Smaller,
            Self::Dead(_) => Change::Any,
        }
    }

    /// Whether it is the layer's own, and not handed on from layer to layer.
    fn is_local(self) -> bool {
        matches!(self, Self::NonFinite | Self::Saturated(_) | Self::Dead(_))
    }

    /// Whether `other` is the same thing elsewhere.
    fn continues(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }

    fn is_backward(self) -> bool {
        matches!(self, Self::VanishingGradient(_) | Self::ExplodingGradient(_))
    }
}

/// What is wrong with these layers.
pub(super) fn findings(layers: &[LayerReport]) -> Vec<Finding> {
    // Behind the first number that is not finite all numbers tell the same.
    let broken = layers.iter().position(|layer| !layer.output.is_finite());
    let until = broken.map_or(layers.len(), |broken| broken + 1);
    let weighted: Vec<_> = layers[..until]
        .iter()
        .enumerate()
        .filter_map(|(i, layer)| {
            let signal = layer.signal.as_ref()?;
            Some((i, signal, symptoms(layers, layer, signal, broken)))
        })
        .collect();
    let mut found = Vec::new();
    for (k, (i, signal, symptoms)) in weighted.iter().enumerate() {
        let begins = |symptom: &Symptom| {
            let source = if symptom.is_backward() { Some(k + 1) } else { k.checked_sub(1) };
            let source = source.and_then(|k| weighted.get(k));
            !source.is_some_and(|(.., before)| before.iter().any(|other| other.continues(*symptom)))
        };
        let remedy = remedy(&layers[*i], signal, symptoms);
        let own = matches!(remedy, Remedy::Initializer { .. });
        if symptoms.iter().any(|symptom| own || symptom.is_local() || begins(symptom)) {
            let (path, name) = (layers[*i].path.clone(), layers[*i].layer);
            found.push(Finding { layer: *i, path, name, symptoms: symptoms.clone(), remedy });
        }
    }
    if let Some(i) = broken.filter(|broken| found.iter().all(|finding| finding.layer != *broken)) {
        let (path, name) = (layers[i].path.clone(), layers[i].layer);
        let symptoms = vec![Symptom::NonFinite];
        found.push(Finding { layer: i, path, name, symptoms, remedy: Remedy::Elsewhere });
    }
    found
}

fn symptoms(
    layers: &[LayerReport],
    layer: &LayerReport,
    signal: &Signal,
    broken: Option<usize>,
) -> Vec<Symptom> {
    if !layer.output.is_finite() {
        return vec![Symptom::NonFinite];
    }
    let activation = signal.ends_at.map(|i| &layers[i]);
    let saturated = activation.and_then(|activation| activation.saturated);
    let dead = activation.and_then(|activation| activation.dead);
    let mut found = Vec::new();
    if signal.forward < BAND.0 {
        found.push(Symptom::Vanishing(signal.forward));
    } else if signal.forward > BAND.1 && saturated.is_none() {
        found.push(Symptom::Exploding(signal.forward));
    }
    found.extend(saturated.filter(|share| *share > SATURATED).map(Symptom::Saturated));
    let dead = dead.map(|dead| dead.share());
    found.extend(dead.filter(|share| *share > DEAD).map(Symptom::Dead));
    // A gradient that went through NaN says nothing.
    if let Some(backward) = signal.backward.filter(|_| broken.is_none()) {
        if backward < GRADIENT_BAND.0 {
            found.push(Symptom::VanishingGradient(backward));
        } else if backward > GRADIENT_BAND.1 {
            found.push(Symptom::ExplodingGradient(backward));
        }
    }
    found
}

fn remedy(layer: &LayerReport, signal: &Signal, symptoms: &[Symptom]) -> Remedy {
    let Some(symptom) = symptoms.first() else { return Remedy::Elsewhere };
    let change = symptom.change();
    let initializer = initializer(signal.activation);
    if let Some(remedy) = other_weights(layer, initializer, change).filter(|_| !signal.normalized) {
        return remedy;
    }
    match signal.activation {
        Some(activation @ ("Sigmoid" | "Hardsigmoid")) if change == Change::Larger => {
            Remedy::Activation(activation)
        }
        _ => Remedy::Elsewhere,
    }
}

/// The initializer of a layer with one weight, if its deviation would change as it must.
fn other_weights(
    layer: &LayerReport,
    (name, initializer): (&'static str, VarianceScaling),
    change: Change,
) -> Option<Remedy> {
    // The weight of a transposed convolution has its inputs first, and its stride decides how many
    // of them an output sees.
    let [weight] = layer.weights.as_slice() else { return None };
    if layer.layer == "ConvTranspose2d" {
        return None;
    }
    let fan = Fan::of(&weight.shape, Layout::OutIn).ok()?;
    let (std, better) = (weight.value.std, initializer.std(fan));
    let (larger, smaller) = (better > OTHER * std, OTHER * better < std);
    let helps = match change {
        Change::Larger => larger,
        Change::Smaller => smaller,
        Change::Any => larger || smaller,
    };
    helps.then(|| Remedy::Initializer { weight: weight.name.clone(), std, name, initializer, fan })
}
