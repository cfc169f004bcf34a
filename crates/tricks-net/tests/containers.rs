//! A steady step through containers asks the heap for nothing.

#![allow(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tricks_net::layers::{MaxPool1d, Parallel, Residual, Sequential, Sigmoid, Tanh};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Layer as _, Mode, Noise};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn steady_steps() {
    let pool = || MaxPool1d::new(2).unwrap();
    let sum = Parallel::<f32>::sum().push(Tanh).push(Sequential::new()).push(Sigmoid);
    let mut net = Sequential::new()
        .push(Residual::new(Sequential::new().push(Tanh).push(Tanh)))
        .push(Residual::new(Sequential::new().push(Tanh).push(pool())).shortcut(pool()))
        .push(Parallel::concat(1).push(sum).push(Tanh))
        .push(Tanh);
    let x = ArrayD::from_shape_fn(vec![5, 3, 8], |at| (at[0] + at[1] * at[2]) as f32 / 10.0);
    let shape = net.output_shape(x.shape()).unwrap();
    let (mut y, mut dx) = (ArrayD::zeros(shape), ArrayD::zeros(x.raw_dim()));
    let dy = ArrayD::ones(y.raw_dim());
    let mut step = |number| {
        let (heap, mode) = (Region::new(HEAP), Mode::Train(Noise::new(number)));
        net.forward(x.view(), y.view_mut(), mode).unwrap();
        net.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
        heap.change().allocations
    };
    assert!(step(0) > 0);
    assert_eq!([step(1), step(2)], [0, 0]);
}
