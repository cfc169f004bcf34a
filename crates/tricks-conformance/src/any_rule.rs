use tricks_optim::{Describe, Rule, Slots, StepCx, WeightDecay};
use tricks_tensor::{Float, Result};

/// Any rule, as one type.
pub struct AnyRule<F>(pub Box<dyn Rule<F>>);

impl<F: Float> Describe for AnyRule<F> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn slots(&self) -> &'static [&'static str] {
        self.0.slots()
    }
    fn initial(&self, slot: usize) -> f64 {
        self.0.initial(slot)
    }
    fn default_lr(&self) -> f64 {
        self.0.default_lr()
    }
    fn weight_decay(&self) -> WeightDecay {
        self.0.weight_decay()
    }
    fn validate(&self) -> Result<()> {
        self.0.validate()
    }
}

impl<F: Float> Rule<F> for AnyRule<F> {
    fn step(&self, cx: &StepCx, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        self.0.step(cx, slots, param, grad);
    }
}
