//! No allocation in a step after the first. Alone in its program: the counter is the allocator.

#![allow(clippy::unwrap_used)]

use rayon::{ThreadPool, ThreadPoolBuilder};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tricks_conformance::registry::{RULES, RuleForm};
use tricks_optim::{Optimizer, Scope, StepArgs, Storage, clip_global_norm};
use tricks_tensor::{Dict, Noise, ndarray::ArrayD};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Steps that are counted for each form, after the first.
const STEPS: usize = 40;

/// What a pool of two threads may allocate for one form, in all these steps together.
///
/// Not the library's: a thread's queue grows when more work waits in it than ever before, and the
/// bookkeeping of stolen work allocates now and then. It is 0 as a rule; a step that allocated,
/// even every eighth time only, would come to more.
const OF_THE_POOL: usize = STEPS / 10;

/// Allocations of each step after the first.
fn allocations(form: &RuleForm, storage: Storage, pool: &ThreadPool) -> Vec<usize> {
    let rule = (form.make.0)();
    let mut params = Dict::<f32>::new();
    // The big one is above the size at which work is shared; one with few rows, for rules that
    // multiply matrices.
    let shapes = [("big", vec![16, 4200]), ("bias", vec![70_001]), ("small", vec![3, 3])];
    for (name, shape) in shapes {
        if rule.check_shape(&shape).is_ok() {
            let value = ArrayD::from_elem(shape, 0.5);
            params.insert(name, value.clone());
            params.set_grad(name, value.view()).unwrap();
        }
    }
    let builder = Optimizer::builder(rule).storage(storage, Noise::new(1));
    let mut optimizer = builder.bind(&mut params).unwrap();
    let mut step = || {
        let clip = clip_global_norm(&mut params, 1.0).unwrap();
        optimizer.step(StepArgs::new(1e-3).clip(clip), &mut params).unwrap();
        optimizer.step(1e-3, &mut params).unwrap();
    };
    let mut counts = Vec::with_capacity(STEPS);
    // Inside the pool: entering one from outside allocates the message to it.
    pool.install(|| {
        step();
        for _ in 0..STEPS {
            let region = Region::new(ALLOCATOR);
            step();
            let change = region.change();
            counts.push(change.allocations + change.reallocations);
        }
    });
    counts
}

#[test]
fn a_step_allocates_nothing() {
    // Once for all: a thread that starts or ends allocates beside what is counted.
    let [one, two] =
        [1, 2].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().unwrap());
    for pool in [&one, &two] {
        pool.broadcast(|_| ());
    }
    for row in RULES.iter() {
        for form in row.forms {
            let packed = [Storage::Bf16, Storage::Block8];
            let element_wise = (form.make.0)().scope() == Scope::Element;
            let ways = if element_wise { &packed[..] } else { &[] };
            for storage in [&[Storage::Full], ways].concat() {
                let name = format!("{} ({}), {storage:?}", row.about.name, form.name);
                let counts = allocations(form, storage, &one);
                assert!(counts.iter().all(|count| *count == 0), "{name}, one thread: {counts:?}");
                let counts = allocations(form, storage, &two);
                let sum: usize = counts.iter().sum();
                assert!(sum <= OF_THE_POOL, "{name}, two threads: {counts:?}");
            }
        }
    }
    // The counter counts.
    let region = Region::new(ALLOCATOR);
    let bytes = vec![1u8; 1000];
    assert!(region.change().allocations >= 1 && bytes.len() == 1000);
}
