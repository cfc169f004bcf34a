//! Which updates are timed, and how.

use crate::limit::{self, Limit};
use crate::sets::{Set, Tensors};
use tricks_optim::{
    AdaGrad, Adam, AdamW, Describe, Momentum, Optimizer, RmsProp, Rule, Sgd, StepArgs,
    clip_global_norm,
};
use tricks_tensor::math::debias;

/// The learning rate of all cases.
const LR: f64 = 1e-3;

/// An update rule, in PyTorch's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Update {
    Sgd,
    Momentum,
    AdaGrad,
    RmsProp,
    Adam,
    AdamW,
}

impl Update {
    /// All, from the simplest.
    pub const ALL: [Self; 6] =
        [Self::Sgd, Self::Momentum, Self::AdaGrad, Self::RmsProp, Self::Adam, Self::AdamW];

    /// The loop that does just what step `t` does.
    pub fn limit(self, t: u64) -> Limit {
        let lr = LR as f32;
        match self {
            Self::Sgd => Limit::Sgd { lr },
            Self::Momentum => Limit::Momentum { lr, mu: Momentum::torch().momentum as f32 },
            Self::AdaGrad => Limit::AdaGrad { lr, eps: AdaGrad::torch().eps as f32 },
            Self::RmsProp => {
                let RmsProp { rho, eps, .. } = RmsProp::torch();
                Limit::RmsProp { lr, rho: rho as f32, fresh: (1.0 - rho) as f32, eps: eps as f32 }
            }
            Self::Adam => Limit::Adam(adam(Adam::torch(), t)),
            Self::AdamW => {
                let AdamW { adam: rule, weight_decay } = AdamW::torch();
                Limit::AdamW { keep: (1.0 - LR * weight_decay) as f32, adam: adam(rule, t) }
            }
        }
    }

    /// How many numbers of memory it keeps for each parameter.
    fn slots(self) -> usize {
        match self {
            Self::Sgd => Sgd.slots().len(),
            Self::Momentum => Momentum::torch().slots().len(),
            Self::AdaGrad => AdaGrad::torch().slots().len(),
            Self::RmsProp => RmsProp::torch().slots().len(),
            Self::Adam => Adam::torch().slots().len(),
            Self::AdamW => AdamW::torch().slots().len(),
        }
    }
}

fn adam(rule: Adam, t: u64) -> limit::Adam {
    let Adam { beta1, beta2, eps, .. } = rule;
    limit::Adam {
        lr: (LR / debias(beta1, t)) as f32,
        beta1: [beta1 as f32, (1.0 - beta1) as f32],
        beta2: [beta2 as f32, (1.0 - beta2) as f32],
        debias: (1.0 / debias(beta2, t)) as f32,
        eps: eps as f32,
    }
}

/// What happens to the gradients before the update. The limit never does it: its fraction tells
/// what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    Off,
    /// Each is held to be finite, as by default.
    Check,
    /// Their global norm is measured and clipped.
    Clip,
}

/// One update of one set of parameters on some threads.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The rule.
    pub update: Update,
    /// What comes before.
    pub guard: Guard,
    /// What it updates.
    pub set: Set,
    /// On how many threads.
    pub threads: usize,
}

/// All cases, those of one set together.
pub fn all(available: usize) -> Vec<Case> {
    let threads = if available > 1 { vec![1, available] } else { vec![1] };
    let mut cases = Vec::new();
    let mut add = |set, update, guard| {
        cases.extend(threads.iter().map(|&threads| Case { update, guard, set, threads }));
    };
    for set in [4 << 10, 64 << 10, 256 << 10, 16 << 20].map(Set::One) {
        // 64 Ki stands here for Adam's target alone.
        let adam_only = set == Set::One(64 << 10);
        for update in Update::ALL.into_iter().filter(|&u| !adam_only || u == Update::Adam) {
            add(set, update, Guard::Off);
        }
    }
    add(Set::One(16 << 20), Update::Adam, Guard::Check);
    add(Set::One(16 << 20), Update::Adam, Guard::Clip);
    add(Set::Mlp, Update::Adam, Guard::Off);
    add(Set::ResNet50, Update::Adam, Guard::Off);
    cases
}

impl Case {
    /// `Adam`, `Adam checked`.
    pub fn name(&self) -> String {
        let guard = match self.guard {
            Guard::Off => "",
            Guard::Check => " checked",
            Guard::Clip => " clipped",
        };
        format!("{:?}{guard}", self.update)
    }

