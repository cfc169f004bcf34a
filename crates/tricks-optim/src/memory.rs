use crate::rule::Slots;
use tricks_tensor::Float;

/// The memory of one parameter: all its slots in one allocation.
///
/// Arrays at exact power-of-two distances share cache sets, and a loop over several of them runs
/// at a quarter of its speed; the slots of a large parameter are therefore staggered.
#[derive(Clone, Debug)]
pub(crate) struct Memory<F> {
    data: Vec<F>,
    len: usize,
    stride: usize,
}

/// Bytes of a page: from here on distances matter.
const PAGE: usize = 4096;
/// Bytes between the end of a slot and the next one: an odd number of cache lines.
const STAGGER: usize = 17 * 64;

impl<F: Float> Memory<F> {
    pub(crate) fn new(len: usize, initial: impl ExactSizeIterator<Item = f64>) -> Self {
        let size = size_of::<F>();
        let stride =
            if len * size < PAGE { len } else { len.next_multiple_of(64 / size) + STAGGER / size };
        // Zeroed by the system, page by page when first touched.
        let mut memory = Self { data: vec![F::zero(); stride * initial.len()], len, stride };
        for (k, value) in initial.enumerate().filter(|(_, value)| *value != 0.0) {
            memory.slot_mut(k).fill(F::of(value));
        }
        memory
    }

    pub(crate) fn slot(&self, k: usize) -> &[F] {
        &self.data[k * self.stride..][..self.len]
    }

    pub(crate) fn slot_mut(&mut self, k: usize) -> &mut [F] {
        &mut self.data[k * self.stride..][..self.len]
    }

    pub(crate) fn slots(&mut self) -> Slots<'_, F> {
        let len = self.len;
        // A parameter without elements has a stride of 0, and nothing to lend.
        Slots::new(self.data.chunks_exact_mut(self.stride.max(1)).map(|slot| &mut slot[..len]))
    }
}
