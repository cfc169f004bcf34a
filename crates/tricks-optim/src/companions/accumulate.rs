use crate::shadow::Shadow;
use tricks_tensor::{
    Entry, Error, Float, Grad, ParamKind, ParamMut, Parameters, Path, Place, Result, RowGrad,
    StateDict, Values,
};

/// Gradients of several batches, summed or averaged before one step.
///
/// # Update
/// ```text
/// a ← a + g   for `every` batches;   then the step sees a / every, or a with `sum`
/// ```
/// | field | default | range |
/// |---|---|---|
/// | `every` | | ≥ 1 |
/// | `sum` | false | |
///
/// Memory: one number per parameter; for row-sparse gradients the rows that were touched.
///
/// # Notes
/// The mean of k batches of equal size is the gradient of the batch they make together: what Optax'
/// `MultiSteps` and Keras do. PyTorch's and burn's accumulation is the sum. Clipping and weight
/// decay come after, once. A parameter that no batch had a gradient for has none. A NaN stays in
/// the sum: where batches may fail, ask [`SkipNonFinite`](crate::SkipNonFinite) before adding.
///
/// # Example
/// ```
/// use tricks_optim::{Accumulate, Optimizer, Sgd};
/// let (mut w, mut dw) = ([0.0f64], [0.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut accumulate = Accumulate::bind(2, &mut params)?;
/// for gradient in [1.0, 3.0, 5.0, 5.0] {
///     params[0].2[0] = gradient;
///     if accumulate.add(&mut params)? {
///         sgd.step(0.1, &mut accumulate.over(&mut params))?;
///     }
/// }
/// // Steps of the means, 2 and 5.
/// assert!((w[0] + 0.1 * 2.0 + 0.1 * 5.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Accumulate<F> {
    /// Whether the step sees the sum instead of the mean.
    pub sum: bool,
    every: u64,
    added: u64,
    dense: Shadow<F>,
    found: Vec<Found<F>>,
}

/// What kind of gradient a parameter had since the last step.
#[derive(Clone, Debug)]
enum Found<F> {
    Nothing,
    Dense,
    Rows(RowGrad<F>),
}

impl<F: Float> Accumulate<F> {
    /// A step every so many batches.
    ///
    /// # Errors
    /// `every` 0; numbers that do not fill their shape.
    pub fn bind(every: u64, params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        if every == 0 {
            return Err(Error::invalid("Accumulate", "every is 0, must be at least 1"));
        }
        let dense = Shadow::zeros(params)?;
        let found = vec![Found::Nothing; dense.iter().count()];
        Ok(Self { sum: false, every, added: 0, dense, found })
    }

