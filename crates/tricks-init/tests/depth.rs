//! What depth does to signals, beside what theory says.

#![allow(clippy::unwrap_used)]

use rayon::prelude::*;
use tricks_init::{Fan, Gain, Initializer, Normal, VarianceScaling};
use tricks_tensor::kernel::matmul;
use tricks_tensor::ndarray::{Array2, Axis};
use tricks_tensor::{Float, Noise};

const WIDTH: usize = 1024;
const DEPTH: usize = 50;
const FAN: Fan = Fan { fan_in: WIDTH, fan_out: WIDTH };
/// Inputs of each net.
const ROWS: usize = 2;

/// The pre-activations' second moments, layer by layer, of three nets: He and ReLU, Xavier and tanh,
/// N(0, 0.01²) and ReLU. They share their normal draws, which the initializers only scale.
fn second_moments(seed: u64) -> Vec<[f64; 3]> {
    let he = VarianceScaling::he_normal();
    let scale = |std: f64| f32::of(std / he.std(FAN));
    let scales = [1.0, scale(VarianceScaling::xavier_normal().std(FAN)), scale(0.01)];
    let mut weight = vec![0.0f32; WIDTH * WIDTH];
    let mut input = vec![0.0f32; ROWS * WIDTH];
    let noise = Noise::new(seed);
    Normal::default().fill(FAN, &[ROWS, WIDTH], noise.child(0), &mut input).unwrap();
    let mut x = Array2::from_shape_fn((3 * ROWS, WIDTH), |(i, j)| input[i % ROWS * WIDTH + j]);
    let mut z = Array2::zeros((3 * ROWS, WIDTH));
    (1..=DEPTH)
        .map(|layer| {
            he.fill(FAN, &[WIDTH, WIDTH], noise.child(layer as u64), &mut weight).unwrap();
            let w = Array2::from_shape_vec((WIDTH, WIDTH), std::mem::take(&mut weight)).unwrap();
            matmul(1.0, x.view(), w.t(), 0.0, z.view_mut());
            weight = w.into_raw_vec_and_offset().0;
            let mut moments = [0.0; 3];
            let nets = x.axis_chunks_iter_mut(Axis(0), ROWS);
            let nets = nets.zip(z.axis_chunks_iter_mut(Axis(0), ROWS)).enumerate();
            for (net, (mut x, mut z)) in nets {
                z *= scales[net];
                x.zip_mut_with(&z, |x, z| {
                    *x = if net == 1 { z.tanh_exact() } else { z.max(0.0) };
                });
                let sum: f64 = z.iter().map(|z| z.widen() * z.widen()).sum();
                moments[net] = sum / z.len() as f64;
            }
            moments
        })
        .collect()
}

#[test]
fn fifty_layers_follow_the_mean_field() {
    const SEEDS: u64 = 20;
    let nets: Vec<_> = (1..=SEEDS).into_par_iter().map(second_moments).collect();
    let mean = |layer: usize, net: usize| {
        nets.iter().map(|moments| moments[layer][net]).sum::<f64>() / SEEDS as f64
    };
    let mut tanh = 1.0f64;
    for layer in 0..DEPTH {
        // Inputs of variance 1; a ReLU halves, and the weights double.
        let he = mean(layer, 0) / 2.0;
        assert!((he - 1.0).abs() < 0.2, "layer {layer}: He is {he} of the theory's");
        let found = mean(layer, 1) / tanh;
        assert!((found - 1.0).abs() < 0.2, "layer {layer}: Xavier is {found} of the theory's");
        // q ← E[tanh²(√q z)]
        tanh = Gain::of(|z| (tanh.sqrt() * z).tanh()).value().powi(-2);
    }
    // Each layer leaves n·σ²/2 of it.
    let predicted = (WIDTH as f64 * 1e-4 / 2.0).ln();
    for moments in &nets {
        let rate = (moments[DEPTH - 1][2] / moments[0][2]).ln() / (DEPTH - 1) as f64;
        assert!((rate / predicted - 1.0).abs() < 0.02, "{rate} a layer, not {predicted}");
    }
    assert!(mean(DEPTH - 1, 2) < 1e-60);
}
