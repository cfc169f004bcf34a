use crate::ramp::grow;
use crate::{Phase, Schedule};
use tricks_tensor::{Error, Result, hyper};

/// A value for each step, written down.
///
/// # Formula
/// ```text
/// η(t) = values[min(t, n − 1)]
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `values` | η | none | at least one, each ≥ 0 |
///
/// # Memory
/// Eight bytes for each step.
///
/// # Notes
/// For curves that come from elsewhere, and for those that are defined step by step: with
/// [`Table::multiplicative`] PyTorch's `MultiplicativeLR`, each value a factor of the one before.
/// The factors are multiplied once, when the table is made; a function of the step would have to
/// begin at 0 each time it is asked.
///
/// ```
/// use tricks_schedule::{Schedule, Table};
/// let lr = Table::multiplicative(8.0, 4, |t| if t == 3 { 0.25 } else { 0.5 });
/// assert_eq!([0, 1, 2, 3, 4, 100].map(|t| lr.at(t)), [8.0, 4.0, 2.0, 0.5, 0.25, 0.25]);
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The value after 0, 1, 2, … steps.
    pub values: Vec<f64>,
}

impl Table {
    /// `from` times `factor(1) factor(2) … factor(t)`, for `steps` steps, and then no more.
    pub fn multiplicative(from: f64, steps: usize, factor: impl Fn(u64) -> f64) -> Self {
        let mut value = from;
        let rest = (1..=steps as u64).map(|t| {
            value = grow(value, factor(t));
            value
        });
        Self { values: [from].into_iter().chain(rest).collect() }
    }
}

impl Schedule for Table {
    fn at(&self, step: u64) -> f64 {
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        // Unchecked, there may be no value.
        self.values.get(step).or(self.values.last()).copied().unwrap_or(0.0)
    }

    fn validate(&self) -> Result<()> {
        if self.values.is_empty() {
            return Err(Error::invalid("Table", "there are no values, must be at least 1"));
        }
        self.values.iter().try_for_each(|value| hyper::non_negative("Table", "value", *value))
    }
}

impl Phase for Table {
    fn steps(&self) -> u64 {
        self.values.len().saturating_sub(1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_multiplied_in_order() {
        let lr = Table::multiplicative(1.0, 3, |t| t as f64);
        assert_eq!(lr, Table { values: vec![1.0, 1.0, 2.0, 6.0] });
        assert_eq!([lr.steps(), Table { values: vec![] }.steps()], [3, 0]);
        assert_eq!(Table::multiplicative(1.0, 2, |_| 1e300).at(2), f64::MAX);
    }

    #[test]
    fn bad_values_are_refused_by_name() {
        let refused =
            |values: &[f64]| Table { values: values.to_vec() }.validate().unwrap_err().to_string();
        assert_eq!(refused(&[]), "Table: there are no values, must be at least 1");
        assert_eq!(refused(&[1.0, -2.0]), "Table: value is -2, must be finite and at least 0");
        assert_eq!(Table { values: vec![] }.at(1), 0.0);
    }
}
