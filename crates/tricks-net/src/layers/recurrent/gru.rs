use super::recurrent;
use crate::layers::recurrence::Cell;
use tricks_tensor::Float;

recurrent! {
    /// Gated recurrent unit: a state that moves towards a new one, as far as a gate says.
    ///
    /// # Formula
    /// ```text
    /// (xr, xz, xn) = W_ih xₜ + b_ih       (hr, hz, hn) = W_hh hₜ₋₁ + b_hh
    /// r  = σ(xr + hr)      z = σ(xz + hz)      n = tanh(xn + r hn)
    /// hₜ = (1 − z) n + z hₜ₋₁                                 y = h₁, h₂, …
    /// ```
    /// `backward` is the chain rule through these lines, from the last step. `x` is
    /// `[samples, time, inputs]`, `y` `[samples, time, hidden]`. `h₀` is 0, or what
    /// [`forward_from`](Gru::forward_from) is given.
    ///
    /// | parameter | path | shape | kind |
    /// |---|---|---|---|
    /// | W_ih | `weight_ih_l0` | `[3 hidden, inputs]` | `Weight` |
    /// | W_hh | `weight_hh_l0` | `[3 hidden, hidden]` | `Weight` |
    /// | b_ih | `bias_ih_l0` | `[3 hidden]` | `Bias` |
    /// | b_hh | `bias_hh_l0` | `[3 hidden]` | `Bias` |
    ///
    /// Parameters start at zero: give them values with `tricks_init`.
    ///
    /// # Memory
    /// 13 arrays of the output's size: gates, what is sent to them, states, and their gradients.
    ///
    /// # Notes
    /// * Names, order of the gates and both biases are those of PyTorch's `GRU` with `batch_first`,
    ///   one layer, one direction. Keras puts z before r, and has `reset_after` for this form.
    /// * The paper applies r to hₜ₋₁, before the product with W_hh.
    ///
    /// # Source
    /// Cho and others: *Learning phrase representations using RNN encoder-decoder for statistical
    /// machine translation*, 2014.
    ///
    /// ```
    /// use tricks_net::layers::Gru;
    /// use tricks_tensor::{Layer, Parameters, Path, ndarray::{ArrayD, arr3}};
    /// let mut gru = Gru::<f64>::new(1, 1)?;
    /// // Only n sees the input: half of the way at each step.
    /// gru.visit(&Path::ROOT, &mut |place, param| {
    ///     if place.path.is("weight_ih_l0") {
    ///         param.value[2] = 1.0;
    ///     }
    /// });
    /// let (x, mut y) = (arr3(&[[[1.0], [0.0]]]).into_dyn(), ArrayD::zeros(vec![1, 2, 1]));
    /// gru.infer(x.view(), y.view_mut())?;
    /// assert!((y[[0, 0, 0]] - 1f64.tanh() / 2.0).abs() < 1e-12);
    /// assert!((y[[0, 1, 0]] - 1f64.tanh() / 4.0).abs() < 1e-12);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    Gru, GruCell, 3 gates, 1 states
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct GruCell;

impl<F: Float> Cell<F, 3, 1> for GruCell {
    #[inline(always)]
    fn forward(self, x: [F; 3], h: [F; 3], [before]: [F; 1]) -> ([F; 3], [F; 1]) {
        let r = (x[0] + h[0]).sigmoid_exact();
        let z = (x[1] + h[1]).sigmoid_exact();
        let n = (x[2] + r * h[2]).tanh_exact();
        ([r, z, n], [(F::one() - z) * n + z * before])
    }

    #[inline(always)]
    fn backward(
        self,
        [r, z, n]: [F; 3],
        [_, _, hn]: [F; 3],
        [[before], _]: [[F; 1]; 2],
        [dh]: [F; 1],
    ) -> ([F; 3], [F; 3], [F; 1]) {
        let one = F::one();
        let dn = dh * (one - z) * (one - n * n);
        let dz = dh * (before - n) * z * (one - z);
        let dr = dn * hn * r * (one - r);
        ([dr, dz, dn], [dr, dz, dn * r], [dh * z])
    }
}
