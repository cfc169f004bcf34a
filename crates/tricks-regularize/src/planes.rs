//! The loops of `columns` for inputs `[rows, features, plane]`: a feature is a plane of numbers in
//! every row.
//!
//! A plane is summed in fixed blocks, and the planes of a feature from the first row to the last:
//! threads share out features when summing and planes when mapping.

use crate::columns::Coefficients;
use tricks_tensor::Float;
use tricks_tensor::kernel::{join, sum_blocks, sum_zip, vectorize, worth_forking};

/// The planes of feature `j` of `features`.
fn planes_of<F>(x: &[F], plane: usize, j: usize, features: usize) -> impl Iterator<Item = &[F]> {
    // An array of empty planes has none.
    x.chunks_exact(plane.max(1)).skip(j).step_by(features)
}

/// `sums[j] ← f(j)` for all features, whose planes hold `numbers` in all.
fn each_feature(
    first: usize,
    numbers: usize,
    sums: &mut [f64],
    f: &(impl Fn(usize) -> f64 + Sync),
) {
    if sums.len() > 1 && worth_forking(numbers) {
        let middle = sums.len() / 2;
        let (sums0, sums1) = sums.split_at_mut(middle);
        join(
            || each_feature(first, numbers / 2, sums0, f),
            || each_feature(first + middle, numbers / 2, sums1, f),
        );
        return;
    }
    sums.iter_mut().enumerate().for_each(|(j, sum)| *sum = f(first + j));
}

/// `sumsⱼ ← Σ f(x − centerⱼ)`; `f` must be a closure marked `#[inline(always)]`.
pub(crate) fn sum<F: Float>(
    x: &[F],
    plane: usize,
    center: &[f64],
    sums: &mut [f64],
    f: impl Fn(f64) -> f64 + Copy + Send + Sync,
) {
    each_feature(0, x.len(), sums, &|j| {
        let center_j = center[j];
        let of_plane = |x| {
            sum_blocks(
                x,
                #[inline(always)]
                |x| f(x - center_j),
            )
        };
        planes_of(x, plane, j, center.len()).map(of_plane).sum()
    });
}

/// `sumsⱼ ← Σ dy` and `productsⱼ ← Σ dy·(x − centerⱼ)`.
pub(crate) fn sum_products<F: Float>(
    dy: &[F],
    x: &[F],
    plane: usize,
    center: &[f64],
    sums: &mut [f64],
    products: &mut [f64],
) {
    each_feature(0, x.len(), sums, &|j| {
        let of_plane = |dy| {
            sum_blocks(
                dy,
                #[inline(always)]
                |dy| dy,
            )
        };
        planes_of(dy, plane, j, center.len()).map(of_plane).sum()
    });
    each_feature(0, x.len(), products, &|j| {
        let center_j = center[j];
        let of_planes = |(dy, x)| {
            sum_zip(
                [dy, x],
                #[inline(always)]
                |[dy, x]: [F; 2]| dy.widen() * (x.widen() - center_j),
            )
        };
        let planes = planes_of(dy, plane, j, center.len());
        planes.zip(planes_of(x, plane, j, center.len())).map(of_planes).sum()
    });
}

/// `y ← (x − shift)·scale + offset`; `first` is the number of planes before these.
pub(crate) fn map<F: Float>(
    of: &Coefficients<F>,
    first: usize,
    x: &[F],
    plane: usize,
    y: &mut [F],
) {
    if let Some(middle) = middle_plane(x.len(), plane) {
        let (x0, x1) = x.split_at(middle * plane);
        let (y0, y1) = y.split_at_mut(middle * plane);
        join(|| map(of, first, x0, plane, y0), || map(of, first + middle, x1, plane, y1));
        return;
    }
    let planes = x.chunks_exact(plane.max(1)).zip(y.chunks_exact_mut(plane.max(1)));
    for (i, (x, y)) in planes.enumerate() {
        let j = (first + i) % of.shift.len();
        let (shift, scale, offset) = (of.shift[j], of.scale[j], of.offset[j]);
        vectorize(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, x)| *y = (*x - shift) * scale + offset),
        );
    }
}

/// `dx ← (dy − (x − shift)·slope + offset)·scale`; `first` is the number of planes before these.
pub(crate) fn map_gradient<F: Float>(
    of: &Coefficients<F>,
    first: usize,
    (dy, x): (&[F], &[F]),
    plane: usize,
    dx: &mut [F],
) {
    if let Some(middle) = middle_plane(x.len(), plane) {
        let (dy0, dy1) = dy.split_at(middle * plane);
        let (x0, x1) = x.split_at(middle * plane);
        let (dx0, dx1) = dx.split_at_mut(middle * plane);
        join(
            || map_gradient(of, first, (dy0, x0), plane, dx0),
            || map_gradient(of, first + middle, (dy1, x1), plane, dx1),
        );
        return;
    }
    let size = plane.max(1);
    let planes = dy.chunks_exact(size).zip(x.chunks_exact(size)).zip(dx.chunks_exact_mut(size));
    for (i, ((dy, x), dx)) in planes.enumerate() {
        let j = (first + i) % of.shift.len();
        let (shift, scale) = (of.shift[j], of.scale[j]);
        let (slope, offset) = (of.slope[j], of.offset[j]);
        vectorize(
            #[inline(always)]
            || {
                for ((dx, dy), x) in dx.iter_mut().zip(dy).zip(x) {
                    *dx = (*dy - (*x - shift) * slope + offset) * scale;
                }
            },
        );
    }
}

/// Where to cut `len` numbers between two planes; `None` if it is not worth a fork.
fn middle_plane(len: usize, plane: usize) -> Option<usize> {
    let middle = len / plane.max(1) / 2;
    (middle > 0 && worth_forking(len)).then_some(middle)
}
