//! Losses of one row of scores at a time: the classes are the second axis of `[n, classes, …]`, or
//! the last of all.

use super::elementwise::Domain;
use super::{Reduction, Target, refuse_empty, require_each};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::kernel::vectorize;
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, math, ndarray};

/// The numbers of one row, every `stride`-th of a slice that begins with the first.
#[derive(Clone, Copy)]
pub(super) struct Row<'a, F> {
    numbers: &'a [F],
    stride: usize,
}

impl<F: Float> Row<'_, F> {
    pub(super) fn at(&self, j: usize) -> f64 {
        self.numbers[j * self.stride].widen()
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len().div_ceil(self.stride)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f64> + Clone {
        self.numbers.iter().step_by(self.stride).map(|x| x.widen())
    }

    pub(super) fn softmax(&self) -> Softmax {
        let (_, largest) = largest(self.iter());
        let mut sum = 0.0;
        self.exponentials(largest, |_, _, e| sum += e);
        Softmax { largest, sum, log_sum: math::ln(sum) }
    }

    /// Calls `f` with the place, the number x and `e^(x − largest)` of every number, in order.
    fn exponentials(&self, largest: f64, mut f: impl FnMut(usize, f64, f64)) {
        // A block at a time, so that vector instructions can be used.
        let (mut numbers, mut block) = ([0.0; BLOCK], [0.0; BLOCK]);
        for first in (0..self.len()).step_by(BLOCK) {
            let count = BLOCK.min(self.len() - first);
            let (numbers, block) = (&mut numbers[..count], &mut block[..count]);
            numbers.iter_mut().enumerate().for_each(|(i, x)| *x = self.at(first + i));
            vectorize(
                #[inline(always)]
                || {
                    block
                        .iter_mut()
                        .zip(&*numbers)
                        .for_each(|(e, x)| *e = (x - largest).exp_exact())
                },
            );
            for (i, (x, e)) in numbers.iter().zip(block).enumerate() {
                f(first + i, *x, *e);
            }
        }
    }
}

/// Exponentials that are computed together.
const BLOCK: usize = 32;

/// The place of the largest number, the first of equals, and the number; a NaN is larger than all.
pub(super) fn largest(numbers: impl Iterator<Item = f64>) -> (usize, f64) {
    let first = (0, f64::NEG_INFINITY);
    numbers.enumerate().fold(first, |max, x| if x.1 > max.1 || x.1.is_nan() { x } else { max })
}

/// The probabilities of one row of logits. The largest is subtracted first: exact at any size.
pub(super) struct Softmax {
    largest: f64,
    sum: f64,
    log_sum: f64,
}

impl Softmax {
    /// Calls `f` with the place, the logit and the probability of every class of the row it is of.
    pub(super) fn each<F: Float>(&self, row: Row<'_, F>, mut f: impl FnMut(usize, f64, f64)) {
        row.exponentials(self.largest, |j, x, e| f(j, x, e / self.sum));
    }

    /// `−ln p`, of the logit, not of the probability.
    pub(super) fn surprise(&self, x: f64) -> f64 {
        self.log_sum - (x - self.largest)
    }
}

/// Where the gradient of one row goes.
pub(super) struct RowGrad<'a, F> {
    numbers: &'a mut [F],
    stride: usize,
    factor: f64,
}

impl<F: Float> RowGrad<'_, F> {
    /// Sets the gradient of the number at `j` from the derivative of the row's loss.
    pub(super) fn set(&mut self, j: usize, slope: f64) {
        self.numbers[j * self.stride] = F::of(self.factor * slope);
    }
}

/// What a row is held against.
#[derive(Clone, Copy)]
pub(super) enum Want<'a, F> {
    Label(usize),
    Values(Row<'a, F>),
}

impl<F: Float> Want<'_, F> {
    /// The wanted probability of class `j`.
    pub(super) fn of(&self, j: usize) -> f64 {
        match self {
            Want::Label(label) => f64::from(u8::from(*label == j)),
            Want::Values(values) => values.at(j),
        }
    }

    /// The label, in losses that take no values.
    pub(super) fn label(&self) -> usize {
        match self {
            Want::Label(label) => *label,
            Want::Values(_) => unreachable!("check refuses values"),
        }
    }
}

