//! Loops over a row-major `[rows, features]` array: sums down its columns, and maps of its
//! elements with coefficients per column.
//!
//! Rows are the outer loop and features the inner one, so vector instructions run along memory.
//! Every column is summed from the first row to the last, in `f64`: threads share out columns
//! when summing and rows when mapping, and never change a bit.
//!
//! How the numbers of a feature lie in memory is known to these loops alone, and to those of
//! `planes`, which take over where a feature is a plane of numbers in every row: statistics and
//! coefficients have one entry per feature, whatever the input.

use crate::planes;
use tricks_tensor::Float;
use tricks_tensor::kernel::{join, vectorize, worth_forking};

/// Threads take columns in multiples of this: one cache line of `f32`.
const COLUMNS: usize = 16;

/// Some columns of a row-major array.
#[derive(Clone, Copy)]
struct Columns<'a, F> {
    x: &'a [F],
    width: usize,
    first: usize,
}

impl<'a, F: Float> Columns<'a, F> {
    fn all(x: &'a [F], width: usize) -> Self {
        Self { x, width, first: 0 }
    }

    fn skip(self, columns: usize) -> Self {
        Self { first: self.first + columns, ..self }
    }

    /// The part of each row from the first of these columns on, `count` numbers long.
    #[inline(always)]
    fn rows(self, count: usize) -> impl Iterator<Item = &'a [F]> {
        let columns = self.first..self.first + count;
        self.x.chunks_exact(self.width).map(move |row| &row[columns.clone()])
    }

    /// How many of `count` columns go to another thread; `None` if it is not worth a fork.
    fn middle(self, count: usize) -> Option<usize> {
        let work = self.x.len() / self.width * count;
        let middle = (count / 2).max(1).next_multiple_of(COLUMNS);
        (middle < count && worth_forking(work)).then_some(middle)
    }
}

/// `sumsⱼ ← Σᵢ f(xᵢⱼ − centerⱼ)`; `f` must be a closure marked `#[inline(always)]`.
///
/// `plane` is how many numbers of a feature lie side by side in a row.
pub(crate) fn sum<F: Float>(
    x: &[F],
    plane: usize,
    center: &[f64],
    sums: &mut [f64],
    f: impl Fn(f64) -> f64 + Copy + Send + Sync,
) {
    if plane != 1 {
        return planes::sum(x, plane, center, sums, f);
    }
    sum_part(Columns::all(x, center.len()), center, sums, f);
}

fn sum_part<F: Float>(
    x: Columns<'_, F>,
    center: &[f64],
    sums: &mut [f64],
    f: impl Fn(f64) -> f64 + Copy + Send + Sync,
) {
    if let Some(middle) = x.middle(sums.len()) {
        let (sums0, sums1) = sums.split_at_mut(middle);
        let (center0, center1) = center.split_at(middle);
        join(|| sum_part(x, center0, sums0, f), || sum_part(x.skip(middle), center1, sums1, f));
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            sums.fill(0.0);
            for row in x.rows(sums.len()) {
                for ((sum, &x), &center) in sums.iter_mut().zip(row).zip(center) {
                    *sum += f(x.widen() - center);
                }
            }
        },
    );
}

/// `sumsⱼ ← Σᵢ dyᵢⱼ` and `productsⱼ ← Σᵢ dyᵢⱼ·(xᵢⱼ − centerⱼ)`.
pub(crate) fn sum_products<F: Float>(
    dy: &[F],
    x: &[F],
    plane: usize,
    center: &[f64],
    sums: &mut [f64],
    products: &mut [f64],
) {
    if plane != 1 {
        return planes::sum_products(dy, x, plane, center, sums, products);
    }
    let width = center.len();
    products_part(Columns::all(dy, width), Columns::all(x, width), center, sums, products);
}

fn products_part<F: Float>(
    dy: Columns<'_, F>,
    x: Columns<'_, F>,
    center: &[f64],
    sums: &mut [f64],
    products: &mut [f64],
) {
    if let Some(middle) = x.middle(sums.len()) {
        let (sums0, sums1) = sums.split_at_mut(middle);
        let (products0, products1) = products.split_at_mut(middle);
        let (center0, center1) = center.split_at(middle);
        join(
            || products_part(dy, x, center0, sums0, products0),
            || products_part(dy.skip(middle), x.skip(middle), center1, sums1, products1),
        );
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            sums.fill(0.0);
            products.fill(0.0);
            for (dy, x) in dy.rows(sums.len()).zip(x.rows(sums.len())) {
                let totals = sums.iter_mut().zip(products.iter_mut());
                for ((((sum, product), &dy), &x), &center) in totals.zip(dy).zip(x).zip(center) {
                    *sum += dy.widen();
                    *product += dy.widen() * (x.widen() - center);
                }
            }
        },
    );
}

