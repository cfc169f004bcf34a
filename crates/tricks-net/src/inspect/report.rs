use super::activation::{is_activation, is_normalization};
use super::leaves::{Watched, keeping_buffers};
use super::look::Look;
use super::spread::Spread;
use super::verdict::{Finding, findings};
use crate::Net;
use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Data, Dimension};
use tricks_tensor::{
    Error, Float, Grad, Layer, Mode, Noise, ParamKind, Parameters, Path, Result, ndarray,
};

/// What a net does with one batch before it is trained. See [`inspect`].
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Every layer that is no container, in the order of the parameters.
    pub layers: Vec<LayerReport>,
    /// Layers that leave the healthy band, with what would bring them back; none for a healthy net.
    pub findings: Vec<Finding>,
}

/// One layer in a [`Report`].
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// Where it is, `layers.0`; empty for a net that is one layer.
    pub path: String,
    /// What it is, `Dense`.
    pub layer: &'static str,
    /// What comes out of it.
    pub output: Spread,
    /// The gradient of the loss with respect to its output; none where no backward pass comes,
    /// in front of the first parameters.
    pub gradient: Option<Spread>,
    /// Its weights: parameters of the kind `Weight`.
    pub weights: Vec<WeightReport>,
    /// Of an activation with two bounds, the share of outputs so near to one of them that the slope
    /// is a tenth of its greatest at most: `|tanh| ≥ 0.949`, sigmoid outside 0.026–0.974.
    pub saturated: Option<f64>,
    /// Of a ReLU, the units that are zero on the whole batch.
    pub dead: Option<DeadUnits>,
    /// Of a layer with weights, what the verdict is on.
    pub signal: Option<Signal>,
}

/// A weight in a [`LayerReport`].
#[derive(Clone, Debug, PartialEq)]
pub struct WeightReport {
    /// Its name, `layers.0.weight`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values.
    pub value: Spread,
    /// Its gradient, if it has one.
    pub gradient: Option<Spread>,
}

/// Units of a ReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadUnits {
    /// How many are zero on the whole batch.
    pub dead: usize,
    /// How many there are: features, or channels behind a convolution.
    pub of: usize,
}

impl DeadUnits {
    /// The share of the dead.
    pub fn share(&self) -> f64 {
        self.dead as f64 / self.of.max(1) as f64
    }
}

/// The size of a weight's signal: of what comes to the activation behind it, past normalization,
/// pooling and dropout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Signal {
    /// The root mean square over that of what the first weight of the net sees; NaN if that is 0.
    pub forward: f64,
    /// The norm of the gradient over that of the last hidden weight, the one in front of the output
    /// layer, if that is not 0; none for the output layer itself. Norms, unlike mean squares, keep
    /// their size under He's rule when layers have different widths.
    pub backward: Option<f64>,
    /// The activation behind the weight.
    pub activation: Option<&'static str>,
    /// Whether a normalization stands between: then the size of the weight does not matter.
    pub normalized: bool,
    /// The row of the activation.
    pub(super) ends_at: Option<usize>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty()
    }

    /// Layers with weights.
    pub fn weighted(&self) -> impl Iterator<Item = (&LayerReport, &Signal)> {
        self.layers.iter().filter_map(|layer| Some((layer, layer.signal.as_ref()?)))
    }
}

