use super::recurrent;
use crate::layers::recurrence::Cell;
use tricks_tensor::Float;

recurrent! {
    /// Long short-term memory: a state that is kept, and gates that say what of it.
    ///
    /// # Formula
    /// ```text
    /// (i, f, g, o) = W_ih xₜ + b_ih + W_hh hₜ₋₁ + b_hh       four blocks of `hidden` rows
    /// cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g)
    /// hₜ = σ(o) tanh(cₜ)                                      y = h₁, h₂, …
    /// ```
    /// `backward` is the chain rule through these lines, from the last step. `x` is
    /// `[samples, time, inputs]`, `y` `[samples, time, hidden]`. `h₀` and `c₀` are 0, or what
    /// [`forward_from`](Lstm::forward_from) is given.
    ///
    /// | parameter | path | shape | kind |
    /// |---|---|---|---|
    /// | W_ih | `weight_ih_l0` | `[4 hidden, inputs]` | `Weight` |
    /// | W_hh | `weight_hh_l0` | `[4 hidden, hidden]` | `Weight` |
    /// | b_ih | `bias_ih_l0` | `[4 hidden]` | `Bias` |
    /// | b_hh | `bias_hh_l0` | `[4 hidden]` | `Bias` |
    ///
    /// Parameters start at zero: give them values with `tricks_init`.
    ///
    /// # Memory
    /// 18 arrays of the output's size: gates, what is sent to them, states, and their gradients.
    ///
    /// # Notes
    /// * Names, order of the gates and both biases are those of PyTorch's `LSTM` with
    ///   `batch_first`, one layer, one direction. Keras has the same order and one bias.
    /// * A bias of 1 for `f` at the start keeps the state at first; nothing sets it here.
    ///
    /// # Source
    /// Hochreiter, Schmidhuber: *Long short-term memory*, 1997; the gate f: Gers, Schmidhuber,
    /// Cummins: *Learning to forget: continual prediction with LSTM*, 2000.
    ///
    /// ```
    /// use tricks_net::layers::Lstm;
    /// use tricks_tensor::{Layer, Parameters, Path, ndarray::{ArrayD, arr3}};
    /// let mut lstm = Lstm::<f64>::new(1, 1)?;
    /// // Only g sees the input: every gate is half open.
    /// lstm.visit(&Path::ROOT, &mut |place, param| {
    ///     if place.path.is("weight_ih_l0") {
    ///         param.value[2] = 1.0;
    ///     }
    /// });
    /// let (x, mut y) = (arr3(&[[[1.0], [0.0]]]).into_dyn(), ArrayD::zeros(vec![1, 2, 1]));
    /// lstm.infer(x.view(), y.view_mut())?;
    /// let c = 0.5 * 1f64.tanh();
    /// assert!((y[[0, 0, 0]] - 0.5 * c.tanh()).abs() < 1e-12);
    /// assert!((y[[0, 1, 0]] - 0.5 * (c / 2.0).tanh()).abs() < 1e-12);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    Lstm, LstmCell, 4 gates, 2 states
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LstmCell;

impl<F: Float> Cell<F, 4, 2> for LstmCell {
    #[inline(always)]
    fn forward(self, x: [F; 4], h: [F; 4], [_, c]: [F; 2]) -> ([F; 4], [F; 2]) {
        let i = (x[0] + h[0]).sigmoid_exact();
        let f = (x[1] + h[1]).sigmoid_exact();
        let g = (x[2] + h[2]).tanh_exact();
        let o = (x[3] + h[3]).sigmoid_exact();
        let c = f * c + i * g;
        ([i, f, g, o], [o * c.tanh_exact(), c])
    }

    #[inline(always)]
    fn backward(
        self,
        [i, f, g, o]: [F; 4],
        _: [F; 4],
        [[_, before], [_, c]]: [[F; 2]; 2],
        [dh, dc]: [F; 2],
    ) -> ([F; 4], [F; 4], [F; 2]) {
        let (one, tanh) = (F::one(), c.tanh_exact());
        let dc = dc + dh * o * (one - tanh * tanh);
        let d = [
            dc * g * i * (one - i),
            dc * before * f * (one - f),
            dc * i * (one - g * g),
            dh * tanh * o * (one - o),
        ];
        (d, d, [F::zero(), dc * f])
    }
}
