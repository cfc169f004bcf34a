use crate::average::{Averaged, average_here};
use crate::rule::{StepCx, WeightDecay};
use crate::slots::{Slots, View};
use crate::storage::{BLOCK, stirred};
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
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let scale = F::of(cx.grad_scale);
    if !slots.is_plain(N) {
        let (l2, keep) = cx.decay.split(cx.lr);
        let (l2, keep) = (F::of(l2), F::of(keep));
        return blocks(slots, param, grad, move |p, g, s| update(keep * p, scale * g + l2 * p, s));
    }
    let slots = slots.views::<N>();
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

/// The loop itself, compiled for each number of slots.
///
/// What the vectorizer needs: slices in variables of their own (not in an array), of lengths it
/// can see to be equal, and closures that own their constants.
#[inline(always)]
fn sweep<F: Float, const N: usize>(
    slots: [&mut [F]; N],
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let mut slots = slots.into_iter();
    macro_rules! sweep {
        ($($slot:ident $k:literal),*) => {{
            $(let $slot = slots.next().unwrap_or_default();)*
            kernel::vectorize(
                #[inline(always)]
                move || {
                    let n = param.len();
                    let grad = &grad[..n];
                    $(let $slot = &mut $slot[..n];)*
                    for i in 0..n {
                        let memory = [$($slot[i]),*];
                        let memory = std::array::from_fn(|k| memory[k]);
                        let (p, _memory) = update(param[i], grad[i], memory);
                        param[i] = p;
                        $($slot[i] = _memory[$k];)*
                    }
                },
            )
        }};
    }
    match N {
        0 => sweep!(),
        1 => sweep!(a 0),
        2 => sweep!(a 0, b 1),
        3 => sweep!(a 0, b 1, c 2),
        4 => sweep!(a 0, b 1, c 2, d 3),
        _ => sweep!(a 0, b 1, c 2, d 3, e 4),
    }
}

/// The same block by block, for memory that is packed and for an average that rides along: a block
/// is unpacked, updated, averaged and packed again while it is in the nearest cache.
#[inline(always)]
fn blocks<F: Float, const N: usize>(
    slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
    update: impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let mut slots = slots;
    let (stir, average) = (slots.stir, slots.average.take());
    let views = slots.lent::<N>();
    kernel::vectorize(
        #[inline(always)]
        move || {
            let (mut views, mut average) = (views, average);
            let (param, param_rest) = param.as_chunks_mut::<BLOCK>();
            let (grad, grad_rest) = grad[..param.len() * BLOCK + param_rest.len()].as_chunks();
            let mut at = 0;
            for (p, g) in param.iter_mut().zip(grad) {
                block(at, BLOCK, stir, &mut views, &mut average, p, g, &update);
                at += BLOCK;
            }
            let len = param_rest.len();
            if len > 0 {
                let (mut p, mut g) = ([F::zero(); BLOCK], [F::zero(); BLOCK]);
                p[..len].copy_from_slice(param_rest);
                g[..len].copy_from_slice(grad_rest);
                block(at, len, stir, &mut views, &mut average, &mut p, &g, &update);
                param_rest.copy_from_slice(&p[..len]);
            }
        },
    );
}

/// One block, of which `len` elements are there.
#[expect(clippy::too_many_arguments, reason = "one loop body, inlined where it stands")]
#[inline(always)]
fn block<F: Float, const N: usize>(
    at: usize,
    len: usize,
    (key, offset): (u32, u32),
    views: &mut [View<'_, F>; N],
    average: &mut Option<Averaged<'_, F>>,
    param: &mut [F; BLOCK],
    grad: &[F; BLOCK],
    update: &impl Fn(F, F, [F; N]) -> (F, [F; N]),
) {
    let mut memory = [[F::zero(); BLOCK]; N];
    for (memory, view) in memory.iter_mut().zip(&*views) {
        match view {
            View::Whole(values) => memory[..len].copy_from_slice(&values[at..][..len]),
            View::Packed(packed) => packed.unpack(at, len, memory),
        }
    }
    for i in 0..BLOCK {
        let (p, m) = update(param[i], grad[i], std::array::from_fn(|k| memory[k][i]));
        param[i] = p;
        for k in 0..N {
            memory[k][i] = m[k];
        }
    }
    let first = offset.wrapping_add(at as u32);
    for (k, (memory, view)) in memory.iter().zip(views).enumerate() {
        match view {
            View::Whole(values) => values[at..][..len].copy_from_slice(&memory[..len]),
            View::Packed(packed) => packed.pack(at, len, memory, stirred(key, first, k)),
        }
    }
    if let Some(Averaged { values, keep }) = average {
        average_here(&mut values[at..][..len], *keep, &param[..len]);
    }
}
