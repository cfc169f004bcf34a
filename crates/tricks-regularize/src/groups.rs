//! Normalization of groups: runs of numbers that lie side by side, each with moments of its own.
//!
//! An array in C order is `groups × width`. Number `i` has the affine coefficients of channel
//! `(i / inner) mod channels`: of its place in the group where `inner` is 1 (layer normalization),
//! of its plane otherwise. Moments and maps are computed in `f64` and rounded once. Threads take
//! whole groups, or whole channels when summing over them: never a bit changes.

use tricks_tensor::kernel::{join, sum_blocks, sum_zip, vectorize, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, with_numbers};
use tricks_tensor::{Float, ParamKind, ParamMut, Path, Place, Result, hyper};

/// Threads take channels in multiples of this when summing down columns.
const COLUMNS: usize = 16;

/// What a group is normalized with: `x̂ = (x − mean)·inverse_std`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) inverse_std: f64,
}

impl Moments {
    /// `γ x̂ + β`.
    #[inline(always)]
    fn output<F: Float>(self, x: F, gamma: F, beta: F) -> F {
        let normalized = (x.widen() - self.mean) * self.inverse_std;
        F::of(normalized * gamma.widen() + beta.widen())
    }
}

/// What the gradient of a group needs: `mean(γ dy)`, and `mean(γ dy x̂)/√(σ² + ε)`.
#[derive(Clone, Copy)]
struct Slope {
    moments: Moments,
    mean_dy: f64,
    along: f64,
}

impl Slope {
    #[inline(always)]
    fn gradient<F: Float>(self, x: F, dy: F, gamma: F) -> F {
        let centered = x.widen() - self.moments.mean;
        let inside = dy.widen() * gamma.widen() - self.mean_dy - centered * self.along;
        F::of(inside * self.moments.inverse_std)
    }
}

/// γ and β, a number of each per channel. They are always there, as 1 and 0 if they are not
/// parameters.
#[derive(Clone, Debug)]
pub(crate) struct Affine<F> {
    shape: Vec<usize>,
    scale: bool,
    shift: bool,
    weight: Vec<F>,
    weight_grad: Vec<F>,
    bias: Vec<F>,
    bias_grad: Vec<F>,
    // Scratch of the backward pass: Σ dy and Σ dy·x̂ per channel.
    sums: Vec<f64>,
    products: Vec<f64>,
}

impl<F: Float> Affine<F> {
    /// Refuses a shape without numbers. `scale` and `shift` say what is a parameter.
    pub(crate) fn new(
        owner: &'static str,
        field: &'static str,
        shape: &[usize],
        (scale, shift): (bool, bool),
    ) -> Result<Self> {
        let count = shape.iter().product::<usize>();
        hyper::require(owner, field, count as f64, count > 0, "at least 1")?;
        Ok(Self {
            shape: shape.to_vec(),
            scale,
            shift,
            weight: vec![F::one(); count],
            weight_grad: vec![F::zero(); count],
            bias: vec![F::zero(); count],
            bias_grad: vec![F::zero(); count],
            sums: vec![0.0; count],
            products: vec![0.0; count],
        })
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn visit<'p>(
        &'p mut self,
        at: &Path<'_>,
        f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
    ) {
        let shape = &self.shape;
        if self.scale {
            let place = Place { path: &at.name("weight"), kind: ParamKind::Scale, shape };
            f(place, ParamMut::dense(&mut self.weight, &mut self.weight_grad));
        }
        if self.shift {
            let place = Place { path: &at.name("bias"), kind: ParamKind::Shift, shape };
            f(place, ParamMut::dense(&mut self.bias, &mut self.bias_grad));
        }
    }
}

/// How the numbers of an array fall into groups and channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Groups {
    /// Numbers in a group.
    width: usize,
    /// Neighbours that share their affine coefficients.
    inner: usize,
    /// Whether the mean is taken off.
    center: bool,
    eps: f64,
}