/// Mean and biased variance of every column.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) var: Vec<f64>,
}

impl Moments {
    pub(crate) fn new(columns: usize) -> Self {
        Self { mean: vec![0.0; columns], var: vec![0.0; columns] }
    }

    /// Of a batch of at least one number per feature.
    pub(crate) fn measure<F: Float>(&mut self, x: &[F], plane: usize) {
        let Self { mean, var } = self;
        let columns = mean.len();
        let n = (x.len() / columns) as f64;
        // The mean as the first number plus the mean distance from it: `var` holds those for now.
        var.iter_mut().zip(x.iter().step_by(plane)).for_each(|(first, x)| *first = x.widen());
        sum(
            x,
            plane,
            var,
            mean,
            #[inline(always)]
            |d| d,
        );
        mean.iter_mut().zip(&*var).for_each(|(sum, first)| *sum = first + *sum / n);
        sum(
            x,
            plane,
            mean,
            var,
            #[inline(always)]
            |d| d * d,
        );
        var.iter_mut().for_each(|sum| *sum /= n);
    }

    /// As they were kept: the running statistics.
    pub(crate) fn recall<F: Float>(&mut self, mean: &[F], var: &[F]) {
        self.mean.iter_mut().zip(mean).for_each(|(to, x)| *to = x.widen());
        self.var.iter_mut().zip(var).for_each(|(to, x)| *to = x.widen());
    }

    /// `1/√(σ² + ε)`.
    pub(crate) fn inverse_std(&self, j: usize, eps: f64) -> f64 {
        1.0 / (self.var[j] + eps).sqrt()
    }
}

/// Coefficients of the maps, one of each per column.
#[derive(Clone, Debug)]
pub(crate) struct Coefficients<F> {
    pub(crate) shift: Vec<F>,
    pub(crate) scale: Vec<F>,
    pub(crate) slope: Vec<F>,
    pub(crate) offset: Vec<F>,
}

impl<F: Float> Coefficients<F> {
    pub(crate) fn new(columns: usize) -> Self {
        let zeros = || vec![F::zero(); columns];
        Self { shift: zeros(), scale: zeros(), slope: zeros(), offset: zeros() }
    }

    /// `y ← (x − shift)·scale + offset`.
    pub(crate) fn map(&self, x: &[F], plane: usize, y: &mut [F]) {
        if plane != 1 {
            return planes::map(self, 0, x, plane, y);
        }
        let width = self.shift.len();
        if let Some(middle) = middle_row(x.len(), width) {
            let (x0, x1) = x.split_at(middle);
            let (y0, y1) = y.split_at_mut(middle);
            join(|| self.map(x0, 1, y0), || self.map(x1, 1, y1));
            return;
        }
        let (shift, scale, offset) = (&self.shift[..], &self.scale[..width], &self.offset[..width]);
        vectorize(
            #[inline(always)]
            || {
                for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                    for j in 0..width {
                        y[j] = (x[j] - shift[j]) * scale[j] + offset[j];
                    }
                }
            },
        );
    }

    /// `dx ← (dy − (x − shift)·slope + offset)·scale`.
    pub(crate) fn map_gradient(&self, dy: &[F], x: &[F], plane: usize, dx: &mut [F]) {
        if plane != 1 {
            return planes::map_gradient(self, 0, (dy, x), plane, dx);
        }
        let width = self.shift.len();
        if let Some(middle) = middle_row(x.len(), width) {
            let (dy0, dy1) = dy.split_at(middle);
            let (x0, x1) = x.split_at(middle);
            let (dx0, dx1) = dx.split_at_mut(middle);
            join(|| self.map_gradient(dy0, x0, 1, dx0), || self.map_gradient(dy1, x1, 1, dx1));
            return;
        }
        let (shift, scale) = (&self.shift[..], &self.scale[..width]);
        let (slope, offset) = (&self.slope[..width], &self.offset[..width]);
        vectorize(
            #[inline(always)]
            || {
                let rows = dy.chunks_exact(width).zip(x.chunks_exact(width));
                for (dx, (dy, x)) in dx.chunks_exact_mut(width).zip(rows) {
                    for j in 0..width {
                        dx[j] = (dy[j] - (x[j] - shift[j]) * slope[j] + offset[j]) * scale[j];
                    }
                }
            },
        );
    }
}

/// Where to cut `len` numbers between two rows; `None` if it is not worth a fork.
fn middle_row(len: usize, width: usize) -> Option<usize> {
    let middle = len / width / 2 * width;
    (middle > 0 && worth_forking(len)).then_some(middle)
}
