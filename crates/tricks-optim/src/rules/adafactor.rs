use crate::rule::{Describe, Rule, Scope, StepCx};
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Float, Result, hyper, kernel, math};

/// Adafactor: the second moment of a matrix as an outer product of two vectors.
///
/// # Update
/// ```text
/// β₂ₜ = 1 − t^c,   ρ = min(η, 1/√t) or η,   α = max(ε₂, rms θ) ρ or ρ
/// factored     R ← β₂ₜ R + (1 − β₂ₜ) mean of g² along the second dimension
///              C ← β₂ₜ C + (1 − β₂ₜ) mean of g² along the first
///              v̂ᵢⱼ = Rᵢ Cⱼ / mean R
/// otherwise    v ← β₂ₜ v + (1 − β₂ₜ) g²,   v̂ = v
/// u = g / √v̂
/// θ ← θ − α u / max(1, rms u / d)
/// with `momentum`:  m ← μ m + (1 − μ) α u / max(1, rms u / d),  θ ← θ − m
/// ```
///
/// | field | symbol | default | keras | optax | range |
/// |---|---|---|---|---|---|
/// | `beta2_decay` | c | −0.8 | −0.8 | −0.8 | ≤ 0 |
/// | `eps1` | ε₁ | machine ε | 1e-30 | 1e-30 | ≥ 0 |
/// | `floor` | | `Clamp` | `Add` | `Add` | |
/// | `eps2` | ε₂ | 1e-3 | 1e-3 | 1e-3 | ≥ 0 |
/// | `clip_threshold` | d | 1 | 1 | 1 | ≥ 1, ∞ for none |
/// | `relative_step` | | true | true | false | |
/// | `scale_parameter` | | true | true | true | |
/// | `momentum` | μ | 0 | 0 | 0 | [0, 1) |
/// | `factored` | | `LastTwo` | `LastTwo` | `LargestTwo { min_dim: 128 }` | |
///
/// Memory: `row_var` and `col_var`, one number for each row and column, or `variance`, one for each
/// element; with momentum `m`; and room for a step, of a row. Scope: the parameter.
///
/// # Notes
/// PyTorch keeps v̂ ≥ ε₁² and mean R ≥ ε₁, Keras and Optax add ε₁ to g². Optax takes λθ off without
/// η: `WeightDecay::Decoupled(λ/η)` here.
///
/// # Source
/// Shazeer, Stern: *Adafactor: adaptive learning rates with sublinear memory cost*, ICML 2018,
/// algorithms 4 and 5.
///
/// # Example
/// ```
/// use tricks_optim::{Adafactor, Optimizer};
/// let (mut w, mut dw) = ([3.0f64, 4.0], [0.5, -0.5]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut adafactor = Optimizer::builder(Adafactor::torch()).bind(&mut params)?;
/// adafactor.step(0.01, &mut params)?;
/// // The first step is ±η, times the root mean square of the parameter.
/// let step = 0.01 * 12.5f64.sqrt();
/// assert!((w[0] - (3.0 - step)).abs() < 1e-12 && (w[1] - (4.0 + step)).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adafactor {
    /// The power of t that the second moment forgets by, c.
    pub beta2_decay: f64,
    /// Keeps the division finite, ε₁; none is the machine epsilon of the number type.
    pub eps1: Option<f64>,
    /// How ε₁ does so.
    pub floor: FloorForm,
    /// The least a parameter's root mean square is taken for, ε₂.
    pub eps2: f64,
    /// The largest root mean square of an update, d.
    pub clip_threshold: f64,
    /// Whether the rate is at most 1/√t.
    pub relative_step: bool,
    /// Whether the rate is in units of the parameter's root mean square.
    pub scale_parameter: bool,
    /// Share of the average update that is kept, μ; 0 is none.
    pub momentum: f64,
    /// Which parameters have an outer product for memory.
    pub factored: Factored,
}

