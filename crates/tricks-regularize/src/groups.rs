//! Normalization of groups: runs of numbers that lie side by side, each with moments of its own.
//!
//! An array in C order is `groups × width`. Number `i` has the affine coefficients of channel
//! `(i / inner) mod channels`: of its place in the group where `inner` is 1 (layer normalization),
//! of its plane otherwise. Moments and maps are computed in `f64` and rounded once. Threads take
//! whole groups, or whole channels when summing over them: never a bit changes.

mod affine;
mod backward;

pub(crate) use affine::Affine;
use tricks_tensor::Float;
use tricks_tensor::kernel::{join, sum_blocks, vectorize, worth_forking};

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

    /// The moments of every group, in as many places as there are groups.
    pub(crate) fn measure_all<F: Float>(self, x: &[F], moments: &mut Vec<Moments>) {
        let none = Moments { mean: 0.0, inverse_std: 0.0 };
        moments.resize(x.len() / self.width, none);
        self.measure(x, moments);
    }
}

/// Where to cut `groups` that hold `len` numbers; `None` if it is not worth a fork.
fn middle_of(groups: usize, len: usize) -> Option<usize> {
    let middle = groups / 2;
    (middle > 0 && worth_forking(len)).then_some(middle)
}
