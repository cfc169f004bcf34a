//! What recurrent layers share: a cell is the formula of one unit, everything else is the same.

use super::projection::{Projection, flat, matrix, matrix_mut, sequences};
use crate::buffer::Buffer;
use ndarray::{ArrayView2, ArrayViewD, ArrayViewMutD};
use std::array::from_fn;
use tricks_tensor::kernel::vectorize;
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Error, Float, ParamMut, Path, Place, Result, ndarray};

/// One unit, with so many gates and numbers of state; the first of these is the output. Both
/// functions must be marked `#[inline(always)]`.
pub(super) trait Cell<F, const GATES: usize, const STATES: usize>:
    Copy + Default + Send + Sync
{
    /// From what `x` and `h` send to each gate and the state before: the gates and the state after.
    fn forward(
        self,
        x: [F; GATES],
        h: [F; GATES],
        before: [F; STATES],
    ) -> ([F; GATES], [F; STATES]);

    /// From the gates, what `h` sent them, the states before and after, and the gradient of the
    /// latter: the gradients of what `x` and `h` sent and, by the direct way, of the state before.
    fn backward(
        self,
        gates: [F; GATES],
        h: [F; GATES],
        states: [[F; STATES]; 2],
        dafter: [F; STATES],
    ) -> ([F; GATES], [F; GATES], [F; STATES]);
}

/// A layer of such units.
#[derive(Clone, Debug)]
pub(super) struct Recurrent<F, C, const GATES: usize, const STATES: usize> {
    name: &'static str,
    pub(super) cell: C,
    hidden: usize,
    inputs: usize,
    /// From `x`, and from the state before.
    maps: [Projection<F>; 2],
    kept: Kept<F, STATES>,
}

/// What a forward pass leaves for the backward pass, and room for that.
#[derive(Clone, Debug)]
pub(super) struct Kept<F, const STATES: usize> {
    /// `[samples, time, GATES · hidden]`.
    gates: Buffer<F>,
    /// What `h` sends, `[time, samples, GATES · hidden]`.
    sent: Buffer<F>,
    /// `[time + 1, samples, hidden]`, from the start to the end.
    states: [Buffer<F>; STATES],
    dgates: Buffer<F>,
    dsent: Buffer<F>,
    /// `[samples, hidden]`.
    dstates: [Buffer<F>; STATES],
}

impl<F: Float, const STATES: usize> Kept<F, STATES> {
    pub(super) fn new() -> Self {
        Self {
            gates: Buffer::new(),
            sent: Buffer::new(),
            states: from_fn(|_| Buffer::new()),
            dgates: Buffer::new(),
            dsent: Buffer::new(),
            dstates: from_fn(|_| Buffer::new()),
        }
    }
}