impl Groups {
    /// Groups of `width` numbers. An array of empty groups has none at all.
    pub(crate) fn new(width: usize, inner: usize, center: bool, eps: f64) -> Self {
        Self { width: width.max(1), inner: inner.max(1), center, eps }
    }

    pub(crate) fn width(self) -> usize {
        self.width
    }

    /// Mean and biased variance, the variance in a second pass; without centering, 0 and the mean
    /// square.
    pub(crate) fn mean_and_variance<F: Float>(self, x: &[F]) -> (f64, f64) {
        let n = x.len() as f64;
        let first = x[0].widen();
        let mean = if self.center {
            first
                + sum_blocks(
                    x,
                    #[inline(always)]
                    |x| x - first,
                ) / n
        } else {
            0.0
        };
        let squares = sum_blocks(
            x,
            #[inline(always)]
            |x| (x - mean) * (x - mean),
        );
        (mean, squares / n)
    }

    pub(crate) fn moments_of(self, (mean, var): (f64, f64)) -> Moments {
        Moments { mean, inverse_std: 1.0 / (var + self.eps).sqrt() }
    }

    /// The moments of every group.
    fn measure<F: Float>(self, x: &[F], moments: &mut [Moments]) {
        if let Some(middle) = middle_of(moments.len(), x.len()) {
            let (x0, x1) = x.split_at(middle * self.width);
            let (moments0, moments1) = moments.split_at_mut(middle);
            join(|| self.measure(x0, moments0), || self.measure(x1, moments1));
            return;
        }
        for (x, moments) in x.chunks_exact(self.width).zip(moments) {
            *moments = self.moments_of(self.mean_and_variance(x));
        }
    }

    /// `y ← γ x̂ + β`. `given` are moments in place of the groups' own, used in turn.
    pub(crate) fn forward<F: Float>(
        self,
        x: &[F],
        affine: &Affine<F>,
        given: Option<&[Moments]>,
        y: &mut [F],
    ) {
        self.forward_from(0, x, affine, given, y);
    }

