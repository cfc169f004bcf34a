use tricks_tensor::kernel::{join, vectorize, worth_forking};
use tricks_tensor::{Float, Grad, ParamKind, Parameters, Path, Place, Result};

/// A term of the loss that depends on a parameter alone.
///
/// A parameter is its numbers in C order and their shape: `[outputs, inputs, …]` for a weight. Most
/// penalties look at single numbers, and take any shape.
///
/// ```
/// use tricks_regularize::{L2, Penalty};
/// let (w, mut grad) = ([3.0, -4.0], [1.0, 1.0]);
/// let l2 = L2 { lambda: 0.1 };
/// assert_eq!(l2.value(&w, &[2]), 0.1 / 2.0 * 25.0);
/// l2.add_grad(&w, &[2], &mut grad);
/// assert_eq!(grad, [1.0 + 0.1 * 3.0, 1.0 - 0.1 * 4.0]);
/// ```
pub trait Penalty<F: Float>: Send + Sync {
    /// The penalty of one parameter.
    fn value(&self, w: &[F], shape: &[usize]) -> f64;

    /// Adds the derivative of [`value`](Penalty::value) to a gradient.
    ///
    /// # Panics
    /// If the lengths differ; [`penalize`] checks them first.
    fn add_grad(&self, w: &[F], shape: &[usize], grad: &mut [F]);

    /// Refuses hyper-parameters outside their range.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper).
    fn validate(&self) -> Result<()>;

    /// Refuses a parameter of a shape it means nothing for; by default none.
    ///
    /// # Errors
    /// What the shape lacks, with the parameter's name.
    fn check(&self, _: &Place<'_>) -> Result<()> {
        Ok(())
    }
}

/// Adds a penalty's gradient to that of every weight, and gives its value, to be added to the loss
/// that is reported.
///
/// Weights are what is visited as [`ParamKind::Weight`]: biases, embeddings and normalization are
/// left out; [`penalize_where`] chooses otherwise. Call it after the backward pass, which sets
/// gradients, and before clipping.
///
/// A parameter without a gradient this step adds nothing to the value either: value and gradient
/// always belong together. Where the gradient holds some rows only, these rows are penalized, as a
/// parameter of their own.
///
/// ```
/// use tricks_regularize::{L1, penalize};
/// let (mut w, mut grad) = ([2.0, 0.0, -1.0], [0.0; 3]);
/// let loss = 0.25 + penalize(&L1 { lambda: 0.5 }, &mut [("w", &mut w[..], &mut grad[..])])?;
/// assert_eq!(loss, 0.25 + 0.5 * 3.0);
/// assert_eq!(grad, [0.5, 0.0, -0.5]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`penalize_where`].
pub fn penalize<F: Float>(
    penalty: &(impl Penalty<F> + ?Sized),
    params: &mut (impl Parameters<F> + ?Sized),
) -> Result<f64> {
    penalize_where(penalty, params, |place| place.kind == ParamKind::Weight)
}

/// [`penalize`] for the parameters that `select` chooses, by kind, name or shape. It is asked twice
/// for each: everything is checked before anything is changed.
///
/// ```
/// use tricks_regularize::{L2, penalize_where};
/// let (mut a, mut b) = ([1.0, 1.0], [10.0]);
/// let (mut da, mut db) = ([0.0; 2], [0.0]);
/// let mut params = [("a", &mut a[..], &mut da[..]), ("b", &mut b[..], &mut db[..])];
/// let l2 = L2 { lambda: 1.0 };
/// assert_eq!(penalize_where(&l2, &mut params, |place| !place.path.is("b"))?, 1.0);
/// assert_eq!((da, db), ([1.0, 1.0], [0.0]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// A hyper-parameter outside its range; values or a gradient of another length than the shape's; a
/// shape the penalty refuses. No gradient is touched then.
pub fn penalize_where<F: Float>(
    penalty: &(impl Penalty<F> + ?Sized),
    params: &mut (impl Parameters<F> + ?Sized),
    mut select: impl FnMut(&Place<'_>) -> bool,
) -> Result<f64> {
    let mut value = 0.0;
    each_selected(penalty, params, &mut select, |w, shape, grad| {
        value += penalty.value(w, shape);
        penalty.add_grad(w, shape, grad);
    })?;
    Ok(value)
}

/// Calls `f` with values, shape and gradient of every selected parameter that has a gradient, or of
/// the rows that have one; everything is checked before the first call.
pub(crate) fn each_selected<F: Float>(
    penalty: &(impl Penalty<F> + ?Sized),
    params: &mut (impl Parameters<F> + ?Sized),
    select: &mut impl FnMut(&Place<'_>) -> bool,
    mut f: impl FnMut(&mut [F], &[usize], &mut [F]),
) -> Result<()> {
    penalty.validate()?;
    let mut checked = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| {
        if checked.is_ok() {
            checked = place.check(&param);
        }
        if checked.is_ok() && !matches!(param.grad, Grad::Absent) && select(&place) {
            checked = penalty.check(&place);
        }
    });
    checked?;
    params.visit(&Path::ROOT, &mut |place, param| {
        if matches!(param.grad, Grad::Absent) || !select(&place) {
            return;
        }
        match param.grad {
            Grad::Dense(grad) => f(param.value, place.shape, grad),
            Grad::Rows { rows, values } => {
                let shape = [&[rows.len()], place.shape.get(1..).unwrap_or_default()].concat();
                let width = shape[1..].iter().product::<usize>();
                let range = |row: &usize| row * width..(row + 1) * width;
                let mut held =
                    rows.iter().map(|row| &param.value[range(row)]).collect::<Vec<_>>().concat();
                f(&mut held, &shape, values);
                for (row, held) in rows.iter().zip(held.chunks_exact(width.max(1))) {
                    param.value[range(row)].copy_from_slice(held);
                }
            }
            _ => {}
        }
    });
    Ok(())
}

/// `grad ← grad + slope(w)`, element by element; `slope` must be a closure marked
/// `#[inline(always)]`.
pub(crate) fn add_slope<F: Float>(
    w: &[F],
    grad: &mut [F],
    slope: impl Fn(F) -> F + Copy + Send + Sync,
) {
    assert_eq!(w.len(), grad.len(), "a gradient has as many numbers as its parameter");
    if worth_forking(w.len()) {
        let middle = w.len() / 2;
        let (w0, w1) = w.split_at(middle);
        let (grad0, grad1) = grad.split_at_mut(middle);
        join(|| add_slope(w0, grad0, slope), || add_slope(w1, grad1, slope));
        return;
    }
    vectorize(
        #[inline(always)]
        || grad.iter_mut().zip(w).for_each(|(grad, &w)| *grad += slope(w)),
    );
}

/// `w ← f(w)`, element by element; `f` must be a closure marked `#[inline(always)]`.
pub(crate) fn map<F: Float>(w: &mut [F], f: impl Fn(F) -> F + Copy + Send + Sync) {
    if worth_forking(w.len()) {
        let (w0, w1) = w.split_at_mut(w.len() / 2);
        join(|| map(w0, f), || map(w1, f));
        return;
    }
    vectorize(
        #[inline(always)]
        || w.iter_mut().for_each(|w| *w = f(*w)),
    );
}

/// `sign w`, and 0 for 0: the subgradient of `|w|` that leaves zeros alone.
#[inline(always)]
pub(crate) fn sign<F: Float>(w: F) -> F {
    let of = |holds: bool| if holds { F::one() } else { F::zero() };
    of(w > F::zero()) - of(w < F::zero())
}
