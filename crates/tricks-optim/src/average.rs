use tricks_tensor::{Float, kernel};

/// A running average of a parameter, lent to the update that moves the parameter.
#[derive(Debug)]
pub(crate) struct Averaged<'a, F> {
    pub(crate) values: &'a mut [F],
    /// The share that is kept.
    pub(crate) keep: f64,
}

impl<'a, F> Averaged<'a, F> {
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let (a, b) = self.values.split_at_mut(at);
        (Self { values: a, keep: self.keep }, Self { values: b, keep: self.keep })
    }
}

/// `a ← keep·a + (1 − keep)·θ`, compiled into the caller's loop.
#[inline(always)]
pub(crate) fn average_here<F: Float>(values: &mut [F], keep: f64, param: &[F]) {
    let (keep, fresh) = (F::of(keep), F::of(1.0 - keep));
    for (a, p) in values.iter_mut().zip(param) {
        *a = keep * *a + fresh * *p;
    }
}

/// [`average_here`] on all threads.
pub(crate) fn average<F: Float>(values: &mut [F], keep: f64, param: &[F]) {
    if kernel::worth_forking(values.len()) {
        let middle = values.len() / 2;
        let (a, b) = values.split_at_mut(middle);
        let (p, q) = param.split_at(middle);
        kernel::join(|| average(a, keep, p), || average(b, keep, q));
        return;
    }
    kernel::vectorize(
        #[inline(always)]
        || average_here(values, keep, param),
    );
}
