pub(crate) mod history;
mod line_search;
mod objective;
pub(crate) mod state;
#[cfg(test)]
mod tests;

use self::history::{History, Pair, add_scaled, dot, max_abs, scale};
use self::line_search::{Trial, strong_wolfe};
use self::objective::Objective;
use crate::shadow::Shadow;
use tricks_tensor::{Error, Float, Parameters, Result, hyper, kernel};

/// L-BFGS: quasi-Newton steps from the last few moves, for a loss that can be asked again.
///
/// # Update
/// ```text
/// d = −H g,   θ ← θ + t d,   then with s = t d and y = g₊ − g:
/// H₊ = (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ,   ρ = 1 / yᵀs      if yᵀs > 1e-10, else H₊ = H
/// ```
/// `H` is never formed: two loops over the last `m` pairs give `H g`, beginning with
/// `yᵀs / yᵀy · I` of the newest pair. The first direction is `−g`, its step
/// `η min(1, 1/Σ|g|)`; later steps begin with `t = η`.
/// ```text
/// Fixed        t stays as it begins
/// StrongWolfe  t is such that   L(θ + t d) ≤ L(θ) + 1e-4 t gᵀd   and   |g₊ᵀd| ≤ 0.9 |gᵀd|
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `max_iter` | | 20 | ≥ 1 |
/// | `max_eval` | | none: 5/4 `max_iter` | ≥ 1 |
/// | `tolerance_grad` | | 1e-7 | ≥ 0 |
/// | `tolerance_change` | | 1e-9 | ≥ 0 |
/// | `history_size` | m | 100 | ≥ 1 |
/// | `line_search` | | `Fixed` | |
///
/// Memory: `s` and `y` of `m` pairs, the last move, its gradient and a copy: 2m + 3 numbers per
/// parameter. During a step about five more.
///
/// # Notes
/// One call of [`Lbfgs::step`] is up to `max_iter` iterations, and what was learnt is kept for the
/// next: `torch.optim.LBFGS`. There, too, the learning rate is the first step that a search
/// tries; it should be 1. As in PyTorch 2.15 a search ends with `max_eval`; older versions let it
/// go on, for up to 25 trials. The default is PyTorch's, without a search;
/// [`Lbfgs::strong_wolfe`] is the safer choice.
///
/// Here and not in PyTorch: a trial with a loss or a gradient that is not finite is a step too
/// long, and the search turns back; a direction that overflows is replaced by `−g`, and the pairs
/// are forgotten; after an iteration without a move there is no pair.
///
/// The loss must be the same function during a step: all data or one large batch, the same noise.
/// No weight decay: it belongs into the loss.
///
/// # Source
/// Nocedal: *Updating quasi-Newton matrices with limited storage*, Mathematics of Computation 35,
/// 1980; Liu, Nocedal: *On the limited memory BFGS method for large scale optimization*,
/// Mathematical Programming 45, 1989; Nocedal, Wright: *Numerical optimization*, 2nd edition 2006,
/// algorithms 7.4 (the two loops), 3.5 and 3.6 (the search).
///
/// # Example
/// ```
/// use tricks_optim::{Lbfgs, LbfgsStop};
/// // Rosenbrock's valley, from where it is always entered.
/// let (mut x, mut g) = ([-1.2f64, 1.0], [0.0; 2]);
/// let mut params = [("x", &mut x[..], &mut g[..])];
/// let mut lbfgs = Lbfgs::strong_wolfe(&mut params)?;
/// (lbfgs.max_iter, lbfgs.tolerance_change) = (100, 1e-12);
/// let step = lbfgs.step(1.0, &mut params, |params| {
///     let [(_, x, g)] = params;
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     (g[0], g[1]) = (-2.0 * a - 400.0 * x[0] * b, 200.0 * b);
///     Ok(a * a + 100.0 * b * b)
/// })?;
/// assert!((step.loss - 24.2).abs() < 1e-12);
/// assert!(step.evaluations < 60 && step.stop != LbfgsStop::Evaluations, "{step:?}");
/// assert!((x[0] - 1.0).abs() < 1e-6 && (x[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<F> {
    /// Most iterations of one step.
    pub max_iter: u64,
    /// Evaluations after which no iteration begins; none: 5/4 of `max_iter`. A search that is on
    /// its way may make one more.
    pub max_eval: Option<u64>,
    /// The step ends where no element of the gradient is larger.
    pub tolerance_grad: f64,
    /// The step ends when no parameter moves by more, or the loss changes by less.
    pub tolerance_change: f64,
    /// Most pairs that are remembered, m.
    pub history_size: usize,
    /// How far to go along a direction.
    pub line_search: LineSearch,
    set: Shadow<F>,
    memory: Memory<F>,
}

