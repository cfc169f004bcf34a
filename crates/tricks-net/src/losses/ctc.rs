use super::{Reduction, refuse_empty, require_each};
use ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, math, ndarray};

/// Connectionist temporal classification: a sequence of labels in longer sequences of logits,
/// wherever in time each label may be.
///
/// # Formula
/// ```text
/// l      = −ln Σ_π Π_t p_t(π_t)      π: every path that spells the labels, once repeats are
///                                    merged and blanks dropped;  p_t = softmax(x_t)
/// dx_tk  = p_t(k) − γ_t(k)           γ_t(k): how likely such a path is at k at time t
/// L      = 1/n Σ l                   n: the number of sequences
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `blank` | | 0 | a class |
/// | `reduction` | | mean | mean, sum |
///
/// Logits are `[n, time, classes]`; of sequence `i` the first `frames[i]` count, the others have
/// gradient 0. Sums over paths are taken in logarithms, forward and backward in time: exact at
/// any size of the logits. Memory: `2 · frames · (2 · labels + 1)` numbers for the longest.
///
/// Notes: one by one Optax's `ctc_loss`, where frames and labels that do not count are padding.
/// PyTorch's `CTCLoss` takes log-probabilities as `[time, n, classes]`, and its mean divides each
/// sequence's loss by its number of labels first. Labels for which there are too few frames are
/// refused, where others give an infinity.
///
/// Source: Graves et al.: *Connectionist temporal classification*, ICML 2006, equations 8 and 16.
///
/// ```
/// use tricks_net::losses::Ctc;
/// use tricks_tensor::ndarray::Array;
/// // Two frames of two classes at random: "1" is spelled by 11, 01 and 10, three paths of four.
/// let logits = Array::<f64, _>::zeros(vec![1, 2, 2]);
/// let loss = Ctc::default().evaluate(logits.view(), &[2], &[&[1]], None)?;
/// assert!((loss - (4f64 / 3.0).ln()).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ctc {
    /// The class that spells nothing.
    pub blank: usize,
    /// How the sequences' losses become one number.
    pub reduction: Reduction,
}

const NAME: &str = "Ctc";

impl Ctc {
    /// The loss, and if `dx` is lent, its gradient with respect to the logits.
    ///
    /// # Errors
    /// An empty batch, shapes that do not fit, a label that is the blank or no class, too few
    /// frames for the labels. Then `dx` is untouched.
    pub fn evaluate<F: Float>(
        &self,
        x: ArrayViewD<'_, F>,
        frames: &[usize],
        labels: &[&[usize]],
        dx: Option<ArrayViewMutD<'_, F>>,
    ) -> Result<f64> {
        self.check(x.shape(), frames, labels, dx.as_ref())?;
        let samples = x.shape()[0];
        let divisor = self.reduction.divisor(samples as f64, samples);
        let mut sum = 0.0;
        self.run(&x, frames, labels, dx, |_| 1.0 / divisor, |_, value| sum += value);
        Ok(sum / divisor)
    }

    /// The loss of every sequence, whatever the reduction; and from `back`, the gradient of the
    /// loss with respect to them and an array to fill, the gradient with respect to the logits.
    ///
    /// # Errors
    /// As [`Ctc::evaluate`]; `losses` or the upstream gradient not of shape `[n]`.
    pub fn each<F: Float>(
        &self,
        x: ArrayViewD<'_, F>,
        frames: &[usize],
        labels: &[&[usize]],
        losses: ArrayViewMutD<'_, F>,
        back: Option<(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>)>,
    ) -> Result<()> {
        let (upstream, dx) = back.unzip();
        self.check(x.shape(), frames, labels, dx.as_ref())?;
        require_each(NAME, &x.shape()[..1], &losses, upstream.as_ref())?;
        let upstream = upstream.as_ref().map(|upstream| upstream.as_standard_layout());
        let upstream = upstream.as_ref().map_or(&[][..], |upstream| numbers(upstream));
        with_numbers(losses, |losses| {
            let note = |i: usize, value| losses[i] = F::of(value);
            self.run(&x, frames, labels, dx, |i| upstream[i].widen(), note);
        });
        Ok(())
    }

    fn check<F: Float>(
        &self,
        x: &[usize],
        frames: &[usize],
        labels: &[&[usize]],
        dx: Option<&ArrayViewMutD<'_, F>>,
    ) -> Result<()> {
        let &[samples, time, classes] = x else {
            let message = format!("logits have shape {x:?}, expected [n, time, classes]");
            return Err(Error::invalid(NAME, message));
        };
        refuse_empty(NAME, x)?;
        require_shape(NAME, ("frames", &[frames.len()]), ("sequences", &[samples]))?;
        require_shape(NAME, ("labels", &[labels.len()]), ("sequences", &[samples]))?;
        if let Some(dx) = dx {
            require_shape(NAME, ("gradient", dx.shape()), ("logits", x))?;
        }
        let blank = self.blank;
        if blank >= classes {
            return Err(Error::invalid(NAME, format!("blank is {blank} of {classes} classes")));
        }
        for (i, (&frames, labels)) in frames.iter().zip(labels).enumerate() {
            if frames > time {
                let message = format!("sequence {i} has {frames} frames, logits {time}");
                return Err(Error::invalid(NAME, message));
            }
            if let Some(&label) = labels.iter().find(|&&label| label >= classes || label == blank) {
                let message = format!(
                    "sequence {i} has label {label}, must be below {classes} and not the blank"
                );
                return Err(Error::invalid(NAME, message));
            }
            let repeats = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
            if frames < labels.len() + repeats {
                let message = format!(
                    "sequence {i} has {frames} frames, its labels need {}",
                    labels.len() + repeats
                );
                return Err(Error::invalid(NAME, message));
            }
        }
        Ok(())
    }

