use super::recurrent;
use crate::layers::recurrence::Cell;
use tricks_tensor::Float;

/// What a plain recurrent cell does with its sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RnnActivation {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// The larger of the sum and 0.
    ReLU,
}

recurrent! {
    /// A plain recurrent layer: each step sees its input and the state that the step before left.
    ///
    /// # Formula
    /// ```text
    /// hₜ = φ(W_ih xₜ + b_ih + W_hh hₜ₋₁ + b_hh)       φ: tanh or ReLU       y = h₁, h₂, …
    ///
    /// backward, from the last step:  da = dhₜ φ′,  dhₜ₋₁ = dyₜ₋₁ + daᵀ W_hh
    /// ```
    /// `x` is `[samples, time, inputs]`, `y` `[samples, time, hidden]`. `h₀` is 0, or what
    /// [`forward_from`](Rnn::forward_from) is given.
    ///
    /// | parameter | path | shape | kind |
    /// |---|---|---|---|
    /// | W_ih | `weight_ih_l0` | `[hidden, inputs]` | `Weight` |
    /// | W_hh | `weight_hh_l0` | `[hidden, hidden]` | `Weight` |
    /// | b_ih | `bias_ih_l0` | `[hidden]` | `Bias` |
    /// | b_hh | `bias_hh_l0` | `[hidden]` | `Bias` |
    ///
    /// Parameters start at zero: give them values with `tricks_init`.
    ///
    /// # Memory
    /// Five arrays of the output's size.
    ///
    /// # Notes
    /// * The names are those of PyTorch's `RNN` with `batch_first`, one layer, one direction. Its
    ///   second bias is of no use by itself: both have the same gradient.
    /// * Gradients over many steps vanish or explode: clip them, or take [`Lstm`](super::Lstm) or
    ///   [`Gru`](super::Gru).
    ///
    /// # Source
    /// Elman: *Finding structure in time*, 1990.
    ///
    /// ```
    /// use tricks_net::layers::{Rnn, RnnActivation};
    /// use tricks_tensor::{Layer, Parameters, Path, ndarray::{ArrayD, arr3}};
    /// let mut rnn = Rnn::<f64>::new(1, 1)?.activation(RnnActivation::ReLU);
    /// rnn.visit(&Path::ROOT, &mut |_, param| param.value.fill(0.5));
    /// let (x, mut y) = (arr3(&[[[1.0], [2.0], [-9.0]]]).into_dyn(), ArrayD::zeros(vec![1, 3, 1]));
    /// rnn.infer(x.view(), y.view_mut())?;
    /// assert_eq!(y.as_slice().unwrap(), [1.5, 2.75, 0.0]);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    Rnn, RnnCell, 1 gates, 1 states
}

impl<F: Float> Rnn<F> {
    /// With this activation; the default is the hyperbolic tangent.
    #[must_use]
    pub fn activation(mut self, activation: RnnActivation) -> Self {
        self.core.cell = RnnCell(activation);
        self
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RnnCell(RnnActivation);

impl<F: Float> Cell<F, 1, 1> for RnnCell {
    #[inline(always)]
    fn forward(self, [x]: [F; 1], [h]: [F; 1], _: [F; 1]) -> ([F; 1], [F; 1]) {
        let sum = x + h;
        let h = match self.0 {
            RnnActivation::Tanh => sum.tanh_exact(),
            // A NaN stays.
            RnnActivation::ReLU => {
                if sum < F::zero() {
                    F::zero()
                } else {
                    sum
                }
            }
        };
        ([h], [h])
    }

    #[inline(always)]
    fn backward(
        self,
        [h]: [F; 1],
        _: [F; 1],
        _: [[F; 1]; 2],
        [dh]: [F; 1],
    ) -> ([F; 1], [F; 1], [F; 1]) {
        let slope = match self.0 {
            RnnActivation::Tanh => F::one() - h * h,
            RnnActivation::ReLU => {
                if h > F::zero() {
                    F::one()
                } else {
                    F::zero()
                }
            }
        };
        ([dh * slope], [dh * slope], [F::zero()])
    }
}
