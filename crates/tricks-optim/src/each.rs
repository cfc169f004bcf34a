use crate::average::{Averaged, average_here};
use crate::packed::{BLOCK, largest, stirred};
use crate::rule::{StepCx, WeightDecay};
use crate::slots::Slots;
use tricks_tensor::{Float, kernel};

/// The one loop of element-wise rules: one pass over the parameter, its gradient and its memory.
///
/// `update(θ, g, memory)` gives the new `θ` and memory. Gradient scale and weight decay are applied
/// on the way in; vector instructions are chosen at run time. With them inside, a rule reads as
/// its formula. Keep the closure small enough to be inlined: a benchmark tells.
///
/// `SGD` on three numbers, with decoupled weight decay:
///
/// ```
/// use tricks_optim::{Slots, StepCx, WeightDecay, each};
/// let cx = StepCx { decay: WeightDecay::Decoupled(0.5), ..StepCx::first(0.1) };
/// let mut param = [1.0, 2.0, 3.0];
/// each(&cx, Slots::new([]), &mut param, &[1.0; 3], |p, g, []| (p - 0.1 * g, []));
/// assert_eq!(param, [0.95 - 0.1, 1.9 - 0.1, 0.95 * 3.0 - 0.1]);
/// ```
#[inline(always)]
pub fn each<F: Float, const N: usize>(
    cx: &StepCx<'_>,
    slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]) + Copy,
) {
    let scale = F::of(cx.grad_scale);
    if let Some(bits) = slots.packed_bits(N) {
        let (l2, keep) = cx.decay.split(cx.lr);
        let (l2, keep) = (F::of(l2), F::of(keep));
        let update = move |p, g, s| update(keep * p, scale * g + l2 * p, s);
        match bits {
            8 => blocks::<F, N, 8>(slots, param, grad, update),
            16 => blocks::<F, N, 16>(slots, param, grad, update),
            // Numbers of 32 bits are not packed into as many: nothing to compile for them.
            _ if const { size_of::<F>() > 4 } => blocks::<F, N, 32>(slots, param, grad, update),
            _ => {}
        }
        return;
    }
    match cx.decay {
        // The common case by itself: a factor of 1 would change no bit, but cost time in cache.
        WeightDecay::None if cx.grad_scale == 1.0 => sweep(slots, param, grad, update),
        WeightDecay::None => {
            sweep(slots, param, grad, move |p, g, s| update(p, scale * g, s));
        }
        WeightDecay::L2(lambda) => {
            let lambda = F::of(lambda);
            sweep(slots, param, grad, move |p, g, s| update(p, scale * g + lambda * p, s));
        }
        WeightDecay::Decoupled(lambda) => {
            let keep = F::of(1.0 - cx.lr * lambda);
            sweep(slots, param, grad, move |p, g, s| update(keep * p, scale * g, s));
        }
    }
}

/// [`each`] on all threads, for rules whose scope is not the element: theirs reach them whole.
pub(crate) fn spread<F: Float, const N: usize>(
    cx: &StepCx<'_>,
    slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]) + Copy + Send + Sync,
) {
    if !kernel::worth_forking(param.len()) {
        return each(cx, slots, param, grad, update);
    }
    let middle = (param.len() / 2).next_multiple_of(BLOCK);
    let (p0, p1) = param.split_at_mut(middle);
    let (g0, g1) = grad.split_at(middle);
    let (s0, s1) = slots.split_at(middle);
    kernel::join(|| spread(cx, s0, p0, g0, update), || spread(cx, s1, p1, g1, update));
}

/// `θ ← f(θ, x₁, x₂, …)` on all threads, for what comes after [`spread`] and changes no memory.
pub(crate) fn move_by<F: Float, const N: usize>(
    param: &mut [F],
    x: [&[F]; N],
    f: impl Fn(F, [F; N]) -> F + Copy + Send + Sync,
) {
    if kernel::worth_forking(param.len()) {
        let middle = (param.len() / 2).next_multiple_of(BLOCK);
        let (p0, p1) = param.split_at_mut(middle);
        let (x0, x1) = (x.map(|x| &x[..middle]), x.map(|x| &x[middle..]));
        kernel::join(|| move_by(p0, x0, f), || move_by(p1, x1, f));
        return;
    }
    kernel::vectorize(
        #[inline(always)]
        || {
            let x = x.map(|x| &x[..param.len()]);
            for i in 0..param.len() {
                param[i] = f(param[i], x.map(|x| x[i]));
            }
        },
    );
}

/// Elements between two looks at an average that rides along: they are still in the nearest cache.
const STRIDE: usize = 1024;

/// Elements between a block, with its packed memory, and the one that is asked for meanwhile.
const AHEAD: usize = 2 * BLOCK;

/// Repeats an expression for the slots of a rule, each in a variable of its own: slices in an
/// array keep the compiler from vector instructions.
macro_rules! for_slots {
    ($n:ident, $body:ident) => {
        match $n {
            0 => $body!(),
            1 => $body!(a va 0),
            2 => $body!(a va 0, b vb 1),
            3 => $body!(a va 0, b vb 1, c vc 2),
            4 => $body!(a va 0, b vb 1, c vc 2, d vd 3),
            _ => $body!(a va 0, b vb 1, c vc 2, d vd 3, e ve 4),
        }
    };
}