/// A loss of one row at a time.
pub(super) trait Rowwise {
    const NAME: &'static str;
    /// What the scores are called in messages.
    const SCORES: &'static str = "scores";
    /// Whether labels are targets.
    const LABELS: bool = true;
    /// Whether values are, and what they must be.
    const VALUES: Option<Domain> = None;

    fn reduction(&self) -> Reduction;

    /// Whether the classes are the last axis and not the second.
    fn classes_last(&self) -> bool {
        false
    }

    /// Refuses bad hyper-parameters.
    fn validate(&self, classes: usize) -> Result<()> {
        let _ = classes;
        Ok(())
    }

    /// Whether rows with this label count for nothing.
    fn ignores(&self, label: usize) -> bool {
        let _ = label;
        false
    }

    /// What a row with this label counts in a mean.
    fn share(&self, label: usize) -> f64 {
        let _ = label;
        1.0
    }

    /// The loss of one row; fills all of `dx` if it is there.
    fn row<F: Float>(&self, x: Row<'_, F>, want: Want<'_, F>, dx: Option<RowGrad<'_, F>>) -> f64;
}

/// The axis of the classes in an output of so many axes.
fn class_axis(loss: &impl Rowwise, axes: usize) -> usize {
    if loss.classes_last() { axes.saturating_sub(1) } else { 1 }
}

pub(super) fn each_shape(loss: &impl Rowwise, y: &[usize]) -> IxDyn {
    let classes = class_axis(loss, y.len());
    let without = |(axis, size): (usize, &usize)| (axis != classes).then_some(*size);
    IxDyn(&y.iter().enumerate().filter_map(without).collect::<Vec<_>>())
}

pub(super) fn check<F: Float, L: Rowwise>(
    loss: &L,
    y: &[usize],
    target: &Target<'_, F>,
) -> Result<()> {
    check_shapes(loss, y, target)?;
    match target {
        Target::Labels(labels)
            if loss.reduction() == Reduction::Mean && shares(loss, labels) == 0.0 =>
        {
            let message =
                "every label is ignored or has weight 0: the mean loss of nothing is undefined";
            Err(Error::invalid(L::NAME, message))
        }
        _ => Ok(()),
    }
}

fn check_shapes<F: Float, L: Rowwise>(loss: &L, y: &[usize], target: &Target<'_, F>) -> Result<()> {
    if y.len() < 2 {
        let wanted =
            if loss.classes_last() { "[rows, …, classes]" } else { "[rows, classes, …]" };
        let message = format!("{} have shape {y:?}, expected {wanted}", L::SCORES);
        return Err(Error::invalid(L::NAME, message));
    }
    refuse_empty(L::NAME, y)?;
    let classes = y[class_axis(loss, y.len())];
    loss.validate(classes)?;
    match target {
        Target::Labels(labels) => {
            if !L::LABELS {
                let message = "the targets are labels, it needs values";
                return Err(Error::invalid(L::NAME, message));
            }
            let rows = y.iter().product::<usize>() / classes;
            let of = if L::SCORES == "logits" { "rows of logits" } else { "rows of scores" };
            require_shape(L::NAME, ("labels", &[labels.len()]), (of, &[rows]))?;
            let wrong = |&label: &usize| label >= classes && !loss.ignores(label);
            let Some(row) = labels.iter().position(wrong) else { return Ok(()) };
            let (value, limit) = (labels[row] as u64, classes as u64);
            Err(Error::Data { name: "labels".into(), row, value, limit })
        }
        Target::Values(values) => {
            let Some(domain) = L::VALUES else {
                let message = "the targets are values, it needs labels";
                return Err(Error::invalid(L::NAME, message));
            };
            require_shape(L::NAME, ("targets", values.shape()), (L::SCORES, y))?;
            domain.require(L::NAME, "target", values)
        }
    }
}

fn shares<L: Rowwise>(loss: &L, labels: &[usize]) -> f64 {
    let counted = labels.iter().filter(|label| !loss.ignores(**label));
    counted.map(|label| loss.share(*label)).sum()
}

pub(super) fn evaluate<F: Float, L: Rowwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &Target<'_, F>,
    dy: Option<ArrayViewMutD<'_, F>>,
) -> Result<f64> {
    check(loss, y.shape(), target)?;
    check_gradient::<F, L>(y, dy.as_ref())?;
    let shares = match target {
        Target::Labels(labels) => shares(loss, labels),
        Target::Values(_) => (y.len() / y.shape()[class_axis(loss, y.ndim())]) as f64,
    };
    let divisor = loss.reduction().divisor(shares, y.shape()[0]);
    let mut sum = 0.0;
    run(loss, y, target, dy, |_| 1.0 / divisor, |_, value| sum += value);
    Ok(sum / divisor)
}