    /// Adds the gradients of one batch; whether it is time for a step, with [`Accumulate::over`].
    ///
    /// # Errors
    /// Another set of parameters than was bound; rows where other batches had all numbers, or the
    /// other way round. Nothing is added then.
    pub fn add(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<bool> {
        self.check(params)?;
        if self.added == self.every {
            self.clear();
        }
        let last = self.added + 1 == self.every;
        let factor = if last && !self.sum { 1.0 / self.every as f64 } else { 1.0 };
        let factor = F::of(factor);
        let widths: Vec<usize> = self.widths();
        let mut found = self.found.iter_mut().zip(widths);
        self.dense.each(params, |sum, param| {
            let Some((found, width)) = found.next() else { return };
            match (param.grad, &mut *found) {
                (Grad::Dense(grad), _) => {
                    sum.iter_mut().zip(grad).for_each(|(a, g)| *a = (*a + *g) * factor);
                    *found = Found::Dense;
                }
                (Grad::Rows { rows, values }, Found::Rows(sum)) => sum.add_all(rows, values),
                (Grad::Rows { rows, values }, _) => {
                    let mut sum = RowGrad::new(width);
                    sum.add_all(rows, values);
                    *found = Found::Rows(sum);
                }
                // Of earlier batches: the mean is over all.
                (_, Found::Dense) => sum.iter_mut().for_each(|a| *a *= factor),
                _ => {}
            }
            if let (true, Found::Rows(sum)) = (last, found)
                && let Some(values) = sum.lend().values()
            {
                values.iter_mut().for_each(|a| *a *= factor);
            }
        })?;
        self.added += 1;
        Ok(last)
    }

    /// Numbers of a row of each parameter.
    fn widths(&self) -> Vec<usize> {
        self.dense.iter().map(|(_, shape, _)| shape.iter().skip(1).product()).collect()
    }

    /// The parameters with what was accumulated in the place of their gradients: for a step, once
    /// [`Accumulate::add`] has said that it is time. Before, it is a sum that was not divided yet.
    pub fn over<'a, P: Parameters<F> + ?Sized>(
        &'a mut self,
        params: &'a mut P,
    ) -> Accumulated<'a, F, P> {
        Accumulated { accumulate: self, params }
    }

    /// Forgets what was added since the last step.
    pub fn clear(&mut self) {
        self.added = 0;
        for (sum, found) in self.dense.lend().zip(&mut self.found) {
            match found {
                Found::Rows(rows) => rows.clear(),
                Found::Dense => {
                    sum.fill(F::zero());
                    *found = Found::Nothing;
                }
                Found::Nothing => {}
            }
        }
    }

    /// Batches added since the last step.
    pub fn added(&self) -> u64 {
        self.added % self.every
    }

    fn check(&self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.dense.check(params)?;
        // What is complete will be cleared.
        let fresh = self.added == self.every;
        let (mut found, mut outcome) = (self.found.iter(), Ok(()));
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer {
                return;
            }
            let mixed = match (&param.grad, found.next()) {
                (Grad::Dense(_), Some(Found::Rows(rows))) => !rows.is_empty(),
                (Grad::Rows { .. }, Some(Found::Dense)) => true,
                _ => false,
            };
            if mixed && !fresh {
                let message = format!("{}: one gradient is row-sparse, another is not", place.path);
                outcome = Err(Error::invalid("Accumulate", message));
            }
        });
        outcome
    }

    /// Everything a resumed run needs: `added`, and for each parameter with a gradient since the
    /// last step `NAME/sum`, or `NAME/rows` and `NAME/values`. A sum that is complete counts as
    /// used: save after its step.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("added", self.added());
        let found = self.found.iter().filter(|_| self.added() > 0);
        for ((name, shape, sum), found) in self.dense.iter().zip(found) {
            match found {
                Found::Nothing => {}
                Found::Rows(rows) if rows.is_empty() => {}
                Found::Dense => state.insert(format!("{name}/sum"), shape, sum),
                Found::Rows(sum) => {
                    let mut sum = sum.clone();
                    let Grad::Rows { rows, values } = sum.lend() else { continue };
                    let numbers = rows.iter().map(|row| *row as u64).collect();
                    let entry = Entry { shape: vec![rows.len()], values: Values::U64(numbers) };
                    state.insert_entry(format!("{name}/rows"), entry);
                    let width = values.len() / rows.len().max(1);
                    state.insert(format!("{name}/values"), &[rows.len(), width], values);
                }
            }
        }
        state
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`] with every entry that is unexpected or of another shape or type.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let added = reader.count("added").unwrap_or_default();
        if added >= self.every {
            reader.refuse(format!("added is {added}, a step is taken at {}", self.every));
        }
        let mut sums = Vec::new();
        for (name, shape, _) in self.dense.iter() {
            let (sum, rows) = (format!("{name}/sum"), format!("{name}/rows"));
            sums.push(if state.entry(&sum).is_some() {
                Saved::Dense(reader.finite(&sum, shape))
            } else if state.entry(&rows).is_some() {
                let rows = reader.counts(&rows).unwrap_or_default();
                let (count, width) = match shape {
                    [count, row @ ..] => (*count, row.iter().product()),
                    [] => {
                        reader.refuse(format!("{name}/rows: {name} is a number, it has no rows"));
                        (0, 0)
                    }
                };
                let found = [rows.len(), width];
                let values = reader.finite(&format!("{name}/values"), &found);
                if let Some(row) = rows.iter().find(|row| **row >= count as u64) {
                    reader.refuse(format!("{name}/rows has row {row} of {count}"));
                }
                Saved::Rows(rows, values)
            } else {
                Saved::Nothing
            });
        }
        reader.end()?;
        self.clear();
        self.added = added;
        let widths = self.widths();
        let places = self.dense.lend().zip(&mut self.found).zip(widths);
        for (((sum, found), width), saved) in places.zip(sums) {
            *found = match saved {
                Saved::Nothing => Found::Nothing,
                Saved::Dense(saved) => {
                    sum.copy_from_slice(saved);
                    Found::Dense
                }
                Saved::Rows(rows, values) => {
                    let rows: Vec<usize> = rows.iter().map(|row| *row as usize).collect();
                    let mut sum = RowGrad::new(width);
                    sum.add_all(&rows, values);
                    Found::Rows(sum)
                }
            };
        }
        Ok(())
    }
}

/// The sum of one parameter in a state.
enum Saved<'s, F> {
    Nothing,
    Dense(&'s [F]),
    Rows(&'s [u64], &'s [F]),
}

/// Parameters whose gradients are those that were accumulated.
pub struct Accumulated<'a, F, P: ?Sized> {
    accumulate: &'a mut Accumulate<F>,
    params: &'a mut P,
}

impl<F: Float, P: Parameters<F> + ?Sized> Parameters<F> for Accumulated<'_, F, P> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let Accumulate { dense, found, .. } = &mut *self.accumulate;
        let mut sums = dense.lend().zip(found);
        self.params.visit(at, &mut |place, param| {
            if place.kind == ParamKind::Buffer {
                return f(place, param);
            }
            let grad = match sums.next() {
                Some((sum, Found::Dense)) => Grad::Dense(sum),
                Some((_, Found::Rows(rows))) if !rows.is_empty() => rows.lend(),
                _ => Grad::Absent,
            };
            f(place, ParamMut { value: param.value, grad });
        });
    }
}
