use super::history::add_scaled;
use crate::shadow::Shadow;
use crate::transform::refuse_rows;
use tricks_tensor::{Error, Float, Parameters, Result, kernel};

/// The loss as a function of one long vector.
pub(super) struct Objective<'a, F, P: ?Sized, C> {
    /// Names and shapes, and the parameters as they were before the step.
    set: &'a mut Shadow<F>,
    params: &'a mut P,
    loss: C,
    /// Calls of the loss.
    pub(super) evaluations: u64,
}

/// The loss and its gradient.
pub(super) struct Point<F> {
    pub(super) loss: f64,
    pub(super) grad: Vec<F>,
}

impl<'a, F, P, C> Objective<'a, F, P, C>
where
    F: Float,
    P: Parameters<F> + ?Sized,
    C: FnMut(&mut P) -> Result<f64>,
{
    pub(super) fn new(set: &'a mut Shadow<F>, params: &'a mut P, loss: C) -> Result<Self> {
        set.each(params, |before, param| before.copy_from_slice(param.value))?;
        Ok(Self { set, params, loss, evaluations: 0 })
    }

    /// The parameters before the step, one after the other.
    pub(super) fn start(&self) -> Result<Vec<F>> {
        let mut x = Vec::new();
        self.set.iter().for_each(|(_, _, values)| x.extend_from_slice(values));
        self.check("parameter", &x)?;
        Ok(x)
    }

    /// Puts the parameters back.
    pub(super) fn restore(&mut self) -> Result<()> {
        self.set.each_value(self.params, |before, value| value.copy_from_slice(before))
    }

    /// Sets the parameters to `x + t d`; whether all are finite.
    pub(super) fn place(&mut self, x: &[F], t: f64, d: &[F]) -> Result<bool> {
        let (mut at, mut finite) = (0, true);
        self.set.each(self.params, |_, param| {
            let here = at..at + param.value.len();
            at = here.end;
            param.value.copy_from_slice(&x[here.clone()]);
            add_scaled(param.value, t, &d[here]);
            finite &= kernel::first_non_finite(param.value).is_none();
        })?;
        Ok(finite)
    }

    /// The loss and its gradient where the parameters are.
    pub(super) fn evaluate(&mut self) -> Result<Point<F>> {
        self.evaluations += 1;
        let loss = (self.loss)(self.params)?;
        refuse_rows("Lbfgs", self.params)?;
        let mut grad = Vec::new();
        self.set.each(self.params, |_, mut param| {
            let end = grad.len() + param.value.len();
            grad.extend_from_slice(param.grad.values().unwrap_or_default());
            // Absent: none of the numbers above.
            grad.resize(end, F::zero());
        })?;
        Ok(Point { loss, grad })
    }

    /// As [`Objective::evaluate`], where nothing else can be tried.
    ///
    /// # Errors
    /// What is not finite.
    pub(super) fn evaluate_finite(&mut self) -> Result<Point<F>> {
        let point = self.evaluate()?;
        if !point.loss.is_finite() {
            let message = format!("the loss is {} at evaluation {}", point.loss, self.evaluations);
            return Err(Error::invalid("Lbfgs", message));
        }
        self.check("gradient", &point.grad)?;
        let square = kernel::sum_squares(&point.grad);
        if !square.is_finite() {
            let message = format!("the squares of the gradients sum to {square}");
            return Err(Error::invalid("Lbfgs", message));
        }
        Ok(point)
    }

    /// Refuses a number that is not finite, by the name of its parameter.
    fn check(&self, what: &'static str, numbers: &[F]) -> Result<()> {
        let Some(mut index) = kernel::first_non_finite(numbers) else { return Ok(()) };
        let value = numbers[index].widen();
        for (name, _, values) in self.set.iter() {
            if index < values.len() {
                let name = name.to_string();
                return Err(Error::NonFinite { name, what, index, value });
            }
            index -= values.len();
        }
        Ok(())
    }
}

impl<F: Float> Point<F> {
    pub(super) fn is_finite(&self) -> bool {
        self.loss.is_finite() && kernel::sum_squares(&self.grad).is_finite()
    }
}
