//! Which updates are timed, against what, and how.

use crate::fill;
use crate::limit::Limit;
use crate::sets::{Set, Tensors};
use crate::update::{LR, Update};
use tricks_optim::{
    AdaGrad, Adam, AdamW, Lion, Momentum, Optimizer, RmsProp, Rule, Sgd, StepArgs, Storage,
    clip_global_norm,
};
use tricks_tensor::Noise;

/// What happens to the gradients before the update.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The rule.
    pub update: Update,
    /// What comes before.
    pub guard: Guard,
    /// How its memory is stored.
    pub storage: Storage,
    /// What it updates.
    pub set: Set,
    /// On how many threads.
    pub threads: usize,
}

/// What the summary says of something that is timed.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// `Adam-checked-16Mi-2t`: criterion's name for the group, and what filters are held against.
    pub id: String,
    /// `Adam checked`.
    pub name: String,
    /// How many numbers it writes.
    pub set: Set,
    /// On how many threads.
    pub threads: usize,
    /// What it is held against.
    pub reference: &'static str,
    /// How fast it is at least, as a multiple of the reference, if that is promised.
    pub target: Option<f64>,
}

/// Everything that is timed.
pub fn labels(available: usize) -> Vec<Label> {
    let fills = fill::all(available);
    let fills = fills.iter().map(fill::Fill::label);
    all(available).iter().map(Case::label).chain(fills).collect()
}

/// What a step is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The same formula in one plain loop.
    Limit,
    /// A read of the gradients, then that loop: what a guard needs.
    LimitAndRead,
    /// Another step of the library, and what is different about it.
    Step(&'static str, Case),
}

impl Reference {
    /// `limit`, `one tensor`.
    pub fn name(&self) -> &'static str {
        match self {
            Reference::Limit => "limit",
            Reference::LimitAndRead => "limit + read",
            Reference::Step(name, _) => name,
        }
    }
}

/// All cases, those of one set together.
pub fn all(available: usize) -> Vec<Case> {
    let threads = if available > 1 { vec![1, available] } else { vec![1] };
    let mut cases = Vec::new();
    let mut add = |set, update, guard, storage| {
        let case = |&threads| Case { update, guard, storage, set, threads };
        cases.extend(threads.iter().map(case));
    };
    for set in [4 << 10, 64 << 10, 256 << 10, 16 << 20, 64 << 20].map(Set::One) {
        // 64 Ki stands here for Adam's target alone.
        let adam_only = set == Set::One(64 << 10);
        for update in Update::ALL.into_iter().filter(|&u| !adam_only || u == Update::Adam) {
            add(set, update, Guard::Off, Storage::Full);
        }
        if set.elements() >= LARGE {
            Update::ALL.into_iter().for_each(|u| add(set, u, Guard::Check, Storage::Full));
        }
        if set.elements() == LARGE {
            add(set, Update::Adam, Guard::Clip, Storage::Full);
        }
        if set.elements() > LARGE {
            add(set, Update::Adam, Guard::Off, Storage::Bf16);
            add(set, Update::Adam, Guard::Off, Storage::Block8);
        }
    }
    add(Set::Mlp, Update::Adam, Guard::Off, Storage::Full);
    add(Set::ResNet50, Update::Adam, Guard::Off, Storage::Full);
    cases
}

/// So many elements in one tensor are far beyond the caches.
const LARGE: usize = 16 << 20;

/// Up to so many stay in them.
const SMALL: usize = 64 << 10;

impl Case {
    /// `Adam`, `Adam checked`, `Adam bf16`.
    fn name(&self) -> String {
        let guard = match self.guard {
            Guard::Off => "",
            Guard::Check => " checked",
            Guard::Clip => " clipped",
        };
        let storage = match self.storage {
            Storage::Full => String::new(),
            storage => format!(" {storage:?}").to_lowercase(),
        };
        format!("{:?}{guard}{storage}", self.update)
    }

    /// What the summary says of it.
    pub fn label(&self) -> Label {
        let (name, set, threads) = (self.name(), self.set, self.threads);
        Label {
            id: format!("{}-{}-{threads}t", name.replace(' ', "-"), set.name()),
            name,
            set,
            threads,
            reference: self.reference().name(),
            target: self.target(),
        }
    }

