//! No allocation in a step after the first. Alone in its program: the counter is the allocator.

#![allow(clippy::unwrap_used)]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tricks_conformance::registry::RULES;
use tricks_optim::{Optimizer, StepArgs, clip_global_norm};
use tricks_tensor::{Dict, ndarray::ArrayD};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn a_step_allocates_nothing() {
    // Inside a pool: entering one from outside allocates the message to it.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for row in RULES {
        for form in row.forms {
            let mut params = Dict::<f32>::new();
            for (name, shape) in
                [("big", vec![400, 401]), ("bias", vec![401]), ("small", vec![3, 3])]
            {
                let value = ArrayD::from_elem(shape, 0.5);
                params.insert(name, value.clone());
                params.set_grad(name, value.view()).unwrap();
            }
            let rule = (form.make.0)();
            let mut optimizer = Optimizer::builder(rule).bind(&mut params).unwrap();
            let allocations = pool.install(|| {
                let mut step = || {
                    let clip = clip_global_norm(&mut params, 1.0).unwrap();
                    optimizer.step(StepArgs::new(1e-3).clip(clip), &mut params).unwrap();
                    optimizer.step(1e-3, &mut params).unwrap();
                };
                // A thread of the pool allocates a little the first time it takes work from
                // another, whenever that is. A step that allocates does so every time.
                (0..10)
                    .map(|_| {
                        let region = Region::new(ALLOCATOR);
                        step();
                        let change = region.change();
                        change.allocations + change.reallocations
                    })
                    .skip(1)
                    .min()
            });
            let (name, form) = (row.about.name, form.name);
            assert_eq!(allocations, Some(0), "{name} ({form})");
        }
    }
    // The counter counts.
    let region = Region::new(ALLOCATOR);
    let bytes = vec![1u8; 1000];
    assert!(region.change().allocations >= 1 && bytes.len() == 1000);
}
