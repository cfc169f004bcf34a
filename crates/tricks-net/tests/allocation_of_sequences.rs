//! A steady step of attention and recurrent layers asks the heap for nothing but what the matrix
//! products pack. Alone in its program: the counter is the allocator.

#![allow(clippy::unwrap_used, reason = "a failed test may panic anywhere")]

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use tricks_net::layers::{
    Lstm, RotaryConfig, RotaryPositionalEncoding, SinusoidalPositionalEncoding, TransformerConfig,
    TransformerDecoderLayer, TransformerEncoderLayer,
};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Layer, Mode, Noise};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SAMPLES: usize = 3;
const TIME: usize = 5;
const HEADS: usize = 2;

/// Products of attention: forward, those of the parameters and inputs, and of each head.
const ATTENTION: usize = 4 + 8 + SAMPLES * HEADS * 6;
/// Two linear maps.
const FEED_FORWARD: usize = 2 + 4;

/// Allocations of a step after the first.
fn steady(mut step: impl FnMut()) -> usize {
    step();
    let heap = Region::new(HEAP);
    step();
    let change = heap.change();
    assert_eq!(change.bytes_allocated, change.bytes_deallocated);
    change.allocations
}

fn of_layer(mut layer: impl Layer<f32>) -> usize {
    let x = ArrayD::from_elem(vec![SAMPLES, TIME, 8], 0.5);
    let mut y = ArrayD::zeros(layer.output_shape(x.shape()).unwrap());
    let (dy, mut dx) = (y.mapv(|_| 1.0), x.clone());
    steady(|| {
        let mode = Mode::Train(Noise::new(1));
        layer.forward(x.view(), y.view_mut(), mode).unwrap();
        layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), mode).unwrap();
    })
}

#[test]
fn steady_steps() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let config = TransformerConfig {
            num_heads: HEADS,
            dim_feedforward: 16,
            rotary: Some(RotaryConfig::default()),
            ..TransformerConfig::default()
        };
        assert_eq!(of_layer(SinusoidalPositionalEncoding::default()), 0);
        assert_eq!(of_layer(RotaryPositionalEncoding::default()), 0);
        for norm_first in [false, true] {
            let config = TransformerConfig { norm_first, ..config };
            let count = of_layer(TransformerEncoderLayer::new(8, config).unwrap());
            assert!(count <= ATTENTION + FEED_FORWARD, "{count}");
        }
        let count = of_layer(Lstm::new(8, 4).unwrap());
        assert!(count <= 2 * TIME + 4, "{count}");

        let mut decoder = TransformerDecoderLayer::<f32>::new(8, config).unwrap();
        let (x, memory) = (ArrayD::ones(vec![SAMPLES, TIME, 8]), ArrayD::ones(vec![SAMPLES, 7, 8]));
        let (mut y, mut dx, mut dmemory) = (x.clone(), x.clone(), memory.clone());
        let count = steady(|| {
            let mode = Mode::Train(Noise::new(1));
            let inputs = || [x.view(), memory.view()];
            decoder.forward(inputs(), Default::default(), y.view_mut(), mode).unwrap();
            let outputs = [Some(dx.view_mut()), Some(dmemory.view_mut())];
            decoder.backward(inputs(), y.view(), x.view(), outputs, mode).unwrap();
        });
        assert!(count <= 2 * ATTENTION + FEED_FORWARD, "{count}");
    });
}
