//! Losses that are a sum over elements of an output and a target of one shape.

use super::{Reduction, Target, refuse_empty, require_each};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, hyper, ndarray};

/// Which numbers a loss can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    Any,
    Probability,
    NonNegative,
    /// −1 or 1.
    Sign,
}

impl Domain {
    pub(super) fn require<F: Float>(
        self,
        owner: &'static str,
        what: &'static str,
        numbers: &ArrayViewD<'_, F>,
    ) -> Result<()> {
        let (fits, words): (fn(f64) -> bool, _) = match self {
            Domain::Any => return Ok(()),
            Domain::Probability => (|x| (0.0..=1.0).contains(&x), "in [0, 1]"),
            Domain::NonNegative => (|x| x >= 0.0 && x.is_finite(), "finite and at least 0"),
            Domain::Sign => (|x| x.abs() == 1.0, "1 or -1"),
        };
        let found = numbers.iter().enumerate().find(|(_, x)| !fits(x.widen()));
        let Some((at, x)) = found else { return Ok(()) };
        Err(Error::invalid(owner, format!("{what} is {x} at flat index {at}, must be {words}")))
    }
}

/// A loss of one element at a time.
pub(super) trait Elementwise {
    const NAME: &'static str;
    /// What outputs must be.
    const OUTPUTS: Domain = Domain::Any;

    fn reduction(&self) -> Reduction;

    /// What targets must be.
    fn targets(&self) -> Domain {
        Domain::Any
    }

    /// Refuses bad hyper-parameters; `width` is the length of the last axis.
    fn validate(&self, width: usize) -> Result<()> {
        let _ = width;
        Ok(())
    }

    /// The loss of `y` against `t` and its derivative with respect to `y`; `column` is the place
    /// on the last axis.
    fn element(&self, y: f64, t: f64, column: usize) -> (f64, f64);
}

fn values<'t, 'a, F>(
    name: &'static str,
    target: &'t Target<'a, F>,
) -> Result<&'t ArrayViewD<'a, F>> {
    match target {
        Target::Values(values) => Ok(values),
        Target::Labels(_) => Err(Error::invalid(name, "the targets are labels, it needs values")),
    }
}

pub(super) fn each_shape(_: &impl Elementwise, y: &[usize]) -> IxDyn {
    IxDyn(y)
}

pub(super) fn check<F: Float, L: Elementwise>(
    loss: &L,
    y: &[usize],
    target: &Target<'_, F>,
) -> Result<()> {
    let target = values(L::NAME, target)?;
    require_shape(L::NAME, ("target", target.shape()), ("output", y))?;
    refuse_empty(L::NAME, y)?;
    loss.validate(y.last().copied().unwrap_or(1))?;
    loss.targets().require(L::NAME, "target", target)
}

pub(super) fn evaluate<F: Float, L: Elementwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &Target<'_, F>,
    dy: Option<ArrayViewMutD<'_, F>>,
) -> Result<f64> {
    let target = checked(loss, y, target, dy.as_ref())?;
    let samples = y.shape().first().copied().unwrap_or(1);
    let divisor = loss.reduction().divisor(y.len() as f64, samples);
    let mut sum = 0.0;
    run(loss, y, target, dy, |_| 1.0 / divisor, |_, value| sum += value);
    Ok(sum / divisor)
}

pub(super) fn each<F: Float, L: Elementwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &Target<'_, F>,
    losses: ArrayViewMutD<'_, F>,
    back: Option<(ArrayViewD<'_, F>, ArrayViewMutD<'_, F>)>,
) -> Result<()> {
    let (upstream, dy) = back.unzip();
    let target = checked(loss, y, target, dy.as_ref())?;
    require_each(L::NAME, y.shape(), &losses, upstream.as_ref())?;
    let upstream = upstream.as_ref().map(|upstream| upstream.as_standard_layout());
    let upstream = upstream.as_ref().map_or(&[][..], |upstream| numbers(upstream));
    with_numbers(losses, |losses| {
        let note = |i: usize, value| losses[i] = F::of(value);
        run(loss, y, target, dy, |i| upstream[i].widen(), note);
    });
    Ok(())
}

/// Everything that can be refused; gives the target's values.
fn checked<'t, 'a, F: Float, L: Elementwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &'t Target<'a, F>,
    dy: Option<&ArrayViewMutD<'_, F>>,
) -> Result<&'t ArrayViewD<'a, F>> {
    check(loss, y.shape(), target)?;
    L::OUTPUTS.require(L::NAME, "output", y)?;
    if let Some(dy) = dy {
        require_shape(L::NAME, ("gradient", dy.shape()), ("output", y.shape()))?;
    }
    values(L::NAME, target)
}

/// Tells `note` every loss and fills `dy` with the derivatives times `factor(i)`.
fn run<F: Float, L: Elementwise>(
    loss: &L,
    y: &ArrayViewD<'_, F>,
    target: &ArrayViewD<'_, F>,
    dy: Option<ArrayViewMutD<'_, F>>,
    factor: impl Fn(usize) -> f64,
    mut note: impl FnMut(usize, f64),
) {
    let width = y.shape().last().copied().unwrap_or(1);
    let elements = y.iter().zip(target).enumerate().map(|(i, (y, t))| {
        let (value, slope) = loss.element(y.widen(), t.widen(), i % width);
        note(i, value);
        slope
    });
    match dy {
        None => elements.for_each(drop),
        Some(dy) => with_numbers(dy, |dy| {
            for (i, (slope, dy)) in elements.zip(dy).enumerate() {
                *dy = F::of(factor(i) * slope);
            }
        }),
    }
}

/// Weights for the columns of the last axis.
pub(super) fn check_weights(
    owner: &'static str,
    field: &'static str,
    weights: Option<&[f64]>,
    (count, of): (usize, &'static str),
) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    if weights.len() != count {
        let message = format!("{field} has {} numbers for {count} {of}", weights.len());
        return Err(Error::invalid(owner, message));
    }
    weights.iter().try_for_each(|weight| hyper::non_negative(owner, field, *weight))
}

/// Both traits of a loss from its formula for one element or one row.
macro_rules! loss_by {
    ($kind:ident, $loss:ident) => {
        impl<F: tricks_tensor::Float> super::Loss<F> for $loss {
            fn check(
                &self,
                y: &[usize],
                target: &super::Target<'_, F>,
            ) -> tricks_tensor::Result<()> {
                super::$kind::check(self, y, target)
            }

            fn evaluate(
                &self,
                y: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                target: super::Target<'_, F>,
                dy: Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>,
            ) -> tricks_tensor::Result<f64> {
                super::$kind::evaluate(self, &y, &target, dy)
            }
        }

        impl<F: tricks_tensor::Float> super::EachLoss<F> for $loss {
            fn each_shape(&self, y: &[usize]) -> tricks_tensor::ndarray::IxDyn {
                super::$kind::each_shape(self, y)
            }

            fn each(
                &self,
                y: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                target: super::Target<'_, F>,
                losses: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
                back: Option<(
                    tricks_tensor::ndarray::ArrayViewD<'_, F>,
                    tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
                )>,
            ) -> tricks_tensor::Result<()> {
                super::$kind::each(self, &y, &target, losses, back)
            }
        }
    };
}
pub(super) use loss_by;