/// How far [`Lbfgs`] goes along a direction.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineSearch {
    /// As far as the learning rate says: one evaluation an iteration.
    Fixed,
    /// Until the loss is low enough and the slope flat enough.
    StrongWolfe,
}

/// What became of a step of [`Lbfgs`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LbfgsStep {
    /// The loss where the step began.
    pub loss: f64,
    /// How often the loss was asked for.
    pub evaluations: u64,
    /// How many directions were taken.
    pub iterations: u64,
    /// Why it ended.
    pub stop: LbfgsStop,
}

/// Why a step of [`Lbfgs`] ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LbfgsStop {
    /// `max_iter` iterations were made.
    Iterations,
    /// `max_eval` evaluations were made.
    Evaluations,
    /// The gradient is within `tolerance_grad`.
    Gradient,
    /// The direction promises less than `tolerance_change`.
    Slope,
    /// The last move was within `tolerance_change`, or there was none.
    Move,
    /// The loss changed by less than `tolerance_change`.
    Loss,
}

/// What survives a step.
#[derive(Clone, Debug)]
struct Memory<F> {
    iterations: u64,
    evaluations: u64,
    /// The last move.
    moved: Vec<F>,
    /// The gradient before it.
    grad: Vec<F>,
    history: History<F>,
}

impl<F: Float> Lbfgs<F> {
    /// PyTorch's defaults: [`LineSearch::Fixed`].
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn bind(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        let set = Shadow::zeros(params)?;
        let zeros = vec![F::zero(); set.iter().map(|(_, _, values)| values.len()).sum()];
        let (moved, grad, history) = (zeros.clone(), zeros, History::new());
        Ok(Self {
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: LineSearch::Fixed,
            set,
            memory: Memory { iterations: 0, evaluations: 0, moved, grad, history },
        })
    }

    /// The same with [`LineSearch::StrongWolfe`].
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn strong_wolfe(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        Ok(Self { line_search: LineSearch::StrongWolfe, ..Self::bind(params)? })
    }

    /// Moves the parameters downhill, asking for the loss at each point it goes to.
    ///
    /// `loss` computes the gradients in `params`, for the values it finds there, and returns the
    /// loss. An absent gradient counts as zeros, and buffers are the loss's own business. The
    /// gradients that stay are those of the last evaluation, which need not be where the
    /// parameters end.
    ///
    /// # Errors
    /// Hyper-parameters or a learning rate out of range; another set of parameters than was bound;
    /// a row-sparse gradient; a parameter, loss or gradient that is not finite where the step
    /// begins, or, without a search, at any point; the error of `loss`. The parameters and the
    /// memory are as before the step then.
    pub fn step<P: Parameters<F> + ?Sized>(
        &mut self,
        lr: f64,
        params: &mut P,
        loss: impl FnMut(&mut P) -> Result<f64>,
    ) -> Result<LbfgsStep> {
        self.validate()?;
        hyper::non_negative("Lbfgs", "lr", lr)?;
        hyper::require("Lbfgs", "lr", lr, F::of(lr).is_finite(), F::RANGE)?;
        let mut memory = self.memory.clone();
        let plan = Plan {
            lr,
            max_iter: self.max_iter,
            max_eval: self.max_eval.unwrap_or(self.max_iter.saturating_add(self.max_iter / 4)),
            tolerance_grad: self.tolerance_grad,
            tolerance_change: self.tolerance_change,
            history_size: self.history_size,
            line_search: self.line_search,
        };
        let mut objective = Objective::new(&mut self.set, params, loss)?;
        match plan.descend(&mut memory, &mut objective) {
            Ok(step) => {
                memory.evaluations = memory.evaluations.saturating_add(step.evaluations);
                self.memory = memory;
                Ok(step)
            }
            Err(error) => {
                // Refused only where the loss has put other parameters in their place.
                let _ = objective.restore();
                Err(error)
            }
        }
    }

    /// Refuses hyper-parameters out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`], naming the field.
    pub fn validate(&self) -> Result<()> {
        let counts = [
            ("max_iter", self.max_iter),
            ("max_eval", self.max_eval.unwrap_or(1)),
            ("history_size", self.history_size as u64),
        ];
        for (field, count) in counts {
            hyper::require("Lbfgs", field, count as f64, count > 0, "at least 1")?;
        }
        hyper::non_negative("Lbfgs", "tolerance_grad", self.tolerance_grad)?;
        hyper::non_negative("Lbfgs", "tolerance_change", self.tolerance_change)
    }

    /// Iterations of all steps so far.
    pub fn iterations(&self) -> u64 {
        self.memory.iterations
    }

