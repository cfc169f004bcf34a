//! Layers over sequences: attention, positions, transformers, recurrent layers.

use super::{LayerRow, row};
use crate::registry::About;
use tricks_net::layers::{
    AttentionConfig, AttentionMask, MultiheadAttention, scaled_dot_product_attention,
    scaled_dot_product_attention_backward,
};
use tricks_tensor::ndarray::{
    Array4, ArrayView4, ArrayViewD, ArrayViewMutD, Ix4, IxDyn, ShapeError,
};
use tricks_tensor::views::require_shape;
use tricks_tensor::{Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result};

/// Few sequences of many features.
fn sequences(rows: usize, n: usize) -> Vec<usize> {
    vec![2, rows / 50 + 3, n]
}

/// A number of heads that divides the features.
fn heads(n: usize) -> usize {
    (2..=n).find(|heads| n.is_multiple_of(*heads)).unwrap_or(1)
}

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!(
            "scaled_dot_product_attention",
            "crates/tricks-net/src/layers/attention/scaled_dot_product.rs",
            "y = softmax(q kᵀ / √d) v",
            |_| OfItself,
            |rows, n| vec![2, 3, rows / 50 + 3, n]
        ),
        row!(
            "MultiheadAttention",
            "crates/tricks-net/src/layers/attention/multihead.rs",
            "y = [softmax(qᵢ kᵢᵀ / √d) vᵢ of each head i] Woᵀ + bo",
            |n| {
                let (num_heads, dropout) = (heads(n), 0.3);
                let config =
                    AttentionConfig { num_heads, causal: true, dropout, ..Default::default() };
                MultiheadAttention::new(n, config).expect("valid")
            },
            sequences
        ),
    ]
}

/// The function as a layer: queries, keys and values are the same.
struct OfItself;

const MASK: AttentionMask<'_> = AttentionMask { causal: true, padding: None };

fn four(error: ShapeError) -> Error {
    Error::invalid("attention of itself", error)
}

/// The weights and the output.
fn attend<F: Float>(x: ArrayView4<'_, F>) -> Result<[Array4<F>; 2]> {
    let (samples, heads, time, _) = x.dim();
    let mut weights = Array4::zeros((samples, heads, time, time));
    let mut y = Array4::zeros(x.raw_dim());
    scaled_dot_product_attention([x; 3], MASK, weights.view_mut(), y.view_mut())?;
    Ok([weights, y])
}

impl<F: Float> Parameters<F> for OfItself {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for OfItself {
    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, _: Mode) -> Result<()> {
        self.infer(x, y)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        _: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        let (x, dy) = (
            x.into_dimensionality::<Ix4>().map_err(four)?,
            dy.into_dimensionality::<Ix4>().map_err(four)?,
        );
        let Some(mut dx) = dx else { return Ok(()) };
        let [weights, _] = attend(x)?;
        let mut grads = [0; 3].map(|_| Array4::zeros(x.raw_dim()));
        let [dq, dk, dv] = &mut grads;
        let outputs = [dq.view_mut(), dk.view_mut(), dv.view_mut()];
        scaled_dot_product_attention_backward([x; 3], weights.view(), dy, outputs)?;
        let [dq, dk, dv] = grads;
        dx.assign(&(dq + dk + dv).into_dyn());
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_shape("attention of itself", ("output", y.shape()), ("input", x.shape()))?;
        let [_, of] = attend(x.into_dimensionality::<Ix4>().map_err(four)?)?;
        y.assign(&of.into_dyn());
        Ok(())
    }
}
