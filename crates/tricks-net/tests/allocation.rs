//! A steady step asks the heap for nothing but what the matrix products pack.

#![allow(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

mod common;

use common::{run, spirals};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tricks_net::data::DataSource as _;
use tricks_net::data::{Batch, Batching};
use tricks_optim::Adam;
use tricks_tensor::Noise;

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Three layers: three products forward, three for their weights, two for their inputs.
const PRODUCTS: usize = 8;

#[test]
fn steady_steps() {
    let data = spirals::<f32>(100, 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let mut run = run(Adam::torch(), 1e-3, 1);
        let (mut batch, mut order) = (Batch::new(), Vec::new());
        let batching = Batching::of(30);
        let mut epoch = |number| {
            let heap = Region::new(HEAP);
            let (mut first, mut steps) = (0, 0);
            batching.order(100, Noise::new(1), number, &mut order);
            while let Some(end) = batching.end(first, 100) {
                data.fill(&order[first..end], &mut batch).unwrap();
                run.update(&batch.x(), batch.target()).unwrap();
                (first, steps) = (end, steps + 1);
            }
            let change = heap.change();
            (steps, change.allocations, change.bytes_allocated - change.bytes_deallocated)
        };
        epoch(0);
        // The last of the four batches is short: it reuses the memory of the others.
        for number in 1..4 {
            let (steps, allocations, left) = epoch(number);
            assert_eq!((steps, left), (4, 0));
            assert!(allocations <= 4 * PRODUCTS, "{allocations}");
        }
    });
}
