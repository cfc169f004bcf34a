//! Each case as a group of three: limit, stream, step.

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::hint::black_box;
use std::thread::available_parallelism;
use std::time::Duration;
use tricks_bench::cases::{self, Case};
use tricks_bench::sets::Fixture;

fn updates(criterion: &mut Criterion) {
    let cases = cases::all(available_parallelism().map_or(1, usize::from));
    // One fixture at a time: the large ones take half a gigabyte.
    for of_set in cases.chunk_by(|a, b| a.set == b.set) {
        let mut fixture = None;
        for case in of_set {
            let pool = ThreadPoolBuilder::new().num_threads(case.threads).build();
            group(criterion, case, &pool.expect("threads can be started"), &mut fixture);
        }
    }
}

/// Everything is made on first use: a case that is filtered out costs nothing.
fn group(criterion: &mut Criterion, case: &Case, pool: &ThreadPool, fixture: &mut Option<Fixture>) {
    let mut group = criterion.benchmark_group(case.id());
    group.sampling_mode(SamplingMode::Flat);
    for (name, limit) in [("limit", case.limit()), ("stream", case.stream())] {
        // A stream leaves numbers no rule would: a negative `v`.
        fixture.iter_mut().for_each(|fixture| fixture.buffers.reset());
        group.bench_function(name, |bencher| {
            let buffers = &mut fixture.get_or_insert_with(|| Fixture::new(case.set)).buffers;
            pool.install(|| {
                bencher.iter(|| black_box(limit).run(black_box(buffers.piece()), case.threads));
            });
        });
    }
    let mut fixture = Some(fixture);
    let mut step = None;
    group.bench_function("step", |bencher| {
        let step = step.get_or_insert_with(|| {
            let fixture = fixture.take().expect("taken once, with the step that keeps it");
            let tensors = &mut fixture.get_or_insert_with(|| Fixture::new(case.set)).tensors;
            case.stepper(tensors).expect("the set can be bound")
        });
        pool.install(|| bencher.iter(|| step().expect("the gradients are finite")));
    });
    group.finish();
}

fn config() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(10)
        .nresamples(1000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200))
}

criterion_group! {
    name = benches;
    config = config();
    targets = updates
}
criterion_main!(benches);