    /// `Adam-checked-16Mi-2t`: criterion's name for the group, and what filters are held against.
    pub fn id(&self) -> String {
        format!("{}-{}-{}t", self.name().replace(' ', "-"), self.set.name(), self.threads)
    }

    /// The least fraction of the limit this update must reach, if there is a promise.
    pub fn target(&self) -> Option<f64> {
        match (self.update, self.guard, self.set) {
            (Update::Adam, Guard::Off, Set::One(n)) if n >= 16 << 20 => Some(0.85),
            (Update::Adam, Guard::Off, Set::One(n)) if n <= 64 << 10 => Some(1.0 / 1.25),
            _ => None,
        }
    }

    /// The same update without a library.
    pub fn limit(&self) -> Limit {
        // Late enough that nothing is special about it.
        self.update.limit(1000)
    }

    /// Its loads and stores.
    pub fn stream(&self) -> Limit {
        Limit::Stream { slots: self.update.slots() }
    }

    /// The library's update, one step a call.
    ///
    /// # Errors
    /// None but the library's own, which would be an error in [`Set`].
    pub fn stepper<'t>(&self, tensors: &'t mut Tensors) -> tricks_tensor::Result<Stepper<'t>> {
        match self.update {
            Update::Sgd => stepper(Sgd, self.guard, tensors),
            Update::Momentum => stepper(Momentum::torch(), self.guard, tensors),
            Update::AdaGrad => stepper(AdaGrad::torch(), self.guard, tensors),
            Update::RmsProp => stepper(RmsProp::torch(), self.guard, tensors),
            Update::Adam => stepper(Adam::torch(), self.guard, tensors),
            Update::AdamW => stepper(AdamW::torch(), self.guard, tensors),
        }
    }
}

/// Takes one step.
pub type Stepper<'t> = Box<dyn FnMut() -> tricks_tensor::Result<()> + Send + 't>;

fn stepper<'t>(
    rule: impl Rule<f32> + 't,
    guard: Guard,
    tensors: &'t mut Tensors,
) -> tricks_tensor::Result<Stepper<'t>> {
    let builder = Optimizer::builder(rule).finite_check(guard == Guard::Check);
    let mut optimizer = builder.bind(tensors)?;
    Ok(match guard {
        Guard::Clip => Box::new(move || {
            let clip = clip_global_norm(tensors, 1.0)?;
            optimizer.step(StepArgs::new(LR).clip(clip), tensors)
        }),
        _ => Box::new(move || optimizer.step(LR, tensors)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::Fixture;
    use std::collections::BTreeSet;

    /// What makes the limits honest: they end with the bits of the rules.
    #[test]
    fn limits_compute_what_the_rules_do() {
        for (update, set) in
            Update::ALL.map(|u| (u, Set::One(1003))).into_iter().chain([(Update::Adam, Set::Mlp)])
        {
            let case = Case { update, guard: Guard::Off, set, threads: 1 };
            let Fixture { mut tensors, mut buffers } = Fixture::new(set);
            let mut step = case.stepper(&mut tensors).unwrap();
            for t in 1..=5 {
                step().unwrap();
                update.limit(t).run(buffers.piece(), 2);
            }
            drop(step);
            let expected: Vec<_> = tensors.values().map(f32::to_bits).collect();
            let found: Vec<_> = buffers.piece().p.iter().map(|p| p.to_bits()).collect();
            assert_eq!(found, expected, "{update:?}, {set:?}");
        }
    }

    #[test]
    fn guards_do_not_refuse() {
        for guard in [Guard::Check, Guard::Clip] {
            let case = Case { update: Update::Adam, guard, set: Set::Mlp, threads: 1 };
            let mut fixture = Fixture::new(case.set);
            let before: Vec<f32> = fixture.tensors.values().collect();
            case.stepper(&mut fixture.tensors).unwrap()().unwrap();
            assert!(fixture.tensors.values().zip(before).all(|(after, before)| after != before));
        }
    }

    #[test]
    fn ids_are_unique_and_plain() {
        let cases = all(2);
        let ids: BTreeSet<String> = cases.iter().map(Case::id).collect();
        assert_eq!(ids.len(), cases.len());
        assert!(ids.contains("Adam-clipped-16Mi-2t") && ids.contains("Adam-ResNet-50-1t"));
        // They are file names and parts of regular expressions.
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')));
        assert_eq!(all(1).len() * 2, cases.len());
    }
}
