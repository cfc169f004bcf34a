use crate::packed::{BLOCK, Format, Packed};
use crate::slot::Slot;
use crate::slots::{Slots, View};
use crate::storage::Storage;
use tricks_tensor::{Float, Noise};

/// The memory of one parameter.
///
/// Arrays at exact power-of-two distances share cache sets, and a loop over several of them runs
/// much slower: large slots therefore start at staggered distances from the page their allocations
/// begin at. They start at a cache line too: a vector that crosses one is read and written twice.
#[derive(Clone, Debug)]
pub(crate) struct Memory<F> {
    slots: Vec<Kept<F>>,
    scratch: Vec<F>,
    /// Decides how packed memory is rounded.
    noise: Noise,
}

impl<F> Default for Memory<F> {
    fn default() -> Self {
        Self { slots: Vec::new(), scratch: Vec::new(), noise: Noise::new(0) }
    }
}

/// An array that does not start where its neighbours do.
#[derive(Clone, Debug)]
pub(crate) struct Staggered<T> {
    data: Vec<T>,
    gap: usize,
    len: usize,
}

impl<T: Copy + Default> Staggered<T> {
    /// The `k`-th of arrays that are used together. Zeros come from the system, page by page when
    /// first touched.
    pub(crate) fn new(k: usize, len: usize) -> Self {
        let small = len * size_of::<T>() < PAGE;
        let gap = if small { 0 } else { (k + 1) * STAGGER / size_of::<T>() };
        let room = if small { 0 } else { LINE / size_of::<T>() };
        let data = vec![T::default(); gap + room + len];
        // Where there is no such place, it stays where it is.
        let gap = gap + data[gap..].as_ptr().align_offset(LINE).min(room);
        Self { data, gap, len }
    }

    pub(crate) fn get(&self) -> &[T] {
        &self.data[self.gap..][..self.len]
    }

    pub(crate) fn get_mut(&mut self) -> &mut [T] {
        &mut self.data[self.gap..][..self.len]
    }
}

/// One slot.
#[derive(Clone, Debug)]
struct Kept<F> {
    /// None: this parameter has no such slot.
    shape: Option<Vec<usize>>,
    len: usize,
    data: Data<F>,
}

#[derive(Clone, Debug)]
enum Data<F> {
    Whole(Staggered<F>),
    Packed { format: Format, words: Staggered<u32>, scales: Vec<f32> },
}

/// Bytes of a page: from here on distances matter.
const PAGE: usize = 4096;
/// Bytes of a cache line.
const LINE: usize = 64;
/// Bytes between the starts of neighbours, beyond whole pages: an odd number of cache lines.
const STAGGER: usize = 17 * LINE;

impl<F: Float> Kept<F> {
    /// The `k`-th slot.
    fn new(k: usize, shape: Option<Vec<usize>>, initial: f64, format: Option<Format>) -> Self {
        let len = shape.as_ref().map_or(0, |shape| shape.iter().product());
        let data = match format {
            None => Data::Whole(Staggered::new(k, len)),
            Some(format) => {
                let blocks = len.div_ceil(BLOCK);
                let words = Staggered::new(k, blocks * format.words());
                let scales = vec![0.0; if format.scaled() { blocks } else { 0 }];
                Data::Packed { format, words, scales }
            }
        };
        let mut kept = Self { shape, len, data };
        if initial != 0.0 {
            kept.write(&vec![F::of(initial); len]);
        }
        kept
    }

    fn view(&mut self) -> View<'_, F> {
        match &mut self.data {
            Data::Whole(values) => View::Whole(values.get_mut()),
            Data::Packed { format, words, scales } => {
                View::Packed(Packed { format: *format, words: words.get_mut(), scales })
            }
        }
    }

    /// Takes over numbers. What was read comes back bit for bit.
    fn write(&mut self, numbers: &[F]) {
        match self.view() {
            View::Whole(values) => values.copy_from_slice(numbers),
            View::Packed(mut packed) => packed.write(numbers),
        }
    }

    fn read(&self) -> Vec<F> {
        match &self.data {
            Data::Whole(values) => values.get().to_vec(),
            Data::Packed { .. } => {
                let mut copy = self.clone();
                let View::Packed(packed) = copy.view() else { return Vec::new() };
                packed.read(self.len)
            }
        }
    }
}

impl<F: Float> Memory<F> {
    /// One slot for each `(slot, shape, initial)`.
    pub(crate) fn new(
        slots: impl Iterator<Item = (Slot, Option<Vec<usize>>, f64)>,
        scratch: usize,
        storage: Storage,
        noise: Noise,
    ) -> Self {
        let slots = slots.enumerate().map(|(k, (slot, shape, initial))| {
            let format = Format::of::<F>(storage, slot.non_negative).filter(|_| !slot.exact);
            Kept::new(k, shape, initial, format)
        });
        Self { slots: slots.collect(), scratch: vec![F::zero(); scratch], noise }
    }

    /// None: this parameter has no such slot.
    pub(crate) fn shape(&self, k: usize) -> Option<&[usize]> {
        self.slots[k].shape.as_deref()
    }

    /// Whether it was made for this many numbers in slot `k`.
    pub(crate) fn has_len(&self, k: usize, len: Option<usize>) -> bool {
        len == self.slots[k].shape.as_ref().map(|_| self.slots[k].len)
    }

    /// The room it has for a step.
    pub(crate) fn scratch(&self) -> usize {
        self.scratch.len()
    }

    pub(crate) fn is_packed(&self) -> bool {
        self.slots.iter().any(|kept| matches!(kept.data, Data::Packed { .. }))
    }

    pub(crate) fn read(&self, k: usize) -> Vec<F> {
        self.slots[k].read()
    }

    pub(crate) fn write(&mut self, k: usize, numbers: &[F]) {
        self.slots[k].write(numbers);
    }

    /// Whether rows can be lent: blocks cannot be cut.
    pub(crate) fn has_rows(&self) -> bool {
        !self.is_packed()
    }

    /// For the `t`-th update.
    #[inline]
    pub(crate) fn lend(&mut self, t: u64) -> Slots<'_, F> {
        let key = if self.is_packed() { self.noise.pass(t).key() as u32 } else { 0 };
        Slots::lend(self.slots.iter_mut().map(Kept::view), &mut self.scratch, (key, 0))
    }
}
