use crate::transform::first_non_finite;
use tricks_tensor::{Error, Float, Parameters, Result, StateDict};

/// Skips steps whose gradients are NaN or infinite, up to a number in a row.
///
/// # Update
/// ```text
/// all gradients finite:  row ← 0, the step is taken
/// else:                  row ← row + 1, total ← total + 1; skipped if row ≤ max_in_a_row, else an error
/// ```
/// | field | default |
/// |---|---|
/// | `max_in_a_row` | 5 |
///
/// # Notes
/// Optax' `apply_if_finite` applies the bad gradients when there are too many in a row; here that
/// is an error, which names the parameter: parameters are never made NaN in silence.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, Sgd, SkipNonFinite};
/// let (mut w, mut dw) = ([1.0f64], [f64::NAN]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut skip = SkipNonFinite::new(1);
/// assert!(!skip.allows(&mut params)?);
/// let error = skip.allows(&mut params).unwrap_err();
/// assert_eq!(error.to_string(), "SkipNonFinite: 2 in a row, at most 1: w: gradient is NaN at flat index 0");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipNonFinite {
    max_in_a_row: u64,
    row: u64,
    total: u64,
}

impl Default for SkipNonFinite {
    fn default() -> Self {
        Self::new(5)
    }
}

impl SkipNonFinite {
    /// Lets this many bad steps pass in a row.
    pub fn new(max_in_a_row: u64) -> Self {
        Self { max_in_a_row, row: 0, total: 0 }
    }

    /// Whether the step may be taken; counts if not.
    ///
    /// # Errors
    /// More bad steps in a row than allowed; [`Error::Invalid`] names the parameter and the number.
    pub fn allows<F: Float>(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<bool> {
        let Some(found) = first_non_finite(params) else {
            self.row = 0;
            return Ok(true);
        };
        self.row = self.row.saturating_add(1);
        self.total = self.total.saturating_add(1);
        if self.row <= self.max_in_a_row {
            return Ok(false);
        }
        let message = format!("{} in a row, at most {}: {found}", self.row, self.max_in_a_row);
        Err(Error::invalid("SkipNonFinite", message))
    }

    /// Bad steps in a row, up to now.
    pub fn in_a_row(&self) -> u64 {
        self.row
    }

    /// Bad steps altogether.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Everything a resumed run needs: `in_a_row` and `total`.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("in_a_row", self.row);
        state.insert_count("total", self.total);
        state
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`] with every entry that is missing or unexpected.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let (row, total) = (reader.count("in_a_row"), reader.count("total"));
        reader.end()?;
        (self.row, self.total) = (row.unwrap_or_default(), total.unwrap_or_default());
        Ok(())
    }
}
