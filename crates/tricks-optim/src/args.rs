use crate::companions::WeightAverage;
use crate::pending::Pending;

/// The arguments of one step; a number alone is the learning rate.
#[derive(Debug)]
pub struct StepArgs<'a, F> {
    pub(crate) lr: f64,
    pub(crate) pending: Option<Pending>,
    pub(crate) twice: bool,
    pub(crate) loss: Option<f64>,
    pub(crate) average: Option<&'a mut WeightAverage<F>>,
}

impl<'a, F> StepArgs<'a, F> {
    /// A step of this learning rate.
    pub fn new(lr: f64) -> Self {
        Self { lr, pending: None, twice: false, loss: None, average: None }
    }

    /// With gradients scaled by what a clip, or a chain of transforms, has found: no extra pass,
    /// and no separate finite check where the norm is known. Once a step: the results of several
    /// are chained with [`Pending::then`].
    #[must_use]
    pub fn clip(self, found: impl Into<Pending>) -> Self {
        Self { twice: self.pending.is_some(), pending: Some(found.into()), ..self }
    }

    /// With the value of the loss, for rules that need it.
    #[must_use]
    pub fn loss(self, loss: f64) -> Self {
        Self { loss: Some(loss), ..self }
    }

    /// Updates an average of the parameters in the same pass over memory: before the hooks after
    /// the step, so without what these change.
    #[must_use]
    pub fn average(self, average: &'a mut WeightAverage<F>) -> Self {
        Self { average: Some(average), ..self }
    }
}

impl<F> From<f64> for StepArgs<'_, F> {
    fn from(lr: f64) -> Self {
        Self::new(lr)
    }
}