    /// Tells `note` every loss and fills `dx` with the derivatives times `factor(sequence)`.
    fn run<F: Float>(
        &self,
        x: &ArrayViewD<'_, F>,
        frames: &[usize],
        labels: &[&[usize]],
        dx: Option<ArrayViewMutD<'_, F>>,
        factor: impl Fn(usize) -> f64,
        mut note: impl FnMut(usize, f64),
    ) {
        let (size, classes) = (x.shape()[1] * x.shape()[2], x.shape()[2]);
        let x = x.as_standard_layout();
        let mut all = |mut dx: Option<&mut [F]>| {
            for (i, x) in numbers(&x).chunks_exact(size).enumerate() {
                let sequence =
                    Sequence::new(&x[..frames[i] * classes], classes, labels[i], self.blank);
                note(i, sequence.loss());
                if let Some(dx) = &mut dx {
                    sequence.gradient(factor(i), &mut dx[i * size..(i + 1) * size]);
                }
            }
        };
        match dx {
            Some(dx) => with_numbers(dx, |dx| all(Some(dx))),
            None => all(None),
        }
    }
}

/// One sequence. Its states are the labels with blanks between and around them.
struct Sequence {
    states: Vec<usize>,
    classes: usize,
    /// `ln p_t(k)`.
    ln_p: Vec<f64>,
    /// `forward[t][s]`: the paths from the start that are in state `s` at `t`, in logarithms.
    forward: Vec<f64>,
    /// `backward[t][s]`: the paths from there to the end, without `t` itself.
    backward: Vec<f64>,
}

const NEVER: f64 = f64::NEG_INFINITY;

impl Sequence {
    fn new<F: Float>(x: &[F], classes: usize, labels: &[usize], blank: usize) -> Self {
        let ln_p = x.chunks_exact(classes).flat_map(|x| {
            let log_sum = log_sum(x.iter().map(|x| x.widen()));
            x.iter().map(move |x| x.widen() - log_sum)
        });
        let ln_p: Vec<f64> = ln_p.collect();
        let states = labels.iter().flat_map(|label| [blank, *label]).chain([blank]);
        let states: Vec<usize> = states.collect();
        // From a state one may stay, go on, or skip the blank between two different labels.
        let skips = |s: usize| s >= 2 && states[s] != blank && states[s] != states[s - 2];
        let (n, time) = (states.len(), x.len() / classes);
        let emits = |t: usize, s: usize| ln_p[t * classes + states[s]];

        let mut forward = vec![NEVER; time * n];
        for t in 0..time {
            let (past, now) = forward.split_at_mut(t * n);
            let past = |s: usize| past[(t - 1) * n + s];
            for (s, now) in now[..n].iter_mut().enumerate() {
                let before = match t {
                    0 if s < 2 => 0.0,
                    0 => NEVER,
                    _ => log_sum(
                        [
                            past(s),
                            if s >= 1 { past(s - 1) } else { NEVER },
                            if skips(s) { past(s - 2) } else { NEVER },
                        ]
                        .into_iter(),
                    ),
                };
                *now = before + emits(t, s);
            }
        }

        let mut backward = vec![NEVER; time * n];
        for t in (0..time).rev() {
            let (now, next) = backward.split_at_mut((t + 1) * n);
            let next = |s: usize| next[s] + emits(t + 1, s);
            for s in 0..n {
                now[t * n + s] = match t + 1 == time {
                    true if s + 2 >= n => 0.0,
                    true => NEVER,
                    false => log_sum(
                        [
                            next(s),
                            if s + 1 < n { next(s + 1) } else { NEVER },
                            if s + 2 < n && skips(s + 2) { next(s + 2) } else { NEVER },
                        ]
                        .into_iter(),
                    ),
                };
            }
        }
        Self { states, classes, ln_p, forward, backward }
    }

    fn loss(&self) -> f64 {
        let n = self.states.len();
        match self.forward.len().checked_sub(n) {
            // No frames, and then no labels: nothing is spelled for sure.
            None => 0.0,
            Some(last) => -log_sum(self.forward[last..].iter().rev().take(2).copied()),
        }
    }

    fn gradient<F: Float>(&self, factor: f64, dx: &mut [F]) {
        let (n, loss) = (self.states.len(), self.loss());
        let (mut slopes, mut frames) = (vec![0.0; self.classes], dx.chunks_exact_mut(self.classes));
        for (t, ln_p) in self.ln_p.chunks_exact(self.classes).enumerate() {
            slopes.iter_mut().zip(ln_p).for_each(|(slope, ln_p)| *slope = math::exp(*ln_p));
            for (s, state) in self.states.iter().enumerate() {
                let path = self.forward[t * n + s] + self.backward[t * n + s];
                slopes[*state] -= math::exp(path + loss);
            }
            let Some(dx) = frames.next() else { break };
            dx.iter_mut().zip(&slopes).for_each(|(dx, slope)| *dx = F::of(factor * slope));
        }
        frames.flatten().for_each(|dx| *dx = F::zero());
    }
}

/// `ln Σ eˣ`, at any size of the numbers.
fn log_sum(x: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = x.clone().fold(NEVER, f64::max);
    if largest == NEVER && !x.clone().any(f64::is_nan) {
        return NEVER;
    }
    largest + math::ln(x.map(|x| math::exp(x - largest)).sum())
}