    /// What its step is held against: many tensors against one, packed memory against full, all
    /// others against the limit of what they do.
    pub fn reference(&self) -> Reference {
        match (self.set, self.storage, self.guard) {
            (Set::ResNet50, ..) => {
                let one = Set::One(self.set.elements());
                Reference::Step("one tensor", Case { set: one, ..*self })
            }
            (_, Storage::Full, Guard::Off) => Reference::Limit,
            (_, Storage::Full, _) => Reference::LimitAndRead,
            _ => Reference::Step("full memory", Case { storage: Storage::Full, ..*self }),
        }
    }

    /// The promise, if there is one: how fast this step is at least, as a multiple of its
    /// reference.
    fn target(&self) -> Option<f64> {
        let Self { update, guard, storage, set, threads } = *self;
        match (storage, set) {
            // Promised for all threads together; one thread alone is only reported.
            (Storage::Bf16, _) if threads > 1 => Some(1.25),
            (Storage::Block8, _) if threads > 1 => Some(1.35),
            (Storage::Full, Set::ResNet50) => Some(0.95),
            (Storage::Full, Set::Mlp) => Some(1.0 / 1.25),
            (Storage::Full, Set::One(n)) if n >= LARGE && guard != Guard::Clip => Some(0.92),
            (Storage::Full, Set::One(n)) if n <= SMALL && update == Update::Adam => {
                Some(1.0 / 1.15)
            }
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
        let number = match self.storage {
            Storage::Block8 => 1,
            Storage::Bf16 => 2,
            _ => size_of::<f32>(),
        };
        Limit::Stream { bytes: self.update.slots() * number }
    }

    /// The library's update, one step a call.
    ///
    /// # Errors
    /// None but the library's own, which would be an error in [`Set`].
    pub fn stepper<'t>(&self, tensors: &'t mut Tensors) -> tricks_tensor::Result<Stepper<'t>> {
        match self.update {
            Update::Sgd => stepper(Sgd, self, tensors),
            Update::Momentum => stepper(Momentum::torch(), self, tensors),
            Update::AdaGrad => stepper(AdaGrad::torch(), self, tensors),
            Update::RmsProp => stepper(RmsProp::torch(), self, tensors),
            Update::Adam => stepper(Adam::torch(), self, tensors),
            Update::AdamW => stepper(AdamW::torch(), self, tensors),
            Update::Lion => stepper(Lion::default(), self, tensors),
        }
    }
}

/// Takes one step.
pub type Stepper<'t> = Box<dyn FnMut() -> tricks_tensor::Result<()> + Send + 't>;