pub(super) fn each<F: Float, L: Rowwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &Target<'_, F>,
    losses: ArrayViewMutD<'_, F>,
    back: Option<(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>)>,
) -> Result<()> {
    let (upstream, dy) = back.unzip();
    // One by one there is no mean that could be of nothing.
    check_shapes(loss, y.shape(), target)?;
    check_gradient::<F, L>(y, dy.as_ref())?;
    let shape = each_shape(loss, y.shape());
    require_each(L::NAME, ndarray::Dimension::slice(&shape), &losses, upstream.as_ref())?;
    let upstream = upstream.as_ref().map(|upstream| upstream.as_standard_layout());
    let upstream = upstream.as_ref().map_or(&[][..], |upstream| numbers(upstream));
    with_numbers(losses, |losses| {
        let note = |i: usize, value| losses[i] = F::of(value);
        run(loss, y, target, dy, |i| upstream[i].widen(), note);
    });
    Ok(())
}

fn check_gradient<F: Float, L: Rowwise>(
    y: &ArrayViewD<'_, F>,
    dy: Option<&ArrayViewMutD<'_, F>>,
) -> Result<()> {
    match dy {
        Some(dy) => require_shape(L::NAME, ("gradient", dy.shape()), ("output", y.shape())),
        None => Ok(()),
    }
}

/// Tells `note` the loss of every row and fills `dy` with the derivatives times `factor(row)`.
fn run<F: Float, L: Rowwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &Target<'_, F>,
    dy: Option<ArrayViewMutD<'_, F>>,
    factor: impl Fn(usize) -> f64,
    note: impl FnMut(usize, f64),
) {
    let y = y.as_standard_layout();
    let (_, from_classes) = y.shape().split_at(class_axis(loss, y.ndim()));
    let shape = (from_classes[0], from_classes[1..].iter().product());
    let y = numbers(&y);
    let values = match target {
        Target::Values(values) => Some(values.as_standard_layout()),
        Target::Labels(_) => None,
    };
    let want = match target {
        Target::Labels(labels) => Wanted::Labels(labels),
        Target::Values(_) => Wanted::Values(values.as_ref().map_or(&[], |v| numbers(v))),
    };
    match dy {
        None => rows(loss, shape, y, want, None, factor, note),
        Some(dy) => with_numbers(dy, |dy| rows(loss, shape, y, want, Some(dy), factor, note)),
    }
}

/// The targets of all rows.
#[derive(Clone, Copy)]
enum Wanted<'a, F> {
    Labels(&'a [usize]),
    Values(&'a [F]),
}

fn rows<F: Float, L: Rowwise>(
    loss: &L,
    (classes, inner): (usize, usize),
    y: &[F],
    want: Wanted<'_, F>,
    mut dy: Option<&mut [F]>,
    factor: impl Fn(usize) -> f64,
    mut note: impl FnMut(usize, f64),
) {
    for i in 0..y.len() / classes {
        // Row `i` begins at its place inside its sample and ends before the next sample.
        let first = i / inner * classes * inner + i % inner;
        let span = first..first - i % inner + classes * inner;
        let want = match want {
            Wanted::Labels(labels) if loss.ignores(labels[i]) => {
                note(i, 0.0);
                if let Some(dy) = &mut dy {
                    dy[span].iter_mut().step_by(inner).for_each(|dy| *dy = F::zero());
                }
                continue;
            }
            Wanted::Labels(labels) => Want::Label(labels[i]),
            Wanted::Values(values) => {
                Want::Values(Row { numbers: &values[span.clone()], stride: inner })
            }
        };
        let x = Row { numbers: &y[span.clone()], stride: inner };
        let dx = dy.as_deref_mut().map(|dy| RowGrad {
            numbers: &mut dy[span],
            stride: inner,
            factor: factor(i),
        });
        note(i, loss.row(x, want, dx));
    }
}