impl<F: Float, C: Cell<F, GATES, STATES>, const GATES: usize, const STATES: usize>
    Recurrent<F, C, GATES, STATES>
{
    pub(super) fn new(name: &'static str, inputs: usize, hidden: usize) -> Result<Self> {
        for (field, count) in [("inputs", inputs), ("hidden", hidden)] {
            if count == 0 {
                return Err(Error::invalid(name, format!("{field} is 0, must be at least 1")));
            }
        }
        let maps = [inputs, hidden].map(|from| Projection::new(from, GATES * hidden, true));
        Ok(Self { name, cell: C::default(), hidden, inputs, maps, kept: Kept::new() })
    }

    pub(super) fn visit<'p>(
        &'p mut self,
        at: &Path<'_>,
        f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
    ) {
        let [from_x, from_h] = &mut self.maps;
        from_x.visit([at.name("weight_ih_l0"), at.name("bias_ih_l0")], f);
        from_h.visit([at.name("weight_hh_l0"), at.name("bias_hh_l0")], f);
    }

    pub(super) fn output_shape(&self, x: &[usize]) -> Result<[usize; 3]> {
        let [samples, time] = sequences(self.name, "input", x, self.inputs)?;
        Ok([samples, time, self.hidden])
    }

    pub(super) fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        start: Option<[ArrayView2<'_, F>; STATES]>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        let mut kept = std::mem::replace(&mut self.kept, Kept::new());
        let result = self.run(&mut kept, x, start, y);
        self.kept = kept;
        result
    }

    /// From `start`, or from zeros.
    pub(super) fn run(
        &self,
        kept: &mut Kept<F, STATES>,
        x: ArrayViewD<'_, F>,
        start: Option<[ArrayView2<'_, F>; STATES]>,
        mut y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        let [samples, time, hidden] = self.output_shape(x.shape())?;
        require_shape(self.name, ("output", y.shape()), ("expected", &[samples, time, hidden]))?;
        for start in start.iter().flatten() {
            let expected = ("expected", &[samples, hidden][..]);
            require_shape(self.name, ("state at the start", start.shape()), expected)?;
        }
        let width = GATES * hidden;
        let Kept { gates, sent, states, .. } = kept;
        gates.reshape(&[samples, time, width])?;
        let step = samples * hidden;
        sent.reshape(&[time, samples, width])?;
        for (s, state) in states.iter_mut().enumerate() {
            state.reshape(&[time + 1, samples, hidden])?;
            let mut first = matrix_mut(&mut state.slice_mut()[..step], hidden);
            match &start {
                Some(start) => first.assign(&start[s]),
                None => first.fill(F::zero()),
            }
        }
        let [from_x, from_h] = &self.maps;
        let of_x = x.as_standard_layout();
        let x = matrix(numbers(&of_x), self.inputs);
        from_x.forward(0..width, x, matrix_mut(gates.slice_mut(), width));
        let (gates, sent) = (gates.slice_mut(), sent.slice_mut());
        for t in 0..time {
            let sent = &mut sent[t * samples * width..][..samples * width];
            let mut halves = states.each_mut().map(|state| {
                let (before, after) = state.slice_mut().split_at_mut((t + 1) * step);
                (&before[t * step..], &mut after[..step])
            });
            from_h.forward(0..width, matrix(halves[0].0, hidden), matrix_mut(sent, width));
            for n in 0..samples {
                let one = n * hidden..(n + 1) * hidden;
                let (before, after) = pair(
                    halves
                        .each_mut()
                        .map(|(before, after)| (&before[one.clone()], &mut after[one.clone()])),
                );
                let gates = &mut gates[(n * time + t) * width..][..width];
                let sent = &sent[n * width..][..width];
                forward_units(
                    self.cell,
                    parts_mut(gates, hidden),
                    parts(sent, hidden),
                    before,
                    after,
                );
            }
        }
        // [time, samples, hidden] as [samples, time, hidden].
        let states = states[0].view();
        let after = states.slice_axis(ndarray::Axis(0), ndarray::Slice::from(1..));
        y.assign(&after.permuted_axes(ndarray::IxDyn(&[1, 0, 2])));
        Ok(())
    }

    /// `dend` is the gradient of the state after the last step, beside that through `y`.
    pub(super) fn backward(
        &mut self,
        [x, y, dy]: [ArrayViewD<'_, F>; 3],
        dend: Option<[ArrayView2<'_, F>; STATES]>,
        dx: Option<ArrayViewMutD<'_, F>>,
    ) -> Result<()> {
        let [samples, time, hidden] = self.output_shape(x.shape())?;
        require_backward(self.name, &[samples, time, hidden], &x, &y, &dy, dx.as_ref())?;
        for dend in dend.iter().flatten() {
            let expected = ("expected", &[samples, hidden][..]);
            require_shape(self.name, ("gradient of the end", dend.shape()), expected)?;
        }
        let width = GATES * hidden;
        let Kept { gates, sent, states, dgates, dsent, dstates } = &mut self.kept;
        let last = ("gates of the last forward pass", gates.shape());
        require_shape(self.name, last, ("expected", &[samples, time, width]))?;
        let step = samples * hidden;
        dgates.reshape(gates.shape())?;
        dsent.reshape(sent.shape())?;
        for (s, d) in dstates.iter_mut().enumerate() {
            d.reshape(&[samples, hidden])?;
            match &dend {
                Some(dend) => matrix_mut(d.slice_mut(), hidden).assign(&dend[s]),
                None => d.slice_mut().fill(F::zero()),
            }
        }
        let [from_x, from_h] = &mut self.maps;
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (matrix(numbers(&x), self.inputs), numbers(&dy));
        let (gates, sent, states) = (flat(gates), flat(sent), states.each_ref().map(flat));
        let (dgates, dsent) = (dgates.slice_mut(), dsent.slice_mut());
        for t in (0..time).rev() {
            for n in 0..samples {
                let (row, turned) = ((n * time + t) * width, (t * samples + n) * width);
                let [before, after] = [t, t + 1]
                    .map(|t| states.map(|state| &state[t * step + n * hidden..][..hidden]));
                let dstate = dstates.each_mut().map(|d| &mut d.slice_mut()[n * hidden..][..hidden]);
                let dy = &dy[(n * time + t) * hidden..][..hidden];
                dstate[0].iter_mut().zip(dy).for_each(|(d, dy)| *d += *dy);
                let of_gates = parts(&gates[row..][..width], hidden);
                let of_sent = parts(&sent[turned..][..width], hidden);
                let to_gates = parts_mut(&mut dgates[row..][..width], hidden);
                let to_sent = parts_mut(&mut dsent[turned..][..width], hidden);
                let cell = self.cell;
                backward_units(
                    cell,
                    [of_gates, of_sent],
                    [before, after],
                    [to_gates, to_sent],
                    dstate,
                );
            }
            let dsent = matrix(&dsent[t * samples * width..][..samples * width], width);
            let dh = matrix_mut(dstates[0].slice_mut(), hidden);
            from_h.input_gradient(0..width, dsent, true, dh);
        }
        let (dgates, dsent) = (matrix(dgates, width), matrix(dsent, width));
        from_x.gradients(0..width, x, dgates);
        from_h.gradients(0..width, matrix(&states[0][..time * step], hidden), dsent);
        if let Some(dx) = dx {
            with_numbers(dx, |dx| {
                from_x.input_gradient(0..width, dgates, false, matrix_mut(dx, self.inputs));
            });
        }
        Ok(())
    }

    /// The state that the last forward pass ended with.
    pub(super) fn end(&self) -> [ArrayView2<'_, F>; STATES] {
        self.kept.states.each_ref().map(|state| {
            let samples = state.shape().get(1).copied().unwrap_or(0);
            let data = flat(state);
            matrix(&data[data.len() - samples * self.hidden..], self.hidden)
        })
    }

    /// The gradient of the state the last pass started with.
    pub(super) fn start_gradient(&self) -> [ArrayView2<'_, F>; STATES] {
        self.kept.dstates.each_ref().map(|d| matrix(flat(d), self.hidden))
    }
}

/// The part of each gate.
fn parts<F, const N: usize>(x: &[F], width: usize) -> [&[F]; N] {
    from_fn(|i| &x[i * width..][..width])
}

/// The same, to be written.
fn parts_mut<F, const N: usize>(x: &mut [F], width: usize) -> [&mut [F]; N] {
    let mut parts = x.chunks_exact_mut(width);
    from_fn(|_| parts.next().expect("a part for each gate"))
}

/// An array of pairs as a pair of arrays.
fn pair<A: Copy, B, const N: usize>(pairs: [(A, B); N]) -> ([A; N], [B; N]) {
    let first = from_fn(|i| pairs[i].0);
    (first, pairs.map(|pair| pair.1))
}

fn forward_units<F: Float, const GATES: usize, const STATES: usize>(
    cell: impl Cell<F, GATES, STATES>,
    gates: [&mut [F]; GATES],
    sent: [&[F]; GATES],
    before: [&[F]; STATES],
    after: [&mut [F]; STATES],
) {
    vectorize(
        #[inline(always)]
        || {
            for j in 0..before[0].len() {
                let x = from_fn(|i| gates[i][j]);
                let (g, a) = cell.forward(x, sent.map(|x| x[j]), before.map(|x| x[j]));
                (0..GATES).for_each(|i| gates[i][j] = g[i]);
                (0..STATES).for_each(|i| after[i][j] = a[i]);
            }
        },
    );
}

fn backward_units<F: Float, const GATES: usize, const STATES: usize>(
    cell: impl Cell<F, GATES, STATES>,
    [gates, sent]: [[&[F]; GATES]; 2],
    states: [[&[F]; STATES]; 2],
    [dgates, dsent]: [[&mut [F]; GATES]; 2],
    dstate: [&mut [F]; STATES],
) {
    vectorize(
        #[inline(always)]
        || {
            for j in 0..dstate[0].len() {
                let (gates, sent) = (gates.map(|x| x[j]), sent.map(|x| x[j]));
                let states = states.map(|states| states.map(|x| x[j]));
                let d = from_fn(|i| dstate[i][j]);
                let (dx, dh, direct) = cell.backward(gates, sent, states, d);
                (0..GATES).for_each(|i| (dgates[i][j], dsent[i][j]) = (dx[i], dh[i]));
                (0..STATES).for_each(|i| dstate[i][j] = direct[i]);
            }
        },
    );
}