    fn forward_from<F: Float>(
        self,
        first: usize,
        x: &[F],
        affine: &Affine<F>,
        given: Option<&[Moments]>,
        y: &mut [F],
    ) {
        let count = x.len() / self.width;
        if let Some(middle) = middle_of(count, x.len()) {
            let (x0, x1) = x.split_at(middle * self.width);
            let (y0, y1) = y.split_at_mut(middle * self.width);
            join(
                || self.forward_from(first, x0, affine, given, y0),
                || self.forward_from(first + middle, x1, affine, given, y1),
            );
            return;
        }
        let groups = x.chunks_exact(self.width).zip(y.chunks_exact_mut(self.width));
        for (i, (x, y)) in groups.enumerate() {
            let group = first + i;
            let moments = match given {
                Some(given) => given[group % given.len()],
                None => self.moments_of(self.mean_and_variance(x)),
            };
            self.by_channel(group, affine, |from, gamma, beta| {
                let range = from..from + gamma.len().max(self.inner);
                let (x, y) = (&x[range.clone()], &mut y[range]);
                vectorize(
                    #[inline(always)]
                    || match (gamma, beta) {
                        ([gamma], [beta]) => {
                            for (y, x) in y.iter_mut().zip(x) {
                                *y = moments.output(*x, *gamma, *beta);
                            }
                        }
                        _ => {
                            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta)
                            {
                                *y = moments.output(*x, *gamma, *beta);
                            }
                        }
                    },
                );
            });
        }
    }

    /// Calls `f` with runs of a group: where each begins, and its γ and β: one per number, or one
    /// for a whole plane.
    #[inline(always)]
    fn by_channel<F: Float>(
        self,
        group: usize,
        affine: &Affine<F>,
        mut f: impl FnMut(usize, &[F], &[F]),
    ) {
        let first = group * self.width / self.inner % affine.weight.len();
        let count = self.width / self.inner;
        let (gamma, beta) = (&affine.weight[first..][..count], &affine.bias[first..][..count]);
        if self.inner == 1 {
            f(0, gamma, beta);
            return;
        }
        for c in 0..count {
            f(c * self.inner, &gamma[c..=c], &beta[c..=c]);
        }
    }

    /// [`backward`](Self::backward) from views, with the groups' own moments; `moments` is scratch.
    pub(crate) fn backward_views<F: Float>(
        self,
        x: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        moments: &mut Vec<Moments>,
        affine: &mut Affine<F>,
        dx: Option<ArrayViewMutD<'_, F>>,
    ) {
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (numbers(&x), numbers(&dy));
        self.measure_all(x, moments);
        match dx {
            Some(dx) => {
                with_numbers(dx, |dx| self.backward(x, dy, (moments, false), affine, Some(dx)));
            }
            None => self.backward(x, dy, (moments, false), affine, None),
        }
    }

    /// The moments of every group, in as many places as there are groups.
    pub(crate) fn measure_all<F: Float>(self, x: &[F], moments: &mut Vec<Moments>) {
        let none = Moments { mean: 0.0, inverse_std: 0.0 };
        moments.resize(x.len() / self.width, none);
        self.measure(x, moments);
    }

    /// Sets the gradients of γ and β, and `dx` if asked for. `moments` are those of the groups, or
    /// given ones used in turn; these are `constant`: they do not depend on `x`.
    pub(crate) fn backward<F: Float>(
        self,
        x: &[F],
        dy: &[F],
        (moments, constant): (&[Moments], bool),
        affine: &mut Affine<F>,
        dx: Option<&mut [F]>,
    ) {
        if affine.scale || affine.shift {
            let Affine { sums, products, .. } = affine;
            Channels { groups: self, moments, count: sums.len(), x, dy }.sum(0, sums, products);
            let round = |to: &mut [F], from: &[f64]| {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = F::of(*from));
            };
            round(&mut affine.bias_grad, sums);
            round(&mut affine.weight_grad, products);
        }
        if let Some(dx) = dx {
            self.gradient_from(0, x, dy, (moments, constant), affine, dx);
        }
    }

    fn gradient_from<F: Float>(
        self,
        first: usize,
        x: &[F],
        dy: &[F],
        (moments, constant): (&[Moments], bool),
        affine: &Affine<F>,
        dx: &mut [F],
    ) {
        if let Some(middle) = middle_of(x.len() / self.width, x.len()) {
            let (x0, x1) = x.split_at(middle * self.width);
            let (dy0, dy1) = dy.split_at(middle * self.width);
            let (dx0, dx1) = dx.split_at_mut(middle * self.width);
            let with = (moments, constant);
            join(
                || self.gradient_from(first, x0, dy0, with, affine, dx0),
                || self.gradient_from(first + middle, x1, dy1, with, affine, dx1),
            );
            return;
        }
        let groups = x.chunks_exact(self.width).zip(dy.chunks_exact(self.width));
        for (i, ((x, dy), dx)) in groups.zip(dx.chunks_exact_mut(self.width)).enumerate() {
            let group = first + i;
            let moments = moments[group % moments.len()];
            self.gradient_of_group(group, x, dy, (moments, constant), affine, dx);
        }
    }

    /// `dx = (γ dy − mean(γ dy) − x̂ mean(γ dy x̂)) / √(σ² + ε)`.
    fn gradient_of_group<F: Float>(
        self,
        group: usize,
        x: &[F],
        dy: &[F],
        (Moments { mean, inverse_std }, constant): (Moments, bool),
        affine: &Affine<F>,
        dx: &mut [F],
    ) {
        let (mut sum, mut product) = (0.0, 0.0);
        if !constant {
            self.by_channel(group, affine, |from, gamma, _| {
                let range = from..from + gamma.len().max(self.inner);
                let (x, dy) = (&x[range.clone()], &dy[range]);
                let (s, p) = if let [gamma] = gamma {
                    let (s, p) = sums_of(dy, x, mean);
                    (gamma.widen() * s, gamma.widen() * p)
                } else {
                    let sum = sum_zip(
                        [dy, gamma],
                        #[inline(always)]
                        |[dy, gamma]| dy.widen() * gamma.widen(),
                    );
                    let product = sum_zip(
                        [dy, gamma, x],
                        #[inline(always)]
                        |[dy, gamma, x]| dy.widen() * gamma.widen() * (x.widen() - mean),
                    );
                    (sum, product)
                };
                sum += s;
                product += p;
            });
        }
        let n = self.width as f64;
        let of = Slope {
            moments: Moments { mean, inverse_std },
            mean_dy: if self.center { sum / n } else { 0.0 },
            along: product * inverse_std * inverse_std / n,
        };
        self.by_channel(group, affine, |from, gamma, _| {
            let range = from..from + gamma.len().max(self.inner);
            let (x, dy, dx) = (&x[range.clone()], &dy[range.clone()], &mut dx[range]);
            vectorize(
                #[inline(always)]
                || match gamma {
                    [gamma] => {
                        for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                            *dx = of.gradient(*x, *dy, *gamma);
                        }
                    }
                    _ => {
                        for (((dx, x), dy), gamma) in dx.iter_mut().zip(x).zip(dy).zip(gamma) {
                            *dx = of.gradient(*x, *dy, *gamma);
                        }
                    }
                },
            );
        });
    }
}

