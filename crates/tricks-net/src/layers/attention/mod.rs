//! Attention: what a place of a sequence takes from the others.

mod multihead;
mod scaled_dot_product;

pub use multihead::{AttentionConfig, MultiheadAttention};
pub use scaled_dot_product::{
    AttentionMask, scaled_dot_product_attention, scaled_dot_product_attention_backward,
};

use super::positions::Angles;
use super::projection::{Projection, flat, matrix, matrix_mut, sequences};
use crate::buffer::Buffer;
use ndarray::{ArrayView4, ArrayViewD, ArrayViewMut4, ArrayViewMutD};
use scaled_dot_product::{fill_weights, mix, through_softmax, unmix};
use std::ops::Range;
use tricks_regularize::Dropout;
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Float, Layer, Mode, Result, ndarray};

/// The owner of what goes wrong in [`Maps`].
const NAME: &str = "MultiheadAttention";

/// Everything but memory.
#[derive(Clone, Debug)]
struct Maps<F> {
    config: AttentionConfig,
    dropout: Dropout,
    features: usize,
    heads: usize,
    key_heads: usize,
    in_proj: Projection<F>,
    out_proj: Projection<F>,
}

/// What a forward pass leaves for the backward pass, and room for that.
#[derive(Clone, Debug)]
struct Kept<F> {
    /// q, k, v, each `[samples, time, its heads · d]`.
    projected: [Buffer<F>; 3],
    weights: Buffer<F>,
    /// After dropout; in the backward pass, the gradient of `weights`.
    dropped: Buffer<F>,
    /// The heads side by side.
    heads: Buffer<F>,
    dprojected: [Buffer<F>; 3],
    dweights: Buffer<F>,
    dheads: Buffer<F>,
    angles: Option<Angles<F>>,
}

impl<F: Float> Kept<F> {
    fn new(config: &AttentionConfig) -> Self {
        let three = || [Buffer::new(), Buffer::new(), Buffer::new()];
        Self {
            projected: three(),
            weights: Buffer::new(),
            dropped: Buffer::new(),
            heads: Buffer::new(),
            dprojected: three(),
            dweights: Buffer::new(),
            dheads: Buffer::new(),
            angles: config.rotary.map(Angles::new),
        }
    }
}

/// Samples, queries and keys.
#[derive(Clone, Copy)]
struct Sizes {
    samples: usize,
    queries: usize,
    keys: usize,
}

impl<F: Float> Maps<F> {
    /// The rows of `in_proj_weight` of q, k or v.
    fn rows(&self, i: usize) -> Range<usize> {
        let width = self.width() * self.key_heads;
        match i {
            0 => 0..self.features,
            1 => self.features..self.features + width,
            _ => self.features + width..self.features + 2 * width,
        }
    }

    /// Features of a head.
    fn width(&self) -> usize {
        self.features / self.heads
    }

    fn drops(&self, mode: Mode) -> bool {
        mode.is_train() && self.dropout.p() > 0.0
    }

