use crate::Dropout;
use tricks_tensor::ndarray::{ArrayView1, ArrayViewMut1};
use tricks_tensor::{Error, Float, Layer, Mode, Result, hyper};

/// DropConnect: dropout of single weights instead of activations.
///
/// # Formula
/// ```text
/// training:   w̃ᵢ = wᵢ/(1 − p)  with probability 1 − p,  else 0
/// evaluation: w̃ = w
/// backward:   dw = dw̃ in place of w, with the same mask
/// ```
///
/// The layer is given w̃; the optimizer is given w with the gradient from
/// [`backward`](Self::backward).
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none; 0.5 | [0, 1] |
///
/// # Memory
/// None. The mask is a function of the noise: `backward` computes it again.
///
/// # Notes
/// One mask serves a whole batch; in the paper every sample has its own. The mask is that of
/// [`Dropout`] with the same noise. The expectation of w̃ is w, so that of a linear layer's output
/// is what evaluation gives.
///
/// # Source
/// Wan, Zeiler, Zhang, LeCun, Fergus: *Regularization of neural networks using DropConnect*, ICML
/// 2013, section 3.
///
/// ```
/// use tricks_regularize::DropConnect;
/// let (w, keep, mut dropped) = ([1.0, -2.0, 3.0], [true, false, true], [0.0; 3]);
/// DropConnect::new(0.5)?.apply(&w, &keep, &mut dropped)?;
/// assert_eq!(dropped, [2.0, 0.0, 6.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropConnect {
    dropout: Dropout,
}

const NAME: &str = "DropConnect";

impl DropConnect {
    /// With the probability `p` to drop a weight.
    ///
    /// # Errors
    /// [`Error::Hyper`] if `p` is not in [0, 1].
    pub fn new(p: f64) -> Result<Self> {
        hyper::probability(NAME, "p", p)?;
        Ok(Self { dropout: Dropout::new(p)? })
    }

    /// The probability to drop a weight.
    pub fn p(self) -> f64 {
        self.dropout.p()
    }

    /// Sets `out` to the weights of this pass.
    ///
    /// # Errors
    /// Different lengths.
    pub fn forward<F: Float>(mut self, w: &[F], mode: Mode, out: &mut [F]) -> Result<()> {
        require_len(("output", out.len()), w.len())?;
        let (w, out) = (ArrayView1::from(w).into_dyn(), ArrayViewMut1::from(out).into_dyn());
        self.dropout.forward(w, out, mode)
    }

    /// Sets `dw` from the gradient with respect to the weights of the pass.
    ///
    /// # Errors
    /// Different lengths.
    pub fn backward<F: Float>(self, dout: &[F], mode: Mode, dw: &mut [F]) -> Result<()> {
        self.forward(dout, mode, dw)
    }

    /// The forward pass with a mask of your own; the backward pass is the same call with
    /// gradients.
    ///
    /// # Errors
    /// Different lengths.
    pub fn apply<F: Float>(self, w: &[F], keep: &[bool], out: &mut [F]) -> Result<()> {
        require_len(("mask", keep.len()), w.len())?;
        require_len(("output", out.len()), w.len())?;
        let (w, out) = (ArrayView1::from(w).into_dyn(), ArrayViewMut1::from(out).into_dyn());
        self.dropout.apply(w, ArrayView1::from(keep).into_dyn(), out)
    }
}

fn require_len((what, found): (&str, usize), expected: usize) -> Result<()> {
    if found != expected {
        let message = format!("{what} has {found} numbers, the weight {expected}");
        return Err(Error::invalid(NAME, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::Noise;

    #[test]
    fn the_expectation_is_the_weight_and_both_passes_have_one_mask() {
        let (w, drop) = (vec![1.0f64; 100_000], DropConnect::new(0.3).unwrap());
        let (mut out, mut dw) = (w.clone(), w.clone());
        let mode = Mode::Train(Noise::new(4));
        drop.forward(&w, mode, &mut out).unwrap();
        drop.backward(&w, mode, &mut dw).unwrap();
        assert_eq!(out, dw);
        assert!((out.iter().sum::<f64>() / 1e5 - 1.0).abs() < 0.01);
        drop.forward(&w, Mode::Eval, &mut out).unwrap();
        assert_eq!(out, w);
        let refused = drop.forward(&w[1..], mode, &mut out).unwrap_err().to_string();
        assert_eq!(refused, "DropConnect: output has 100000 numbers, the weight 99999");
    }
}
