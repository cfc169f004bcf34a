use super::{Pending, Transform, refuse_rows};
use tricks_tensor::{Float, Grad, Parameters, Path, Place, Result, hyper, kernel};

/// Adaptive gradient clipping: by the size of the weights, unit by unit.
///
/// # Formula
/// ```text
/// g_u ← g_u · min(1, c max(‖θ_u‖, ε) / ‖g_u‖)     for each unit u of each parameter
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `clipping` | c | 0.01 | > 0 |
/// | `eps` | ε | 1e-3 | > 0 |
/// | `units` | | `Rows` | |
///
/// A unit is one output: a row in `[out, in, …]`, a column in `[in, out]`. A vector, or a parameter
/// with one dimension that is not 1, is one unit.
///
/// # Notes
/// timm's layout is `Rows`, Optax' `Columns`. A gradient of 0 or one that is not finite stays.
///
/// # Source
/// Brock, De, Smith, Simonyan: *High-performance large-scale image recognition without
/// normalization*, ICML 2021, equation 3.
///
/// # Example
/// ```
/// use tricks_optim::{AdaptiveClip, Pending, Transform};
/// // A weight of norm 5: its gradient may have a hundredth of that.
/// let (mut w, mut dw) = ([3.0f64, 4.0], [0.6, 0.8]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let _ = AdaptiveClip::default().apply(&mut params, Pending::NONE)?;
/// assert!((dw[0] - 0.03).abs() < 1e-12 && (dw[1] - 0.04).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaptiveClip {
    /// The largest ratio of a gradient's norm to its weight's, c.
    pub clipping: f64,
    /// The least a weight's norm is taken for, ε.
    pub eps: f64,
    /// What a unit is.
    pub units: Units,
}

/// Which numbers of a parameter belong to one output.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Units {
    /// Those of one index of the first dimension: `[out, in, …]`.
    #[default]
    Rows,
    /// Those that differ in the first dimension alone; for four dimensions, in all but the last:
    /// `[in, out]`, `[k, k, in, out]`.
    Columns,
}

impl Default for AdaptiveClip {
    fn default() -> Self {
        Self { clipping: 0.01, eps: 1e-3, units: Units::Rows }
    }
}

impl<F: Float> Transform<F> for AdaptiveClip {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        hyper::positive("AdaptiveClip", "clipping", self.clipping)?;
        hyper::positive("AdaptiveClip", "eps", self.eps)?;
        refuse_rows("AdaptiveClip", params)?;
        params.visit(&Path::ROOT, &mut |place, param| {
            if let Grad::Dense(grad) = param.grad {
                self.clip(&place, param.value, grad, pending.factor().abs());
            }
        });
        Ok(pending)
    }
}

/// Columns that are summed at a time.
const COLUMNS: usize = 64;

impl AdaptiveClip {
    fn clip<F: Float>(&self, place: &Place<'_>, weight: &[F], grad: &mut [F], factor: f64) {
        let shape = place.shape;
        let dimensions = shape.iter().filter(|n| **n != 1).count();
        let one = dimensions <= 1 || grad.is_empty();
        let (rows, columns) = match (one, self.units) {
            (true, _) => (1, grad.len()),
            (false, Units::Rows) => (shape[0], grad.len() / shape[0]),
            (false, Units::Columns) => {
                let kept: usize = shape[if shape.len() == 4 { 3 } else { 1 }..].iter().product();
                (grad.len() / kept, kept)
            }
        };
        if one || self.units == Units::Rows {
            for (w, g) in
                weight.chunks_exact(columns.max(1)).zip(grad.chunks_exact_mut(columns.max(1)))
            {
                let ratio = self.ratio(kernel::sum_squares(w), kernel::sum_squares(g), factor);
                g.iter_mut().for_each(|g| *g *= F::of(ratio));
            }
            return;
        }
        for first in (0..columns).step_by(COLUMNS) {
            let width = COLUMNS.min(columns - first);
            let row = |r: usize| r * columns + first..r * columns + first + width;
            let (mut of_weight, mut of_grad) = ([0.0; COLUMNS], [0.0; COLUMNS]);
            for r in 0..rows {
                let add = |sums: &mut [f64; COLUMNS], x: &[F]| {
                    let squares = x.iter().map(|x| x.widen() * x.widen());
                    sums.iter_mut().zip(squares).for_each(|(sum, square)| *sum += square);
                };
                add(&mut of_weight, &weight[row(r)]);
                add(&mut of_grad, &grad[row(r)]);
            }
            let mut ratios = [F::one(); COLUMNS];
            for (c, ratio) in ratios.iter_mut().enumerate().take(width) {
                *ratio = F::of(self.ratio(of_weight[c], of_grad[c], factor));
            }
            for r in 0..rows {
                grad[row(r)].iter_mut().zip(ratios).for_each(|(g, ratio)| *g *= ratio);
            }
        }
    }

    /// The factor on a unit's gradient, from sums of squares.
    fn ratio(&self, weight: f64, grad: f64, factor: f64) -> f64 {
        let (limit, norm) = (self.clipping * weight.sqrt().max(self.eps), factor * grad.sqrt());
        if norm > limit && norm.is_finite() { limit / norm } else { 1.0 }
    }
}
