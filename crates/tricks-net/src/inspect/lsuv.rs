use super::leaves::{Around, Watched, keeping_buffers};
use super::spread::Spread;
use crate::Net;
use ndarray::{ArrayBase, ArrayD, ArrayViewD, ArrayViewMutD, Data, Dimension};
use tricks_tensor::{
    Error, Float, Layer, Mode, Noise, ParamKind, Parameters, Path, Result, hyper, ndarray,
};

/// Layer-sequential unit variance: weights scaled by what one batch makes of them.
///
/// # Formula
/// ```text
/// for each layer with a weight W, in the order of the forward pass:
///     y = what the layer makes of the batch, all layers before it being done
///     while |Var(y) − 1| > tolerance:   W ← W / √Var(y)
/// ```
/// `Var` is taken over all numbers of `y`: samples, units and places.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `tolerance` | Tol_var | 0.1 | > 0, finite |
/// | `max_iterations` | T_max | 10 | any |
///
/// # Memory
/// A copy of all weights, until all is done; the activations of a training pass.
///
/// # Notes
/// * The start is what the weights are: the paper's is orthogonal. Only their scale changes, so a
///   start of zeros is refused.
/// * One iteration does it where the bias is zero. What a bias adds to the variance of `y` stays.
/// * Layers are found through [`Layer::visit_layers`], in any nesting of `Sequential`, `Residual`
///   and `Parallel`; all is done in one forward pass. A layer of several weights, such as
///   attention, has no single scale and is left as it is: [`LsuvReport::left`] names it.
/// * The pass is one of training, with this noise for dropout. Biases, scales, embeddings and
///   running statistics stay as they are.
/// * The paper stops in silence after the last iteration; here that is an error.
///
/// # Source
/// Mishkin, Matas: *All you need is a good init*, ICLR 2016, algorithm 1.
///
/// ```
/// use tricks_init::{Layout, Normal, initialize};
/// use tricks_net::inspect::Lsuv;
/// use tricks_net::{Net, models::mlp};
/// use tricks_tensor::{Noise, ndarray::Array2};
///
/// let mut net = Net::new(mlp::<f64>(&[20, 50, 50, 10])?);
/// initialize(&mut net, Layout::OutIn, &Normal { mean: 0.0, std: 0.01 }, Noise::new(1))?;
/// let mut x = Array2::zeros((32, 20));
/// Noise::new(2).fill_uniform(0, x.as_slice_mut().unwrap());
///
/// let report = Lsuv::default().scale(&mut net, &x, Noise::new(3))?;
/// assert_eq!(report.layers[2].weight, "layers.4.weight");
/// assert!(report.layers[2].before < 0.01 && (report.layers[2].after - 1.0).abs() < 1e-12);
/// assert!((net.predict(&x)?.var(0.0) - 1.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lsuv {
    /// How far from 1 a variance may stay.
    pub tolerance: f64,
    /// How often one weight is scaled at most.
    pub max_iterations: usize,
}

/// What [`Lsuv::scale`] did.
#[derive(Clone, Debug, PartialEq)]
pub struct LsuvReport {
    /// The weights, in the order of the forward pass.
    pub layers: Vec<LsuvLayer>,
    /// Paths of layers with several weights, which were left as they are.
    pub left: Vec<String>,
}

/// A weight in a [`LsuvReport`].
#[derive(Clone, Debug, PartialEq)]
pub struct LsuvLayer {
    /// Its name, `layers.0.weight`.
    pub weight: String,
    /// The variance of its layer's output, all layers before it being done.
    pub before: f64,
    /// The same with its new scale.
    pub after: f64,
    /// How often it was scaled.
    pub iterations: usize,
}

const NAME: &str = "Lsuv";

impl Default for Lsuv {
    fn default() -> Self {
        Self { tolerance: 0.1, max_iterations: 10 }
    }
}

