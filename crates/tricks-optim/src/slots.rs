use crate::average::Averaged;
use crate::packed::{BLOCK, Packed, Stir};
use crate::slot::MAX_SLOTS;
use tricks_tensor::{Float, kernel};

/// A parameter's memory, lent to a rule.
#[derive(Debug)]
pub struct Slots<'a, F> {
    views: [View<'a, F>; MAX_SLOTS],
    scratch: &'a mut [F],
    /// An average of the parameter that is updated in the same pass.
    pub(crate) average: Option<Averaged<'a, F>>,
    /// Decides how packed memory is rounded: a key, and the position of the first element.
    pub(crate) stir: (u32, u32),
}

/// One slot, lent.
#[derive(Debug)]
pub(crate) enum View<'a, F> {
    Whole(&'a mut [F]),
    Packed(Packed<'a>),
}

impl<F> Default for View<'_, F> {
    fn default() -> Self {
        View::Whole(&mut [])
    }
}

impl<'a, F> View<'a, F> {
    fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            View::Whole(values) => {
                let (a, b) = values.split_at_mut(at.min(values.len()));
                (View::Whole(a), View::Whole(b))
            }
            View::Packed(packed) => {
                let (a, b) = packed.split_at(at);
                (View::Packed(a), View::Packed(b))
            }
        }
    }
}

impl<F: Float> View<'_, F> {
    /// `len` numbers of a block.
    #[inline(always)]
    pub(crate) fn unpack<const BITS: usize>(&self, block: usize, len: usize, to: &mut [F; BLOCK]) {
        match self {
            View::Whole(values) => to[..len].copy_from_slice(&values[block * BLOCK..][..len]),
            View::Packed(packed) => packed.unpack::<F, BITS>(block, to),
        }
    }

    /// `len` numbers to a block.
    #[inline(always)]
    pub(crate) fn pack<const BITS: usize>(
        &mut self,
        block: usize,
        len: usize,
        largest: u32,
        from: &[F; BLOCK],
        stir: Stir,
    ) {
        match self {
            View::Whole(values) => values[block * BLOCK..][..len].copy_from_slice(&from[..len]),
            View::Packed(packed) => packed.pack::<F, BITS>(block, largest, from, stir),
        }
    }

    /// Asks for the memory `blocks` further.
    #[inline(always)]
    pub(crate) fn fetch_ahead<const BITS: usize>(&self, block: usize, blocks: usize) {
        match self {
            View::Whole(values) => {
                let rest = values.get(block * BLOCK..).unwrap_or_default();
                kernel::fetch_ahead(&rest[..rest.len().min(BLOCK)], blocks * BLOCK);
            }
            View::Packed(packed) => packed.fetch_ahead::<BITS>(block, blocks),
        }
    }
}

impl<'a, F> Slots<'a, F> {
    /// From at most [`MAX_SLOTS`] slices; the rest are empty.
    pub fn new(slices: impl IntoIterator<Item = &'a mut [F]>) -> Self {
        Self::lend(slices.into_iter().map(View::Whole), &mut [], (0, 0))
    }

    #[inline]
    pub(crate) fn lend(
        views: impl IntoIterator<Item = View<'a, F>>,
        scratch: &'a mut [F],
        stir: (u32, u32),
    ) -> Self {
        let mut views = views.into_iter();
        let views = std::array::from_fn(|_| views.next().unwrap_or_default());
        Self { views, scratch, average: None, stir }
    }

    /// The first `N` slots. Only for rules whose scope is not [`Scope::Element`](crate::Scope):
    /// theirs are always whole slices.
    pub fn views<const N: usize>(self) -> [&'a mut [F]; N] {
        self.with_scratch().0
    }

    /// The first `N` slots, and the room that was asked for.
    pub fn with_scratch<const N: usize>(self) -> ([&'a mut [F]; N], &'a mut [F]) {
        const { assert!(N <= MAX_SLOTS) };
        let mut views = self.views.into_iter();
        let views = std::array::from_fn(|_| match views.next() {
            Some(View::Whole(values)) => values,
            _ => &mut [],
        });
        (views, self.scratch)
    }

    /// The first `N` slots, packed or not.
    pub(crate) fn lent<const N: usize>(self) -> [View<'a, F>; N] {
        let mut views = self.views.into_iter();
        std::array::from_fn(|_| views.next().unwrap_or_default())
    }

    /// The bits of a number in packed slots, if any of the first `n` is.
    pub(crate) fn packed_bits(&self, n: usize) -> Option<usize> {
        self.views[..n].iter().find_map(|view| match view {
            View::Packed(packed) => Some(packed.format.bits),
            View::Whole(_) => None,
        })
    }

    /// Both sides of element `at`.
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let mut right: [View<'a, F>; MAX_SLOTS] = Default::default();
        let mut k = 0;
        let views = self.views.map(|view| {
            let (a, b) = view.split_at(at);
            right[k] = b;
            k += 1;
            a
        });
        let (average, right_average) = match self.average.map(|average| average.split_at(at)) {
            Some((a, b)) => (Some(a), Some(b)),
            None => (None, None),
        };
        // The room is for whole parameters: it stays with the side that has all elements.
        let (room, right_room) =
            if at == 0 { (&mut [][..], self.scratch) } else { (self.scratch, &mut [][..]) };
        let (key, offset) = self.stir;
        (
            Self { views, scratch: room, average, stir: (key, offset) },
            Self {
                views: right,
                scratch: right_room,
                average: right_average,
                stir: (key, offset.wrapping_add(at as u32)),
            },
        )
    }
}