/// How ε₁ keeps the second moment of [`Adafactor`] above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloorForm {
    /// v̂ is at least ε₁², mean R at least ε₁: PyTorch.
    Clamp,
    /// ε₁ is added to g²: the paper, Keras, Optax.
    Add,
}

/// Which parameters have factored memory in [`Adafactor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factored {
    /// None.
    Never,
    /// Those of two dimensions or more, along the last two; one product for each index of the
    /// others: PyTorch, Keras.
    LastTwo,
    /// Along the two largest dimensions, if both are at least `min_dim`: Optax.
    LargestTwo {
        /// The least size worth it.
        min_dim: usize,
    },
}

impl Default for Adafactor {
    fn default() -> Self {
        Self {
            beta2_decay: -0.8,
            eps1: None,
            floor: FloorForm::Clamp,
            eps2: 1e-3,
            clip_threshold: 1.0,
            relative_step: true,
            scale_parameter: true,
            momentum: 0.0,
            factored: Factored::LastTwo,
        }
    }
}

impl Adafactor {
    /// `torch.optim.Adafactor`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// `keras.optimizers.Adafactor`.
    pub fn keras() -> Self {
        Self { eps1: Some(1e-30), floor: FloorForm::Add, ..Self::default() }
    }

    /// `optax.adafactor`.
    pub fn optax() -> Self {
        let factored = Factored::LargestTwo { min_dim: 128 };
        Self { relative_step: false, factored, ..Self::keras() }
    }
}

const ROWS: Slot = Slot::new("row_var").torch("row_var").non_negative();
const COLUMNS: Slot = Slot::new("col_var").torch("col_var").non_negative();
const VARIANCE: Slot = Slot::new("variance").torch("variance").non_negative();

impl Describe for Adafactor {
    fn name(&self) -> &'static str {
        "Adafactor"
    }
    fn slots(&self) -> &'static [Slot] {
        match self.momentum {
            0.0 => const { &[ROWS, COLUMNS, VARIANCE] },
            _ => const { &[ROWS, COLUMNS, VARIANCE, Slot::new("m")] },
        }
    }
    fn slot_shape(&self, slot: usize, shape: &[usize]) -> Option<Vec<usize>> {
        let dims = self.factored.dims(shape);
        let without = |dim: usize| {
            let mut shape = shape.to_vec();
            shape[dim] = 1;
            shape
        };
        match (slot, dims) {
            (0, Some((_, second))) => Some(without(second)),
            (1, Some((first, _))) => Some(without(first)),
            (2, None) => Some(shape.to_vec()),
            (0..=2, _) => None,
            _ => Some(shape.to_vec()),
        }
    }
    fn slot_len(&self, slot: usize, shape: &[usize]) -> Option<usize> {
        let without = |dim: usize| {
            let (before, after) = (&shape[..dim], &shape[dim + 1..]);
            before.iter().chain(after).product()
        };
        match (slot, self.factored.dims(shape)) {
            (0, Some((_, second))) => Some(without(second)),
            (1, Some((first, _))) => Some(without(first)),
            (0 | 1, None) | (2, Some(_)) => None,
            _ => Some(shape.iter().product()),
        }
    }
    fn scope(&self) -> Scope {
        Scope::Tensor
    }
    fn scratch(&self, shape: &[usize]) -> usize {
        let dims = self.factored.dims(shape);
        let len: usize = shape.iter().product();
        match dims.map(|dims| View::new(shape, dims)) {
            None => len.min(RUN),
            Some(view) => view.run().min(len) + view.products(),
        }
    }
    fn default_lr(&self) -> f64 {
        0.01
    }
    fn validate(&self) -> Result<()> {
        let Self { beta2_decay, clip_threshold, .. } = *self;
        let falls = beta2_decay <= 0.0 && beta2_decay.is_finite();
        hyper::require("Adafactor", "beta2_decay", beta2_decay, falls, "finite and at most 0")?;
        hyper::non_negative("Adafactor", "eps1", self.eps1.unwrap_or(0.0))?;
        hyper::non_negative("Adafactor", "eps2", self.eps2)?;
        let clips = clip_threshold >= 1.0;
        hyper::require("Adafactor", "clip_threshold", clip_threshold, clips, "at least 1")?;
        hyper::fraction("Adafactor", "momentum", self.momentum)
    }
}