impl Lsuv {
    /// Scales the weights of a net by this batch.
    ///
    /// # Errors
    /// A hyper-parameter out of range; a batch the net refuses; an output whose variance is 0, not
    /// finite, or still out of tolerance after all iterations, with the name of the weight. Then no
    /// weight has changed.
    pub fn scale<F: Float, L: Layer<F>, S: Data<Elem = F>, D: Dimension>(
        &self,
        net: &mut Net<F, L>,
        x: &ArrayBase<S, D>,
        noise: Noise,
    ) -> Result<LsuvReport> {
        hyper::positive(NAME, "tolerance", self.tolerance)?;
        let layer = &mut net.layer;
        let x = x.view().into_dyn();
        let x = x.as_standard_layout();
        let mut y = ArrayD::zeros(layer.output_shape(x.shape())?);
        let before = weights(layer);
        let result = keeping_buffers(layer, |layer| {
            let mut watched = Watched::new(layer, |at, layer| Scale::new(*self, at, layer));
            watched.forward(x.view(), y.view_mut(), Mode::Train(noise))?;
            Ok(watched.finish())
        });
        match result {
            Ok(scales) => Ok(report(scales)),
            Err(error) => {
                let mut before = before.into_iter();
                each_weight(layer, |_, value| {
                    value.copy_from_slice(&before.next().unwrap_or_default());
                });
                Err(error)
            }
        }
    }
}

/// Calls `f` with the name and the values of every weight.
fn each_weight<F: Float, P: Parameters<F> + ?Sized>(
    params: &mut P,
    mut f: impl FnMut(&Path<'_>, &mut [F]),
) {
    params.visit(&Path::ROOT, &mut |place, param| {
        if place.kind == ParamKind::Weight {
            f(place.path, param.value);
        }
    });
}

fn weights<F: Float>(layer: &mut impl Layer<F>) -> Vec<Vec<F>> {
    let mut all = Vec::new();
    each_weight(layer, |_, value| all.push(value.to_vec()));
    all
}

fn report(scales: Vec<Scale>) -> LsuvReport {
    let (mut layers, mut left) = (Vec::new(), Vec::new());
    for scale in scales {
        if scale.weights > 1 {
            left.push(scale.path);
        } else {
            layers.extend(scale.done);
        }
    }
    LsuvReport { layers, left }
}

/// Scales the weight of one layer when its input comes by.
#[derive(Debug)]
struct Scale {
    lsuv: Lsuv,
    path: String,
    /// How many weights the layer has, and the name of the last.
    weights: usize,
    weight: String,
    done: Option<LsuvLayer>,
}

impl Scale {
    fn new<F: Float>(lsuv: Lsuv, at: &Path<'_>, layer: &mut dyn Layer<F>) -> Self {
        let (mut weights, mut weight) = (0, String::new());
        layer.visit(at, &mut |place, _| {
            if place.kind == ParamKind::Weight {
                weights += 1;
                weight = place.path.to_string();
            }
        });
        Self { lsuv, path: at.to_string(), weights, weight, done: None }
    }

    /// The variance of an output, if weights can be divided by its root.
    fn variance<F: Float>(&self, y: &ArrayViewD<'_, F>) -> Result<f64> {
        let std = Spread::of_view(y).std;
        let variance = std * std;
        if variance > 0.0 && variance.is_finite() {
            return Ok(variance);
        }
        let name = &self.weight;
        let message =
            format!("{name}: variance of the output is {variance}, must be finite and above 0");
        Err(Error::invalid(NAME, message))
    }
}

impl<F: Float> Around<F> for Scale {
    fn forward(
        &mut self,
        layer: &mut dyn Layer<F>,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        layer.forward(x.view(), y.view_mut(), mode)?;
        if self.weights != 1 {
            return Ok(());
        }
        let before = self.variance(&y.view())?;
        let (mut after, mut iterations) = (before, 0);
        while (after - 1.0).abs() > self.lsuv.tolerance {
            if iterations == self.lsuv.max_iterations {
                let (name, tolerance) = (&self.weight, self.lsuv.tolerance);
                let message = format!(
                    "{name}: variance of the output is {after} after {iterations} iterations, \
                     must be within {tolerance} of 1"
                );
                return Err(Error::invalid(NAME, message));
            }
            let std = after.sqrt();
            each_weight(layer, |_, value| {
                value.iter_mut().for_each(|w| *w = F::of(w.widen() / std));
            });
            layer.forward(x.view(), y.view_mut(), mode)?;
            after = self.variance(&y.view())?;
            iterations += 1;
        }
        let weight = self.weight.clone();
        self.done = Some(LsuvLayer { weight, before, after, iterations });
        Ok(())
    }
}