fn stepper<'t>(
    rule: impl Rule<f32> + 't,
    case: &Case,
    tensors: &'t mut Tensors,
) -> tricks_tensor::Result<Stepper<'t>> {
    let builder = Optimizer::builder(rule)
        .finite_check(case.guard == Guard::Check)
        .storage(case.storage, Noise::new(0));
    let mut optimizer = builder.bind(tensors)?;
    Ok(match case.guard {
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
    use std::collections::{BTreeMap, BTreeSet};

    const ADAM: Case = Case {
        update: Update::Adam,
        guard: Guard::Off,
        storage: Storage::Full,
        set: Set::Mlp,
        threads: 1,
    };

    /// What makes the limits honest: they end with the bits of the rules.
    #[test]
    fn limits_compute_what_the_rules_do() {
        for (update, set) in
            Update::ALL.map(|u| (u, Set::One(1003))).into_iter().chain([(Update::Adam, Set::Mlp)])
        {
            let case = Case { update, set, ..ADAM };
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

    /// And what makes the comparison of two steps honest.
    #[test]
    fn many_tensors_and_one_end_with_the_same_numbers() {
        let after = |set| {
            let mut tensors = Tensors::new(set);
            Case { set, ..ADAM }.stepper(&mut tensors).unwrap()().unwrap();
            tensors.values().collect::<Vec<f32>>()
        };
        assert_eq!(after(Set::Mlp), after(Set::One(Set::Mlp.elements())));
    }

    #[test]
    fn all_parameters_move() {
        for case in [
            Case { guard: Guard::Check, ..ADAM },
            Case { guard: Guard::Clip, ..ADAM },
            Case { storage: Storage::Bf16, ..ADAM },
            Case { storage: Storage::Block8, ..ADAM },
        ] {
            let mut tensors = Tensors::new(case.set);
            let before: Vec<f32> = tensors.values().collect();
            case.stepper(&mut tensors).unwrap()().unwrap();
            assert!(tensors.values().zip(before).all(|(after, before)| after != before));
        }
    }

    #[test]
    fn ids_are_unique_and_plain() {
        let labels = labels(2);
        let ids: BTreeSet<&str> = labels.iter().map(|label| &*label.id).collect();
        assert_eq!(ids.len(), labels.len());
        assert!(ids.contains("Adam-clipped-16Mi-2t") && ids.contains("Adam-ResNet-50-1t"));
        assert!(ids.contains("Adam-bf16-64Mi-2t") && ids.contains("fill-normal-4Mi-1t"));
        // They are file names and parts of regular expressions.
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')));
        assert_eq!(super::labels(1).len() * 2, labels.len());
    }

    #[test]
    fn sets_are_made_once() {
        let mut sets: Vec<Set> = all(2).iter().map(|case| case.set).collect();
        sets.dedup();
        let again = |(i, set)| sets[i + 1..].contains(set);
        assert!(!sets.iter().enumerate().any(again));
    }

    #[test]
    fn references_differ_in_one_thing() {
        let packed = Case { storage: Storage::Bf16, threads: 2, ..ADAM };
        assert_eq!(packed.reference(), Reference::Step("full memory", Case { threads: 2, ..ADAM }));
        let many = Case { set: Set::ResNet50, ..ADAM };
        let one = Case { set: Set::One(25_557_032), ..ADAM };
        assert_eq!(many.reference(), Reference::Step("one tensor", one));
        assert_eq!(ADAM.reference(), Reference::Limit);
        let checked = Case { guard: Guard::Check, ..ADAM };
        assert_eq!((checked.reference().name(), one.reference().name()), ("limit + read", "limit"));
    }

    #[test]
    fn streams_move_what_the_step_does() {
        let bytes = |update, storage| match (Case { update, storage, ..ADAM }).stream() {
            Limit::Stream { bytes } => bytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(Update::ALL.map(|u| bytes(u, Storage::Full)), [0, 4, 4, 4, 8, 8, 4]);
        assert_eq!([Storage::Bf16, Storage::Block8].map(|s| bytes(Update::Adam, s)), [4, 2]);
    }

    /// The whole list of promises.
    #[test]
    fn every_promise_is_a_case() {
        let promised: BTreeMap<String, (&str, f64)> = labels(2)
            .into_iter()
            .filter_map(|label| Some((label.id, (label.reference, label.target?))))
            .collect();
        let mut expected = BTreeMap::new();
        let mut promise = |update: &str, size: &str, threads: &[usize], reference, least| {
            for threads in threads {
                expected.insert(format!("{update}-{size}-{threads}t"), (reference, least));
            }
        };
        for size in ["16Mi", "64Mi"] {
            for update in ["Sgd", "Momentum", "AdaGrad", "RmsProp", "Adam", "AdamW", "Lion"] {
                promise(update, size, &[1, 2], "limit", 0.92);
                promise(&format!("{update}-checked"), size, &[1, 2], "limit + read", 0.92);
            }
        }
        promise("Adam", "4Ki", &[1, 2], "limit", 1.0 / 1.15);
        promise("Adam", "64Ki", &[1, 2], "limit", 1.0 / 1.15);
        promise("Adam", "MLP", &[1, 2], "limit", 0.8);
        promise("Adam", "ResNet-50", &[1, 2], "one tensor", 0.95);
        promise("Adam-bf16", "64Mi", &[2], "full memory", 1.25);
        promise("Adam-block8", "64Mi", &[2], "full memory", 1.35);
        assert_eq!(promised, expected);
    }
}