/// Sends one batch through a net, forward and backward, and reports what each layer makes of it.
///
/// # Formula
/// ```text
/// forward of a weight:   s = rms(z) / rms(x₁)           z: what the activation behind it sees
/// backward:              b = ‖dz‖ / ‖dzₕ‖               x₁: input of the first weight
/// healthy:               0.1 ≤ s ≤ 10    0.01 ≤ b ≤ 100         h: the last weight but one
///                        at most 1/3 of the outputs of a tanh or sigmoid saturated
///                        at most 1/2 of the units of a ReLU dead
/// ```
/// He's rule keeps `s²` at 2 and `b` at 1 through any number of ReLU layers; Xavier's lets both
/// fall slowly through tanh. What is too small or too large multiplies from layer to layer.
///
/// A [`Finding`] names the layer, what is wrong with it, the standard deviation of its weight, and
/// the one of the initializer made for the activation that follows: He for ReLU and its kin, LeCun
/// for SELU, Xavier for all else. Named are the layers where a signal leaves the band, and those
/// behind them whose own weights would drive it on.
///
/// # Notes
/// * Layers are watched through [`Layer::visit_layers`]: `Sequential`, `Residual` and `Parallel` in
///   any nesting; any other layer, such as a Transformer block, is one row.
/// * Activations are known by the names of this crate's layers. Any other layer counts as one the
///   signal passes through.
/// * An upper limit of `s` is not held against layers in front of saturating activations:
///   saturation is measured itself. `Hardtanh` has no share of saturation, as its bounds are a
///   choice.
/// * Half of the units of the deepest ReLU layers may be dead in a healthy deep net: all samples
///   look the same there.
/// * Gradients are held against those of the last hidden weight, not of the output: a small output
///   layer or an average over places makes all of them smaller alike, and does no harm.
/// * Through batch normalization and ReLU gradients grow by about a fifth a layer towards the
///   input, whatever the weights: from some 25 layers on that is reported, and the weights are not
///   blamed.
/// * Parameters and running statistics stay as they are. Gradients are those of this batch, the
///   mode is training, with this noise.
///
/// # Source
/// Glorot, Bengio: *Understanding the difficulty of training deep feedforward neural networks*,
/// AISTATS 2010, section 4; He, Zhang, Ren, Sun: *Delving deep into rectifiers*, ICCV 2015,
/// section 2.2.
///
/// # Errors
/// A batch without samples; what the net or the loss refuses.
///
/// ```
/// use tricks_init::{Layout, Normal, VarianceScaling, initialize};
/// use tricks_net::inspect::inspect;
/// use tricks_net::losses::{Loss, SoftmaxCrossEntropy};
/// use tricks_net::{Net, models::mlp};
/// use tricks_tensor::{Noise, ndarray::Array2};
///
/// let mut net = Net::new(mlp::<f64>(&[256, 256, 256, 256, 10])?);
/// let mut x = Array2::zeros((64, 256));
/// Noise::new(1).fill_uniform(0, x.as_slice_mut().unwrap());
/// let labels: Vec<usize> = (0..64).map(|i| i % 10).collect();
/// let loss = SoftmaxCrossEntropy::default();
///
/// initialize(&mut net, Layout::OutIn, &Normal { mean: 0.0, std: 0.01 }, Noise::new(2))?;
/// let report = inspect(&mut net, &x, Noise::new(3), |y, dy| loss.gradient(y, &labels, dy))?;
/// let text = report.findings[0].to_string();
/// assert!(text.starts_with("layers.2 (Dense): output vanishes"), "{text}");
/// assert!(text.ends_with("layers.2.weight: std 0.01, He normal for fan_in 256 is 0.088"), "{text}");
///
/// initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(2))?;
/// let report = inspect(&mut net, &x, Noise::new(3), |y, dy| loss.gradient(y, &labels, dy))?;
/// assert!(report.is_healthy(), "{report}");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn inspect<F: Float, L: Layer<F>, S: Data<Elem = F>, D: Dimension, T>(
    net: &mut Net<F, L>,
    x: &ArrayBase<S, D>,
    noise: Noise,
    loss: impl FnOnce(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>) -> Result<T>,
) -> Result<Report> {
    let layer = &mut net.layer;
    let (x, mode) = (x.view().into_dyn(), Mode::Train(noise));
    let x = x.as_standard_layout();
    if x.is_empty() {
        let message = format!("input has shape {:?}, must have numbers in it", x.shape());
        return Err(Error::invalid("inspect", message));
    }
    let mut y = ArrayD::zeros(layer.output_shape(x.shape())?);
    let mut dy = ArrayD::zeros(y.raw_dim());
    let (looks, next) = keeping_buffers(layer, |layer| -> Result<_> {
        let mut channels = false;
        let mut watched = Watched::new(layer, |at, layer| {
            layer.visit(at, &mut |place, _| {
                if place.kind == ParamKind::Weight {
                    channels = place.shape.len() > 2;
                }
            });
            Look::new(at.to_string(), layer.name(), channels)
        });
        watched.forward(x.view(), y.view_mut(), mode)?;
        loss(y.view(), dy.view_mut())?;
        watched.backward(x.view(), y.view(), dy.view(), mode)?;
        let structure = watched.take_structure();
        let looks = watched.finish();
        let next = structure.next(looks.len());
        Ok((looks, next))
    })?;
    let weights = weights(layer);
    let first_input = looks.iter().find(|look| !of_layer(&weights, &look.path).is_empty());
    let reference = first_input.and_then(|look| look.input).map_or(0.0, |input| input.rms());
    let mut layers: Vec<LayerReport> = looks
        .into_iter()
        .filter_map(|look| {
            Some(LayerReport {
                weights: of_layer(&weights, &look.path),
                path: look.path,
                layer: look.name,
                output: look.output?,
                gradient: look.gradient,
                saturated: look.saturated,
                dead: look.dead,
                signal: None,
            })
        })
        .collect();
    let weighted: Vec<usize> =
        (0..layers.len()).filter(|i| !layers[*i].weights.is_empty()).collect();
    let mut signals: Vec<_> =
        weighted.iter().map(|i| signal(&layers, &next, *i, reference)).collect();
    // The output layer is not held against itself, unless it is all there is.
    if let [.., output] = &mut signals[..]
        && weighted.len() > 1
    {
        output.backward = None;
    }
    let hidden = signals.iter().rev().find_map(|signal| signal.backward);
    for signal in &mut signals {
        signal.backward = ratio(signal.backward, hidden);
    }
    for (i, signal) in weighted.into_iter().zip(signals) {
        layers[i].signal = Some(signal);
    }
    let findings = findings(&layers);
    Ok(Report { layers, findings })
}

