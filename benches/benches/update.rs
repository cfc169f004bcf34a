//! Each case and each fill as a group of three: stream, reference, step.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::hint::black_box;
use std::thread::available_parallelism;
use std::time::Duration;
use tricks_bench::buffers::Buffers;
use tricks_bench::cases::{self, Case, Reference};
use tricks_bench::fill::{self, Fill, RIVAL};
use tricks_bench::limit::read;
use tricks_bench::sets::{Fixture, Tensors};

fn updates(criterion: &mut Criterion) {
    let cases = cases::all(available_parallelism().map_or(1, usize::from));
    // One fixture at a time: the largest takes one and a half gigabytes.
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
    let mut group = criterion.benchmark_group(case.label().id);
    group.sampling_mode(SamplingMode::Flat);
    let (limit, stream, threads) = (case.limit(), case.stream(), case.threads);
    let name = case.reference().name();
    looped(&mut group, "stream", case, pool, fixture, |buffers| {
        black_box(stream).run(buffers.piece(), threads);
    });
    // A stream leaves numbers no rule would: a negative `v`.
    fixture.iter_mut().for_each(|fixture| fixture.buffers.reset());
    match case.reference() {
        Reference::Limit => looped(&mut group, name, case, pool, fixture, |buffers| {
            black_box(limit).run(buffers.piece(), threads);
        }),
        Reference::LimitAndRead => looped(&mut group, name, case, pool, fixture, |buffers| {
            black_box(read(buffers.piece().g, threads));
            black_box(limit).run(buffers.piece(), threads);
        }),
        Reference::Step(_, other) if other.set == case.set => {
            stepped(&mut group, name, &other, pool, || tensors(fixture, &other));
        }
        Reference::Step(_, other) => {
            let mut own = None;
            stepped(&mut group, name, &other, pool, || {
                own.get_or_insert_with(|| Tensors::new(other.set))
            });
        }
    }
    stepped(&mut group, "step", case, pool, || tensors(fixture, case));
    group.finish();
}

fn tensors<'f>(fixture: &'f mut Option<Fixture>, case: &Case) -> &'f mut Tensors {
    &mut fixture.get_or_insert_with(|| Fixture::new(case.set)).tensors
}

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// Times a hand-written loop.
fn looped(
    group: &mut Group<'_>,
    name: &str,
    case: &Case,
    pool: &ThreadPool,
    fixture: &mut Option<Fixture>,
    run: impl Fn(&mut Buffers) + Send + Sync,
) {
    group.bench_function(name, |bencher| {
        let buffers = &mut fixture.get_or_insert_with(|| Fixture::new(case.set)).buffers;
        pool.install(|| bencher.iter(|| run(black_box(buffers))));
    });
}

/// Times a step of the library.
fn stepped<'t>(
    group: &mut Group<'_>,
    name: &str,
    case: &Case,
    pool: &ThreadPool,
    tensors: impl FnOnce() -> &'t mut Tensors,
) {
    let (mut tensors, mut step) = (Some(tensors), None);
    group.bench_function(name, |bencher| {
        let step = step.get_or_insert_with(|| {
            let tensors = tensors.take().expect("taken once, by the step that keeps it");
            case.stepper(tensors()).expect("the set can be bound")
        });
        pool.install(|| bencher.iter(|| step().expect("the gradients are finite")));
    });
}

fn fills(criterion: &mut Criterion) {
    for fill in fill::all(available_parallelism().map_or(1, usize::from)) {
        let mut group = criterion.benchmark_group(fill.label().id);
        group.sampling_mode(SamplingMode::Flat);
        let mut out = Vec::new();
        filled(&mut group, "stream", &fill, &mut out, |out| {
            out.par_chunks_mut(1 << 16).for_each(|out| out.fill(black_box(0.5)));
        });
        filled(&mut group, RIVAL, &fill, &mut out, |out| fill.rival(out));
        filled(&mut group, "step", &fill, &mut out, |out| fill.fill(out).expect("a valid law"));
        group.finish();
    }
}

/// Times what fills a parameter.
fn filled(
    group: &mut Group<'_>,
    name: &str,
    fill: &Fill,
    out: &mut Vec<f32>,
    run: impl Fn(&mut [f32]) + Send + Sync,
) {
    group.bench_function(name, |bencher| {
        out.resize(fill.set.elements(), 0.0);
        let pool = ThreadPoolBuilder::new().num_threads(fill.threads).build();
        let pool = pool.expect("threads can be started");
        pool.install(|| bencher.iter(|| run(black_box(&mut *out))));
    });
}

/// Ten samples are criterion's fewest: at 64 Mi each is one iteration, and they take as long as
/// they take, whatever the measurement time.
fn config() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(10)
        .nresamples(1000)
        .warm_up_time(Duration::from_millis(20))
        .measurement_time(Duration::from_millis(100))
}

criterion_group! {
    name = benches;
    config = config();
    targets = updates, fills
}
criterion_main!(benches);