impl Factored {
    /// The two dimensions, in order.
    fn dims(self, shape: &[usize]) -> Option<(usize, usize)> {
        let n = shape.len();
        match self {
            _ if n < 2 => None,
            Factored::Never => None,
            Factored::LastTwo => Some((n - 2, n - 1)),
            Factored::LargestTwo { min_dim } => {
                // Of equal sizes, the last ones.
                let largest = (0..n).max_by_key(|i| shape[*i])?;
                let second = (0..n).filter(|i| *i != largest).max_by_key(|i| shape[*i])?;
                let dims = (largest.min(second), largest.max(second));
                (shape[second] >= min_dim).then_some(dims)
            }
        }
    }
}

/// A parameter seen as `[outer, rows, mid, columns, inner]`, factored along rows and columns.
#[derive(Clone, Copy)]
struct View {
    outer: usize,
    rows: usize,
    mid: usize,
    columns: usize,
    inner: usize,
}

impl View {
    fn new(shape: &[usize], (first, second): (usize, usize)) -> Self {
        let size = |dims: &[usize]| dims.iter().product();
        Self {
            outer: size(&shape[..first]),
            rows: shape[first],
            mid: size(&shape[first + 1..second]),
            columns: shape[second],
            inner: size(&shape[second + 1..]),
        }
    }

    /// The numbers that share an index of `outer`, `rows` and `mid`.
    fn run(self) -> usize {
        self.columns * self.inner
    }

    /// How many means of rows there are: one for each product.
    fn products(self) -> usize {
        self.outer * self.mid * self.inner
    }
}

/// Numbers that are updated together where nothing is factored.
const RUN: usize = 4096;

impl<F: Float> Rule<F> for Adafactor {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let ([row_var, col_var, variance, m], room) = slots.with_scratch();
        let n = param.len() as f64;
        let fresh = math::pow(cx.t as f64, self.beta2_decay);
        let rate = if self.relative_step { cx.lr.min(1.0 / (cx.t as f64).sqrt()) } else { cx.lr };
        let rms = (kernel::sum_squares(param) / n).sqrt();
        let alpha = rate * if self.scale_parameter { rms.max(self.eps2) } else { 1.0 };
        let eps1 = self.eps1.unwrap_or(F::epsilon().widen());
        let (added, least, least_mean) = match self.floor {
            FloorForm::Clamp => (0.0, eps1 * eps1, eps1),
            FloorForm::Add => (eps1, 0.0, 0.0),
        };
        let least = F::of(least).max(F::min_positive_value());
        let (l2, keep) = cx.decay.split(cx.lr);
        let (scale, l2, keep) = (F::of(cx.grad_scale), F::of(l2), F::of(keep));
        let gradient = move |p: F, g: F| scale * g + l2 * p;
        let square = move |p: F, g: F| {
            let g = gradient(p, g).widen();
            g * g + added
        };
        let blend = |old: &mut F, new: f64| *old = F::of((1.0 - fresh) * old.widen() + fresh * new);

        let view = self.factored.dims(cx.shape).map(|dims| View::new(cx.shape, dims));
        let run = view.map_or(RUN, View::run);
        let (u, scales) = room.split_at_mut(run.min(param.len()));
        match view {
            None => {
                for (v, (p, g)) in variance.iter_mut().zip(param.iter().zip(grad)) {
                    blend(v, square(*p, *g));
                }
            }
            Some(view) => {
                let blend_means = |of: &mut [F], count: usize, width: usize| {
                    let chunks = param.chunks(count * width).zip(grad.chunks(count * width));
                    for (of, (p, g)) in of.chunks_mut(width).zip(chunks) {
                        means(p, g, width, square, |i, mean| blend(&mut of[i], mean));
                    }
                };
                blend_means(row_var, view.columns, view.inner);
                blend_means(col_var, view.rows, view.mid * view.run());
                for (i, scale) in scales.iter_mut().enumerate() {
                    let width = view.mid * view.inner;
                    let first = i / width * width * view.rows + i % width;
                    let of_rows = (0..view.rows).map(|r| row_var[first + r * width].widen());
                    let mean = of_rows.sum::<f64>() / view.rows as f64;
                    *scale = F::of(1.0 / mean.max(least_mean).max(f64::MIN_POSITIVE));
                }
            }
        }

