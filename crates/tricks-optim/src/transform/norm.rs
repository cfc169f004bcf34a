//! p-norms that neither overflow nor underflow.

use tricks_tensor::{Float, ParamKind, Parameters, Path, kernel, math};

/// What is summed for a p-norm: `Σ |unit·g|ᵖ`, or the largest `|g|` for p = ∞.
#[derive(Clone, Copy)]
pub(crate) struct Power {
    p: f64,
    unit: f64,
}

impl Power {
    pub(crate) fn sum<F: Float>(self, grad: &[F]) -> f64 {
        let Self { p, unit } = self;
        if p == f64::INFINITY {
            grad.iter().fold(0.0, |most, g| max_or_nan(most, g.widen().abs()))
        } else if p == 2.0 && unit == 1.0 {
            kernel::sum_squares(grad)
        } else {
            kernel::sum_blocks(grad, |g| math::pow((unit * g).abs(), p))
        }
    }

    pub(crate) fn add(self, a: f64, b: f64) -> f64 {
        if self.p == f64::INFINITY { max_or_nan(a, b) } else { a + b }
    }
}

/// `(Σ |g|ᵖ)^(1/p)`, of which `total` makes the sum.
///
/// A sum that leaves the range of numbers is made again in units of the largest element.
pub(crate) fn of(p: f64, mut total: impl FnMut(Power) -> f64) -> f64 {
    let root = |sum: f64| match p {
        1.0 | f64::INFINITY => sum,
        2.0 => sum.sqrt(),
        _ => math::pow(sum, 1.0 / p),
    };
    let sum = total(Power { p, unit: 1.0 });
    if sum.is_normal() || sum.is_nan() {
        return root(sum);
    }
    let largest = total(Power { p: f64::INFINITY, unit: 1.0 });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    // A power of two: no digit is lost on the way there and back.
    let unit = f64::from_bits(largest.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE);
    unit * root(total(Power { p, unit: 1.0 / unit }))
}

/// The norm of the gradients of all parameters whose positions `select` says yes to; buffers have
/// none.
pub(crate) fn of_gradients<F: Float>(
    p: f64,
    params: &mut (impl Parameters<F> + ?Sized),
    select: impl Fn(usize) -> bool,
) -> f64 {
    of(p, |power| {
        let (mut total, mut position) = (0.0, 0);
        params.visit(&Path::ROOT, &mut |place, mut param| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            if let (true, Some(grad)) = (select(position), param.grad.values()) {
                total = power.add(total, power.sum(grad));
            }
            position += 1;
        });
        total
    })
}

/// The larger number; NaN, once met, stays.
pub(crate) fn max_or_nan(most: f64, x: f64) -> f64 {
    if x > most || x.is_nan() { x } else { most }
}