/// `Σ dy` and `Σ dy·(x − mean)`.
fn sums_of<F: Float>(dy: &[F], x: &[F], mean: f64) -> (f64, f64) {
    let sum = sum_blocks(
        dy,
        #[inline(always)]
        |dy| dy,
    );
    let product = sum_zip(
        [dy, x],
        #[inline(always)]
        |[dy, x]| dy.widen() * (x.widen() - mean),
    );
    (sum, product)
}

/// An array as `[…, channels, inner]`, to be summed over all but the channels.
#[derive(Clone, Copy)]
struct Channels<'a, F> {
    groups: Groups,
    moments: &'a [Moments],
    count: usize,
    x: &'a [F],
    dy: &'a [F],
}

impl<F: Float> Channels<'_, F> {
    /// `Σ dy` and `Σ dy·x̂` of the channels from `first` on.
    fn sum(self, first: usize, sums: &mut [f64], products: &mut [f64]) {
        let middle = (sums.len() / 2).max(1).next_multiple_of(COLUMNS);
        let work = self.x.len() / self.count * sums.len();
        if middle < sums.len() && worth_forking(work) {
            let (sums0, sums1) = sums.split_at_mut(middle);
            let (products0, products1) = products.split_at_mut(middle);
            join(
                || self.sum(first, sums0, products0),
                || self.sum(first + middle, sums1, products1),
            );
            return;
        }
        sums.fill(0.0);
        products.fill(0.0);
        let Groups { inner, width, .. } = self.groups;
        for row in 0..self.x.len() / (self.count * inner) {
            let mut c = 0;
            while c < sums.len() {
                // As many channels as lie in one group, or one plane.
                let at = (row * self.count + first + c) * inner;
                let moments = self.moments[at / width % self.moments.len()];
                if inner > 1 {
                    let (x, dy) = (&self.x[at..][..inner], &self.dy[at..][..inner]);
                    let (sum, product) = sums_of(dy, x, moments.mean);
                    sums[c] += sum;
                    products[c] += product * moments.inverse_std;
                    c += 1;
                    continue;
                }
                let count = (width - at % width).min(sums.len() - c);
                let (x, dy) = (&self.x[at..][..count], &self.dy[at..][..count]);
                let totals = sums[c..].iter_mut().zip(&mut products[c..]);
                vectorize(
                    #[inline(always)]
                    || {
                        for (((sum, product), x), dy) in totals.zip(x).zip(dy) {
                            let normalized = (x.widen() - moments.mean) * moments.inverse_std;
                            *sum += dy.widen();
                            *product += dy.widen() * normalized;
                        }
                    },
                );
                c += count;
            }
        }
    }
}

/// Where to cut `groups` that hold `len` numbers; `None` if it is not worth a fork.
fn middle_of(groups: usize, len: usize) -> Option<usize> {
    let middle = groups / 2;
    (middle > 0 && worth_forking(len)).then_some(middle)
}