/// `a / b`, if there are both and `b` is not 0.
fn ratio(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? / b.filter(|b| *b > 0.0)?)
}

/// Follows the output of layer `i` to its activation; `backward` is the norm itself.
fn signal(layers: &[LayerReport], next: &[Option<usize>], i: usize, reference: f64) -> Signal {
    let (mut at, mut normalized, mut ends_at) = (i, is_normalization(layers[i].layer), None);
    while let Some(following) = next[at] {
        let layer = &layers[following];
        if is_activation(layer.layer) {
            ends_at = Some(following);
        }
        if ends_at.is_some() || !layer.weights.is_empty() {
            break;
        }
        normalized |= is_normalization(layer.layer);
        at = following;
    }
    Signal {
        forward: ratio(Some(layers[at].output.rms()), Some(reference)).unwrap_or(f64::NAN),
        backward: layers[at].gradient.map(|gradient| gradient.norm()),
        activation: ends_at.map(|i| layers[i].layer),
        normalized,
        ends_at,
    }
}

/// All weights of a net.
fn weights<F: Float>(layer: &mut impl Parameters<F>) -> Vec<WeightReport> {
    let mut all = Vec::new();
    layer.visit(&Path::ROOT, &mut |place, param| {
        if place.kind == ParamKind::Weight {
            let gradient = match &param.grad {
                Grad::Dense(grad) => Some(Spread::of(grad)),
                _ => None,
            };
            all.push(WeightReport {
                name: place.path.to_string(),
                shape: place.shape.to_vec(),
                value: Spread::of(param.value),
                gradient,
            });
        }
    });
    all
}

/// Those of the layer at `path`.
fn of_layer(weights: &[WeightReport], path: &str) -> Vec<WeightReport> {
    let inside = |name: &str| match path {
        "" => true,
        _ => name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')),
    };
    weights.iter().filter(|weight| inside(&weight.name)).cloned().collect()
}
