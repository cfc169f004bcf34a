//! Losses of several arrays of one shape that all want a gradient.

use super::elementwise::Domain;
use super::{Reduction, refuse_empty, require_each};
use ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, ndarray};

/// A loss of `N` arrays, one part at a time.
pub(super) trait Joint<const N: usize> {
    const NAME: &'static str;
    /// Whether a part is a vector along the last axis, or an element.
    const VECTORS: bool;
    /// What targets must be, one for each part, if there are any.
    const TARGET: Option<Domain>;
    /// What the arrays must be.
    const INPUTS: [Domain; N] = [Domain::Any; N];

    fn reduction(&self) -> Reduction;

    /// Refuses bad hyper-parameters.
    fn validate(&self) -> Result<()>;

    /// The loss of one part; fills its derivatives.
    fn part<F: Float>(&self, x: [&[F]; N], t: f64, dx: &mut [Vec<f64>; N]) -> f64;
}

pub(super) fn evaluate<F: Float, L: Joint<N>, const N: usize>(
    loss: &L,
    inputs: &[ArrayViewD<'_, F>; N],
    target: Option<&ArrayViewD<'_, F>>,
    grads: [Option<ArrayViewMutD<'_, F>>; N],
) -> Result<f64> {
    let shape = check(loss, inputs, target, &grads)?;
    let parts = shape.iter().product::<usize>() as f64;
    let divisor = loss.reduction().divisor(parts, shape.first().copied().unwrap_or(1));
    let mut sum = 0.0;
    run(loss, inputs, target, grads, |_| 1.0 / divisor, |_, value| sum += value);
    Ok(sum / divisor)
}

pub(super) fn each<F: Float, L: Joint<N>, const N: usize>(
    loss: &L,
    inputs: &[ArrayViewD<'_, F>; N],
    target: Option<&ArrayViewD<'_, F>>,
    losses: ArrayViewMutD<'_, F>,
    upstream: &ArrayViewD<'_, F>,
    grads: [Option<ArrayViewMutD<'_, F>>; N],
) -> Result<()> {
    let shape = check(loss, inputs, target, &grads)?;
    require_each(L::NAME, shape, &losses, Some(upstream))?;
    let upstream = upstream.as_standard_layout();
    let upstream = numbers(&upstream);
    with_numbers(losses, |losses| {
        let note = |i: usize, value| losses[i] = F::of(value);
        run(loss, inputs, target, grads, |i| upstream[i].widen(), note);
    });
    Ok(())
}

/// Everything that can be refused; gives the shape of the losses.
fn check<'a, F: Float, L: Joint<N>, const N: usize>(
    loss: &L,
    inputs: &'a [ArrayViewD<'_, F>; N],
    target: Option<&ArrayViewD<'_, F>>,
    grads: &[Option<ArrayViewMutD<'_, F>>; N],
) -> Result<&'a [usize]> {
    let shape = inputs[0].shape();
    for input in inputs {
        require_shape(L::NAME, ("input", input.shape()), ("first input", shape))?;
    }
    refuse_empty(L::NAME, shape)?;
    loss.validate()?;
    let each = match (L::VECTORS, shape.split_last()) {
        (false, _) => shape,
        (true, Some((_, before))) => before,
        (true, None) => {
            return Err(Error::invalid(L::NAME, "inputs are single numbers, it needs vectors"));
        }
    };
    match (L::TARGET, target) {
        (None, None) => {}
        (None, Some(_)) => return Err(Error::invalid(L::NAME, "has no target, one was given")),
        (Some(_), None) => return Err(Error::invalid(L::NAME, "needs a target, none was given")),
        (Some(domain), Some(target)) => {
            require_shape(L::NAME, ("target", target.shape()), ("losses", each))?;
            domain.require(L::NAME, "target", target)?;
        }
    }
    for (domain, input) in L::INPUTS.iter().zip(inputs) {
        domain.require(L::NAME, "input", input)?;
    }
    for grad in grads.iter().flatten() {
        require_shape(L::NAME, ("gradient", grad.shape()), ("inputs", shape))?;
    }
    Ok(each)
}

/// Tells `note` every loss and sets the gradients to the derivatives times `factor(part)`.
fn run<F: Float, L: Joint<N>, const N: usize>(
    loss: &L,
    inputs: &[ArrayViewD<'_, F>; N],
    target: Option<&ArrayViewD<'_, F>>,
    grads: [Option<ArrayViewMutD<'_, F>>; N],
    factor: impl Fn(usize) -> f64,
    mut note: impl FnMut(usize, f64),
) {
    let width = if L::VECTORS { inputs[0].shape().last().copied().unwrap_or(1) } else { 1 };
    let inputs = inputs.each_ref().map(|input| input.as_standard_layout());
    let inputs = inputs.each_ref().map(|input| numbers(input));
    let mut targets = target.map(|target| target.iter());
    let mut grads = grads.map(|grad| grad.map(IntoIterator::into_iter));
    let mut dx = [(); N].map(|()| vec![0.0; width]);
    for i in 0..inputs[0].len() / width {
        let x = inputs.map(|input| &input[i * width..(i + 1) * width]);
        let t = targets.as_mut().and_then(Iterator::next).map_or(0.0, |t| t.widen());
        note(i, loss.part(x, t, &mut dx));
        for (grad, dx) in grads.iter_mut().zip(&dx) {
            let Some(grad) = grad else { continue };
            for (slope, grad) in dx.iter().zip(grad) {
                *grad = F::of(factor(i) * slope);
            }
        }
    }
}

/// The trait from the formula for one part.
macro_rules! joint_loss {
    ($loss:ident, $n:literal) => {
        impl<F: tricks_tensor::Float> super::JointLoss<F, $n> for $loss {
            fn evaluate(
                &self,
                inputs: [tricks_tensor::ndarray::ArrayViewD<'_, F>; $n],
                target: Option<tricks_tensor::ndarray::ArrayViewD<'_, F>>,
                grads: [Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>; $n],
            ) -> tricks_tensor::Result<f64> {
                super::joint::evaluate(self, &inputs, target.as_ref(), grads)
            }

            fn each(
                &self,
                inputs: [tricks_tensor::ndarray::ArrayViewD<'_, F>; $n],
                target: Option<tricks_tensor::ndarray::ArrayViewD<'_, F>>,
                losses: tricks_tensor::ndarray::ArrayViewMutD<'_, F>,
                upstream: tricks_tensor::ndarray::ArrayViewD<'_, F>,
                grads: [Option<tricks_tensor::ndarray::ArrayViewMutD<'_, F>>; $n],
            ) -> tricks_tensor::Result<()> {
                super::joint::each(self, &inputs, target.as_ref(), losses, &upstream, grads)
            }
        }
    };
}
pub(super) use joint_loss;