    /// Evaluations of all steps so far.
    pub fn evaluations(&self) -> u64 {
        self.memory.evaluations
    }
}

/// The hyper-parameters of one step.
struct Plan {
    lr: f64,
    max_iter: u64,
    max_eval: u64,
    tolerance_grad: f64,
    tolerance_change: f64,
    history_size: usize,
    line_search: LineSearch,
}

impl Plan {
    fn descend<F, P, C>(
        &self,
        memory: &mut Memory<F>,
        objective: &mut Objective<'_, F, P, C>,
    ) -> Result<LbfgsStep>
    where
        F: Float,
        P: Parameters<F> + ?Sized,
        C: FnMut(&mut P) -> Result<f64>,
    {
        let mut x = objective.start()?;
        let mut point = objective.evaluate_finite()?;
        let (loss, mut iterations) = (point.loss, 0);
        let at_rest = |grad: &[F]| max_abs(grad) <= self.tolerance_grad;
        let stop = loop {
            if iterations == 0 && at_rest(&point.grad) {
                break LbfgsStop::Gradient;
            }
            iterations += 1;
            let Aim { d, t, slope } = memory.aim(&point.grad, self.lr, self.history_size);
            if slope > -self.tolerance_change {
                break LbfgsStop::Slope;
            }
            if t == 0.0 {
                break LbfgsStop::Move;
            }
            let before = point.loss;
            let t = match self.line_search {
                LineSearch::Fixed => {
                    if !objective.place(&x, t, &d)? {
                        let message = format!("a step of {t} takes the parameters to infinity");
                        return Err(Error::invalid("Lbfgs", message));
                    }
                    if iterations < self.max_iter {
                        point = objective.evaluate_finite()?;
                    }
                    t
                }
                LineSearch::StrongWolfe => {
                    let start = Trial { t: 0.0, loss: point.loss, slope, grad: point.grad };
                    let more = self.max_eval.saturating_sub(objective.evaluations);
                    let found = strong_wolfe(start, t, max_abs(&d), more, |t| {
                        if objective.place(&x, t, &d)? {
                            let point = objective.evaluate()?;
                            let slope =
                                if point.is_finite() { dot(&point.grad, &d) } else { f64::NAN };
                            if slope.is_finite() {
                                return Ok(Trial { t, loss: point.loss, slope, grad: point.grad });
                            }
                        }
                        Ok(Trial { t, loss: f64::INFINITY, slope: f64::NAN, grad: Vec::new() })
                    })?;
                    objective.place(&x, found.t, &d)?;
                    (point.loss, point.grad) = (found.loss, found.grad);
                    found.t
                }
            };
            add_scaled(&mut x, t, &d);
            memory.moved = d;
            scale(&mut memory.moved, t);

            if iterations == self.max_iter {
                break LbfgsStop::Iterations;
            }
            if objective.evaluations >= self.max_eval {
                break LbfgsStop::Evaluations;
            }
            if at_rest(&point.grad) {
                break LbfgsStop::Gradient;
            }
            if max_abs(&memory.moved) <= self.tolerance_change {
                break LbfgsStop::Move;
            }
            if (point.loss - before).abs() < self.tolerance_change {
                break LbfgsStop::Loss;
            }
        };
        Ok(LbfgsStep { loss, evaluations: objective.evaluations, iterations, stop })
    }
}

/// Where an iteration goes.
struct Aim<F> {
    d: Vec<F>,
    /// The first step length to try.
    t: f64,
    slope: f64,
}

impl<F: Float> Memory<F> {
    /// Learns from the last move, and says where to go from a point with this gradient.
    fn aim(&mut self, grad: &[F], lr: f64, history_size: usize) -> Aim<F> {
        let is_first = self.iterations == 0;
        self.iterations = self.iterations.saturating_add(1);
        let moved = std::mem::replace(&mut self.moved, vec![F::zero(); grad.len()]);
        let before = std::mem::replace(&mut self.grad, grad.to_vec());
        let downhill = || grad.iter().map(|g| -*g).collect();
        let (mut d, mut t): (Vec<F>, f64) = (downhill(), lr);
        if !is_first {
            let y = grad.iter().zip(&before).map(|(g, before)| *g - *before).collect();
            if let Some(pair) = Pair::new(moved, y) {
                self.history.push(pair, history_size);
            }
            self.history.precondition(self.history.scale(), &mut d);
        }
        let mut slope = dot(grad, &d);
        if is_first || !slope.is_finite() {
            self.history = History::new();
            let size = kernel::sum_blocks(
                grad,
                #[inline(always)]
                |g| g.abs(),
            );
            (d, t) = (downhill(), lr * (1.0 / size).min(1.0));
            slope = dot(grad, &d);
        }
        Aim { d, t, slope }
    }
}