        // u of one run.
        let direction = |i: usize, p: &[F], g: &[F], u: &mut [F]| match view {
            None => {
                fill(u, p, g, |p, g, k| gradient(p, g) / variance[i * RUN + k].max(least).sqrt())
            }
            Some(view) => {
                let product = i / view.mid / view.rows * view.mid + i % view.mid;
                let of_row = |q| row_var[i * view.inner + q] * scales[product * view.inner + q];
                let columns = &col_var[product * run..][..run];
                let root = |v: F| v.max(least).sqrt();
                if view.inner == 1 {
                    let row = of_row(0);
                    return fill(u, p, g, |p, g, k| gradient(p, g) / root(row * columns[k]));
                }
                fill(u, p, g, |p, g, k| gradient(p, g) / root(of_row(k % view.inner) * columns[k]));
            }
        };
        let mut squares = 0.0;
        for (i, (p, g)) in param.chunks(run).zip(grad.chunks(run)).enumerate() {
            direction(i, p, g, &mut u[..p.len()]);
            squares += kernel::sum_squares(&u[..p.len()]);
        }
        let alpha = F::of(alpha / ((squares / n).sqrt() / self.clip_threshold).max(1.0));
        let (mu, fresh) = (F::of(self.momentum), F::of(1.0 - self.momentum));
        for (i, (p, g)) in param.chunks_mut(run).zip(grad.chunks(run)).enumerate() {
            let u = &mut u[..p.len()];
            direction(i, p, g, u);
            if self.momentum > 0.0 {
                for (u, m) in u.iter_mut().zip(&mut m[i * run..]) {
                    *m = mu * *m + fresh * (alpha * *u);
                    *u = *m;
                }
                p.iter_mut().zip(&*u).for_each(|(p, u)| *p = keep * *p - *u);
            } else {
                p.iter_mut().zip(&*u).for_each(|(p, u)| *p = keep * *p - alpha * *u);
            }
        }
    }
}

/// `u ← f(θ, g, index)`.
#[inline(always)]
fn fill<F: Float>(u: &mut [F], p: &[F], g: &[F], f: impl Fn(F, F, usize) -> F) {
    kernel::vectorize(
        #[inline(always)]
        || {
            let (p, g) = (&p[..u.len()], &g[..u.len()]);
            for k in 0..u.len() {
                u[k] = f(p[k], g[k], k);
            }
        },
    );
}

/// Columns that are summed at a time.
const TOGETHER: usize = 64;

/// The mean over the rows of `[rows, width]`, for each column.
fn means<F: Float>(
    p: &[F],
    g: &[F],
    width: usize,
    square: impl Fn(F, F) -> f64 + Copy + Send + Sync,
    mut emit: impl FnMut(usize, f64),
) {
    let share = 1.0 / (p.len() / width) as f64;
    if width == 1 {
        return emit(0, kernel::sum_zip([p, g], move |[p, g]| share * square(p, g)));
    }
    for first in (0..width).step_by(TOGETHER) {
        let mut sums = [0.0; TOGETHER];
        let end = width.min(first + TOGETHER);
        for (p, g) in p.chunks_exact(width).zip(g.chunks_exact(width)) {
            let numbers = p[first..end].iter().zip(&g[first..end]);
            sums.iter_mut().zip(numbers).for_each(|(sum, (p, g))| *sum += share * square(*p, *g));
        }
        (first..end).zip(sums).for_each(|(column, mean)| emit(column, mean));
    }
}
