//! The patches a convolution sees, as the columns of a matrix.

use super::window::Window;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::ops::Range;
use tricks_tensor::kernel::sum_blocks;
use tricks_tensor::{Float, ndarray};

/// The numbers of one pass.
pub(super) struct Sizes {
    pub(super) samples: usize,
    pub(super) image: [usize; 2],
    pub(super) places: [usize; 2],
    /// Channels of a group.
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// `inputs · kernel`.
    pub(super) taps: usize,
}

impl Sizes {
    pub(super) fn output(&self, groups: usize) -> [usize; 4] {
        [self.samples, self.outputs * groups, self.places[0], self.places[1]]
    }

    pub(super) fn area(&self) -> usize {
        self.places[0] * self.places[1]
    }

    pub(super) fn pixels(&self) -> usize {
        self.image[0] * self.image[1]
    }

    /// The weights of a group, `[out, taps]`.
    pub(super) fn of_group<'a, F>(&self, weight: &'a [F], group: usize) -> ArrayView2<'a, F> {
        let len = self.outputs * self.taps;
        rows(&weight[group * len..][..len], self.outputs)
    }

    /// `patches[tap, place] ← x` there, 0 in the padding.
    pub(super) fn gather<F: Float>(&self, window: &Window, x: &[F], patches: &mut [F]) {
        self.each_tap(window, |channel, places, at| {
            let patch = &mut patches[places];
            match at {
                Some((start, 1, width)) => {
                    patch.copy_from_slice(&x[channel + start..][..width]);
                }
                Some((start, step, _)) => {
                    let seen = x[channel + start..].iter().step_by(step);
                    patch.iter_mut().zip(seen).for_each(|(to, from)| *to = *from);
                }
                None => patch.fill(F::zero()),
            }
        });
    }

    /// The transpose: `x ← x + patches[tap, place]`, where the patch is not in the padding.
    pub(super) fn scatter<F: Float>(&self, window: &Window, patches: &[F], x: &mut [F]) {
        self.each_tap(window, |channel, places, at| {
            let Some((start, step, _)) = at else { return };
            let seen = x[channel + start..].iter_mut().step_by(step);
            seen.zip(&patches[places]).for_each(|(to, from)| *to += *from);
        });
    }

    /// Calls `f` with the start of a channel, a run of places of one tap, and where these lie in
    /// the channel: start, step and length; none in the padding.
    fn each_tap(
        &self,
        window: &Window,
        mut f: impl FnMut(usize, Range<usize>, Option<(usize, usize, usize)>),
    ) {
        let ([height, width], [down, across]) = (self.image, self.places);
        let mut row = 0;
        for channel in 0..self.inputs {
            for k in 0..window.kernel[0] {
                for l in 0..window.kernel[1] {
                    let inside = |j| window.seen(1, j, l, width);
                    let first = (0..across).find(|&j| inside(j).is_some()).unwrap_or(across);
                    let end = (first..across).find(|&j| inside(j).is_none()).unwrap_or(across);
                    for i in 0..down {
                        let line = (row + i) * across;
                        let start = window.seen(0, i, k, height).zip(inside(first));
                        let Some((above, left)) = start.filter(|_| first < end) else {
                            f(channel * height * width, line..line + across, None);
                            continue;
                        };
                        let channel = channel * height * width;
                        let at = (above * width + left, window.stride[1], end - first);
                        f(channel, line..line + first, None);
                        f(channel, line + first..line + end, Some(at));
                        f(channel, line + end..line + across, None);
                    }
                    row += down;
                }
            }
        }
    }
}

/// `grad[c] ← Σ dy[n, c, …]`, each channel of `area` numbers.
pub(super) fn sum_channels<F: Float>(dy: &[F], area: usize, grad: &mut [F]) {
    let channels = grad.len();
    for (channel, grad) in grad.iter_mut().enumerate() {
        let of_channel = dy.chunks_exact(area).skip(channel).step_by(channels);
        *grad = F::of(
            of_channel
                .map(|dy| {
                    sum_blocks(
                        dy,
                        #[inline(always)]
                        |dy| dy,
                    )
                })
                .sum(),
        );
    }
}

/// The bias of each channel, at all its places.
pub(super) fn fill_channels<'a, F: Float>(
    y: &mut [F],
    area: usize,
    bias: impl IntoIterator<Item = &'a F>,
) {
    y.chunks_exact_mut(area).zip(bias).for_each(|(y, bias)| y.fill(*bias));
}

pub(super) fn rows<F>(x: &[F], count: usize) -> ArrayView2<'_, F> {
    ArrayView2::from_shape((count, x.len() / count), x).expect("a whole number of rows")
}

pub(super) fn rows_mut<F>(x: &mut [F], count: usize) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape((count, x.len() / count), x).expect("a whole number of rows")
}