/// The loop itself, compiled for each number of slots.
///
/// What the vectorizer needs: lengths it can see to be equal, and closures that own their
/// constants.
#[inline(always)]
fn sweep<F: Float, const N: usize>(
    slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let mut slots = slots;
    let mut average = slots.average.take();
    let mut slots = slots.views::<N>().into_iter();
    macro_rules! sweep {
        ($($slot:ident $view:ident $k:literal),*) => {{
            $(let $slot = slots.next().unwrap_or_default();)*
            kernel::vectorize(
                #[inline(always)]
                move || {
                    let len = param.len();
                    let stride = if average.is_some() { STRIDE } else { len };
                    let mut start = 0;
                    while start < len {
                        let n = stride.min(len - start);
                        let (param, grad) = (&mut param[start..][..n], &grad[start..][..n]);
                        $(let $slot = &mut $slot[start..][..n];)*
                        for i in 0..n {
                            let memory = [$($slot[i]),*];
                            let memory = std::array::from_fn(|k| memory[k]);
                            let (p, _memory) = update(param[i], grad[i], memory);
                            param[i] = p;
                            $($slot[i] = _memory[$k];)*
                        }
                        if let Some(Averaged { values, keep }) = &mut average {
                            average_here(&mut values[start..][..n], *keep, param);
                        }
                        start += n;
                    }
                },
            )
        }};
    }
    for_slots!(N, sweep)
}

/// The same for packed memory: whole blocks, then a copy with room of what is left.
#[inline(always)]
fn blocks<F: Float, const N: usize, const BITS: usize>(
    slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]) + Copy,
) {
    let (full_p, rest_p) = param.as_chunks_mut::<BLOCK>();
    let (full_g, rest_g) = grad.as_chunks::<BLOCK>();
    let (full, rest) = slots.split_at(full_p.len() * BLOCK);
    sweep_blocks::<F, N, BITS>(full, full_p, full_g, BLOCK, update);
    if !rest_p.is_empty() {
        let (mut last_p, mut last_g) = ([[F::zero(); BLOCK]], [[F::zero(); BLOCK]]);
        last_p[0][..rest_p.len()].copy_from_slice(rest_p);
        last_g[0][..rest_g.len()].copy_from_slice(rest_g);
        sweep_blocks::<F, N, BITS>(rest, &mut last_p, &last_g, rest_p.len(), update);
        rest_p.copy_from_slice(&last_p[0][..rest_p.len()]);
    }
}

/// A block in which no vector crosses a cache line.
#[repr(align(64))]
struct Aligned<F>([F; BLOCK]);

/// A block is unpacked, updated and packed again while it is in the nearest cache. Of each, the
/// first `n` numbers count.
///
/// Compiled once for whole blocks and copies: where both stand in one loop, the compiler has to
/// ask at every block whether they overlap with the memory that was unpacked.
#[inline(never)]
fn sweep_blocks<F: Float, const N: usize, const BITS: usize>(
    slots: Slots<'_, F>,
    param: &mut [[F; BLOCK]],
    grad: &[[F; BLOCK]],
    n: usize,
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]) + Copy,
) {
    let mut slots = slots;
    let ((key, offset), mut average) = (slots.stir, slots.average.take());
    let mut views = slots.lent::<N>().into_iter();
    macro_rules! blocks {
        ($($slot:ident $view:ident $k:literal),*) => {{
            $(let mut $view = views.next().unwrap_or_default();)*
            kernel::vectorize(
                #[inline(always)]
                move || {
                    $(let mut $slot = Aligned([F::zero(); BLOCK]);)*
                    $(let $slot = &mut $slot.0;)*
                    for (b, (p, g)) in param.iter_mut().zip(grad).enumerate() {
                        let start = b * BLOCK;
                        let _first = offset.wrapping_add(start as u32);
                        kernel::fetch_ahead(p, AHEAD);
                        kernel::fetch_ahead(g, AHEAD);
                        $($view.fetch_ahead::<BITS>(b, AHEAD / BLOCK);)*
                        $($view.unpack::<BITS>(b, n, $slot);)*
                        // Nothing else in this loop: divisions keep their unit busy, and what
                        // waits beside them waits long.
                        for i in 0..BLOCK {
                            let memory = [$($slot[i]),*];
                            let memory = std::array::from_fn(|k| memory[k]);
                            let (new, _memory) = update(p[i], g[i], memory);
                            p[i] = new;
                            $($slot[i] = _memory[$k];)*
                        }
                        // The largest of all slots, before any is waited for.
                        let _largest: &[u32] =
                            &[$(if BITS == 8 { largest(&$slot[..n]) } else { 0 }),*];
                        $($view.pack::<BITS>(b, n, _largest[$k], $slot, stirred(key, _first, $k));)*
                        if let Some(Averaged { values, keep }) = &mut average {
                            average_here(&mut values[start..][..n], *keep, &p[..n]);
                        }
                    }
                },
            )
        }};
    }
    for_slots!(N, blocks)
}