    fn sizes(&self, inputs: &[ArrayViewD<'_, F>; 3]) -> Result<Sizes> {
        let [query, key, value] = inputs;
        let [samples, queries] = sequences(NAME, "input", query.shape(), self.features)?;
        let [_, keys] = sequences(NAME, "key", key.shape(), self.features)?;
        let expected = [samples, keys, self.features];
        require_shape(NAME, ("key", key.shape()), ("expected", &expected))?;
        require_shape(NAME, ("value", value.shape()), ("key", key.shape()))?;
        Ok(Sizes { samples, queries, keys })
    }

    /// q, k or v as `[samples, time, heads, d]`.
    fn shape_of(&self, i: usize, Sizes { samples, queries, keys }: Sizes) -> [usize; 4] {
        match i {
            0 => [samples, queries, self.heads, self.width()],
            _ => [samples, keys, self.key_heads, self.width()],
        }
    }

    /// Turns queries and keys by their places, or their gradients back.
    fn turn(
        &self,
        angles: &Option<Angles<F>>,
        projected: &mut [Buffer<F>; 3],
        sizes: Sizes,
        back: bool,
    ) {
        for (i, projected) in projected.iter_mut().enumerate().take(2) {
            let [_, time, heads, _] = self.shape_of(i, sizes);
            if let Some(angles) = angles {
                angles.turn(projected.slice_mut(), time, heads, back);
            }
        }
    }

    fn run(
        &self,
        kept: &mut Kept<F>,
        inputs: [ArrayViewD<'_, F>; 3],
        mask: AttentionMask<'_, F>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        let sizes = self.sizes(&inputs)?;
        let Sizes { samples, queries, keys } = sizes;
        let of_weights = [samples, self.heads, queries, keys];
        mask.check(NAME, of_weights)?;
        require_shape(NAME, ("output", y.shape()), ("expected", inputs[0].shape()))?;
        for (i, x) in inputs.iter().enumerate() {
            let (x, rows) = (x.as_standard_layout(), self.rows(i));
            let projected = &mut kept.projected[i];
            projected.reshape(&[samples, x.shape()[1], rows.len()])?;
            let projected = matrix_mut(projected.slice_mut(), rows.len());
            self.in_proj.forward(rows, matrix(numbers(&x), self.features), projected);
        }
        if let Some(angles) = &mut kept.angles {
            angles.extend([queries.max(keys), self.width()]);
        }
        self.turn(&kept.angles, &mut kept.projected, sizes, false);
        let [q, k, v] = [0, 1, 2].map(|i| view(flat(&kept.projected[i]), self.shape_of(i, sizes)));
        kept.weights.reshape(&of_weights)?;
        let mask = AttentionMask { causal: self.config.causal || mask.causal, ..mask };
        fill_weights([q, k], &mask, four_mut(kept.weights.slice_mut(), of_weights));
        let weights = if self.drops(mode) {
            kept.dropped.reshape(&of_weights)?;
            let mut dropout = self.dropout;
            dropout.forward(kept.weights.view(), kept.dropped.view_mut(), mode)?;
            &kept.dropped
        } else {
            &kept.weights
        };
        kept.heads.reshape(inputs[0].shape())?;
        let heads = view_mut(kept.heads.slice_mut(), self.shape_of(0, sizes));
        mix(four(flat(weights), of_weights), v, heads);
        with_numbers(y, |y| {
            let (heads, y) = (flat(&kept.heads), matrix_mut(y, self.features));
            self.out_proj.forward(0..self.features, matrix(heads, self.features), y);
        });
        Ok(())
    }

    fn backward(
        &mut self,
        kept: &mut Kept<F>,
        inputs: [ArrayViewD<'_, F>; 3],
        dy: ArrayViewD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        let sizes = self.sizes(&inputs)?;
        require_shape(NAME, ("output gradient", dy.shape()), ("output", inputs[0].shape()))?;
        let of_weights = [sizes.samples, self.heads, sizes.queries, sizes.keys];
        let last = ("weights of the last forward pass", kept.weights.shape());
        require_shape(NAME, last, ("expected", &of_weights))?;

        let dy = dy.as_standard_layout();
        let dy = matrix(numbers(&dy), self.features);
        kept.dheads.reshape(inputs[0].shape())?;
        let dheads = matrix_mut(kept.dheads.slice_mut(), self.features);
        self.out_proj.input_gradient(0..self.features, dy, false, dheads);
        self.out_proj.gradients(0..self.features, matrix(flat(&kept.heads), self.features), dy);

        kept.dweights.reshape(&of_weights)?;
        for (d, of) in kept.dprojected.iter_mut().zip(&kept.projected) {
            d.reshape(of.shape())?;
        }
        let shapes = [0, 1, 2].map(|i| self.shape_of(i, sizes));
        let [q, k, v] = [0, 1, 2].map(|i| view(flat(&kept.projected[i]), shapes[i]));
        let [dq, dk, dv] = &mut kept.dprojected;
        let drops = self.drops(mode);
        let weights = four(flat(if drops { &kept.dropped } else { &kept.weights }), of_weights);
        let dheads = view(flat(&kept.dheads), shapes[0]);
        let dweights = four_mut(kept.dweights.slice_mut(), of_weights);
        unmix([weights, v.view(), dheads], dweights, view_mut(dv.slice_mut(), shapes[2]));
        let mut dlogits = &mut kept.dweights;
        if drops {
            // The mask is that of the noise: what was dropped is not needed any more.
            let (x, dy, dx) = (&kept.weights, dlogits.view(), kept.dropped.view_mut());
            self.dropout.backward(x.view(), x.view(), dy, Some(dx), mode)?;
            dlogits = &mut kept.dropped;
        }
        let weights = four(flat(&kept.weights), of_weights);
        let dlogits = four_mut(dlogits.slice_mut(), of_weights);
        let outputs = [view_mut(dq.slice_mut(), shapes[0]), view_mut(dk.slice_mut(), shapes[1])];
        through_softmax([q, k, weights], dlogits, outputs);
        self.turn(&kept.angles, &mut kept.dprojected, sizes, true);

        for (i, x) in inputs.iter().enumerate() {
            let (x, rows) = (x.as_standard_layout(), self.rows(i));
            let dprojected = matrix(flat(&kept.dprojected[i]), rows.len());
            self.in_proj.gradients(rows, matrix(numbers(&x), self.features), dprojected);
        }
        Ok(())
    }
}

/// `[samples, time, heads, d]` as `[samples, heads, time, d]`.
fn view<F>(x: &[F], shape: [usize; 4]) -> ArrayView4<'_, F> {
    four(x, shape).permuted_axes([0, 2, 1, 3])
}

fn view_mut<F>(x: &mut [F], shape: [usize; 4]) -> ArrayViewMut4<'_, F> {
    four_mut(x, shape).permuted_axes([0, 2, 1, 3])
}

fn four<F>(x: &[F], shape: [usize; 4]) -> ArrayView4<'_, F> {
    ArrayView4::from_shape(shape, x).expect("of this size")
}

fn four_mut<F>(x: &mut [F], shape: [usize; 4]) -> ArrayViewMut4<'_, F> {
    ArrayViewMut4::from_shape(shape, x).expect("of this size")
}

#[cfg(test)]
mod tests;
