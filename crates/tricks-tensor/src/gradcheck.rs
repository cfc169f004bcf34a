//! Backward passes held to central differences, in `f64`.

use crate::{Error, Layer, Mode, Noise, Parameters, Path, Result};
use ndarray::{ArrayD, IxDyn};

/// How far analytic gradients are from measured ones.
#[derive(Clone, Debug)]
pub struct Report {
    /// The largest `|analytic − measured| / max(1, |analytic|, |measured|)`.
    pub worst: f64,
    /// Where: `input[3]`, `weight[0]`.
    pub at: String,
}

/// Which numbers [`some_of`] nudges.
#[derive(Clone, Copy, Debug)]
pub struct Nudged {
    /// Whether the input is nudged; whole numbers, which are indices, cannot be. Default: true.
    pub input: bool,
    /// Of each array, at most so many numbers, drawn at random. Default: all.
    pub at_most: usize,
}

impl Default for Nudged {
    fn default() -> Self {
        Self { input: true, at_most: usize::MAX }
    }
}

/// Checks `dx` and every parameter gradient of a layer on the loss `Σ u·y` with a random `u`.
///
/// Measured is `(8 (f(h) − f(−h)) − f(2h) + f(−2h)) / 12h`, whose error is about `h⁴` and
/// `1e-16/h`; `h` is 2e-6. The plain difference errs by `h²/6` times the third derivative, which is
/// 1e6 where a normalization divides by nearly nothing. Inputs closer than `2h` to a kink (ReLU at
/// 0) are measured wrong; choose others.
///
/// # Errors
/// What the layer says.
pub fn layer(
    layer: &mut impl Layer<f64>,
    x: &ArrayD<f64>,
    mode: Mode,
    noise: Noise,
) -> Result<Report> {
    some_of(Nudged::default(), layer, x, mode, noise)
}

/// The same for some of the numbers: a layer of indices, or a net with too many parameters for all.
///
/// # Errors
/// What the layer says.
pub fn some_of(
    nudged: Nudged,
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
    let dx = dx.into_iter().collect::<Vec<_>>();
    let of_input = if nudged.input { nudged.of(&dx, noise.child(0)) } else { Vec::new() };
    for i in of_input {
        let mut moved = |d| {
            shifted.clone_from(x);
            *shifted.iter_mut().nth(i).expect("as many inputs as gradients") += d;
            loss(layer, &shifted)
        };
        report.note(dx[i], slope(&mut moved)?, || format!("input[{i}]"));
    }
    for (p, (name, grad)) in grads.iter().enumerate() {
        for i in nudged.of(grad, noise.child(p as u64 + 1)) {
            let kept = nudge(layer, p, i, |value| value);
            let measured = slope(&mut |d| {
                nudge(layer, p, i, |_| kept + d);
                loss(layer, x)
            });
            nudge(layer, p, i, |_| kept);
            report.note(grad[i], measured?, || format!("{name}[{i}]"));
        }
    }
    Ok(report)
}

/// The derivative at 0, by central differences of two widths.
fn slope(f: &mut impl FnMut(f64) -> Result<f64>) -> Result<f64> {
    const H: f64 = 2e-6;
    let near = f(H)? - f(-H)?;
    let far = f(2.0 * H)? - f(-2.0 * H)?;
    Ok((8.0 * near - far) / (12.0 * H))
}

impl Nudged {
    /// Which numbers of an array.
    fn of(&self, array: &[f64], noise: Noise) -> Vec<usize> {
        if array.len() <= self.at_most {
            return (0..array.len()).collect();
        }
        let draw = |i| (noise.uniform(i as u64) * array.len() as f64) as usize;
        (0..self.at_most).map(draw).collect()
    }
}

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
        let count = place.shape.first().copied().unwrap_or(1);
        let grad = param.grad.to_dense(count, place.len()).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParamKind, ParamMut, Place};
    use ndarray::{ArrayViewD, ArrayViewMutD, arr1};

    /// y = w x³, with a factor on each gradient: 1 is right.
    struct Cube {
        w: [f64; 1],
        dw: [f64; 1],
        factors: [f64; 2],
    }

    impl Parameters<f64> for Cube {
        fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
            let path = at.name("w");
            let place = Place { path: &path, kind: ParamKind::Weight, shape: &[1] };
            f(place, ParamMut::dense(&mut self.w, &mut self.dw));
        }
    }

    impl Layer<f64> for Cube {
        fn name(&self) -> &'static str {
            "Cube"
        }
        fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
            Ok(IxDyn(x))
        }
        fn forward(
            &mut self,
            x: ArrayViewD<'_, f64>,
            y: ArrayViewMutD<'_, f64>,
            _: Mode,
        ) -> Result<()> {
            self.infer(x, y)
        }
        fn backward(
            &mut self,
            x: ArrayViewD<'_, f64>,
            _: ArrayViewD<'_, f64>,
            dy: ArrayViewD<'_, f64>,
            dx: Option<ArrayViewMutD<'_, f64>>,
            _: Mode,
        ) -> Result<()> {
            let cubes = x.mapv(|x| x * x * x);
            self.dw[0] = self.factors[0] * (&dy * &cubes).sum();
            if let Some(mut dx) = dx {
                dx.assign(&(&dy * &x.mapv(|x| self.factors[1] * 3.0 * self.w[0] * x * x)));
            }
            Ok(())
        }
        fn infer(&self, x: ArrayViewD<'_, f64>, mut y: ArrayViewMutD<'_, f64>) -> Result<()> {
            y.assign(&x.mapv(|x| self.w[0] * x * x * x));
            Ok(())
        }
    }

    #[test]
    fn right_gradients_pass_and_wrong_ones_are_named() {
        let x = arr1(&[0.5, -1.5, 2.0]).into_dyn();
        let check = |factors| {
            let mut cube = Cube { w: [0.7], dw: [0.0], factors };
            layer(&mut cube, &x, Mode::Eval, Noise::new(1)).unwrap().within(1e-6)
        };
        assert!(check([1.0, 1.0]).is_ok());
        let message = check([1.0, 1.001]).unwrap_err().to_string();
        assert!(message.contains("input["), "{message}");
        let message = check([-1.0, 1.0]).unwrap_err().to_string();
        assert!(message.contains("w[0]"), "{message}");
        assert!(check([f64::NAN, 1.0]).is_err());
    }
}
