//! Backward passes held to central differences, in `f64`.

use crate::{Error, Grad, Layer, Mode, Noise, Parameters, Path, Result};
use ndarray::{ArrayD, IxDyn};

/// How far analytic gradients are from measured ones.
#[derive(Clone, Debug)]
pub struct Report {
    /// The largest `|analytic − measured| / max(1, |analytic|, |measured|)`.
    pub worst: f64,
    /// Where: `input[3]`, `weight[0]`.
    pub at: String,
}

/// Checks `dx` and every parameter gradient of a layer on the loss `Σ u·y` with a random `u`.
///
/// `h` is 1e-5: a central difference is off by about h² plus 1e-16/h. Inputs closer than `h` to a
/// kink (ReLU at 0) are measured wrong; choose others.
///
/// # Errors
/// What the layer says.
pub fn layer(
    layer: &mut impl Layer<f64>,
    x: &ArrayD<f64>,
    mode: Mode,
    noise: Noise,
) -> Result<Report> {
    let shape = layer.output_shape(x.shape())?;
    let mut u = ArrayD::zeros(shape.clone());
    let flat = u.as_slice_mut().expect("just allocated");
    noise.fill_uniform(0, flat);
    flat.iter_mut().for_each(|u| *u = 2.0 * *u - 1.0);

    let mut y = ArrayD::zeros(shape);
    let mut dx = ArrayD::zeros(IxDyn(x.shape()));
    layer.forward(x.view(), y.view_mut(), mode)?;
    layer.backward(x.view(), y.view(), u.view(), Some(dx.view_mut()), mode)?;
    let grads = gradients(layer);

    let mut loss = |layer: &mut _, x: &ArrayD<f64>| -> Result<f64> {
        Layer::forward(layer, x.view(), y.view_mut(), mode)?;
        Ok((&u * &y).sum())
    };
    let mut report = Report { worst: 0.0, at: "nothing".into() };
    let mut shifted = x.clone();
    for (i, &analytic) in dx.iter().enumerate() {
        let mut moved = |d| {
            shifted.clone_from(x);
            *shifted.iter_mut().nth(i).expect("as many inputs as gradients") += d;
            loss(layer, &shifted)
        };
        let (up, down) = (moved(H)?, moved(-H)?);
        report.note(analytic, (up - down) / (2.0 * H), || format!("input[{i}]"));
    }
    for (p, (name, grad)) in grads.iter().enumerate() {
        for (i, &analytic) in grad.iter().enumerate() {
            let kept = nudge(layer, p, i, |value| value + H);
            let up = loss(layer, x)?;
            nudge(layer, p, i, |_| kept - H);
            let down = loss(layer, x)?;
            nudge(layer, p, i, |_| kept);
            report.note(analytic, (up - down) / (2.0 * H), || format!("{name}[{i}]"));
        }
    }
    Ok(report)
}

const H: f64 = 1e-5;

impl Report {
    fn note(&mut self, analytic: f64, measured: f64, at: impl FnOnce() -> String) {
        let off = (analytic - measured).abs() / analytic.abs().max(measured.abs()).max(1.0);
        // A NaN must not slip through a comparison.
        if off > self.worst || off.is_nan() {
            *self = Self { worst: off, at: at() };
        }
    }

    /// This report, or an error if it is worse than `limit`.
    ///
    /// # Errors
    /// The place and the number.
    pub fn within(self, limit: f64) -> Result<Self> {
        if self.worst <= limit {
            return Ok(self);
        }
        let message = format!("{} is off by {:.1e}, allowed {limit:.1e}", self.at, self.worst);
        Err(Error::invalid("gradient check", message))
    }
}

/// Every parameter with a gradient, in the order of the visit; empty for those without.
fn gradients(params: &mut impl Parameters<f64>) -> Vec<(String, Vec<f64>)> {
    let mut all = Vec::new();
    params.visit(&Path::ROOT, &mut |place, param| {
        let grad = match param.grad {
            Grad::Dense(grad) => grad.to_vec(),
            Grad::Absent => vec![],
        };
        all.push((place.path.to_string(), grad));
    });
    all
}

/// Replaces one number of one parameter; gives the old one.
fn nudge(
    params: &mut impl Parameters<f64>,
    which: usize,
    index: usize,
    f: impl Fn(f64) -> f64,
) -> f64 {
    let (mut n, mut old) = (0, f64::NAN);
    params.visit(&Path::ROOT, &mut |_, param| {
        if n == which {
            old = param.value[index];
            param.value[index] = f(old);
        }
        n += 1;
    });
    old
}
