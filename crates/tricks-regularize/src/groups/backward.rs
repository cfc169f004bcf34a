use super::{Affine, Groups, Moments, middle_of};
use tricks_tensor::Float;
use tricks_tensor::kernel::{join, sum_blocks, sum_zip, vectorize, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, with_numbers};

/// Threads take channels in multiples of this when summing down columns.
const COLUMNS: usize = 16;

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

impl Groups {
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
