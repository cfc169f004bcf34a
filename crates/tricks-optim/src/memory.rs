use crate::rule::Slots;
use tricks_tensor::Float;

/// The memory of one parameter: all its slots in one allocation.
///
/// Arrays at exact power-of-two distances share cache sets, and a loop over several of them runs
/// much slower; the slots of a large parameter are therefore staggered.
#[derive(Clone, Debug)]
pub(crate) struct Memory<F> {
    data: Vec<F>,
    len: usize,
    /// Elements between slots, and before the first.
    gap: usize,
}

/// Bytes of a page: from here on distances matter.
const PAGE: usize = 4096;
/// Bytes before each slot: an odd number of cache lines.
const STAGGER: usize = 17 * 64;

impl<F: Float> Memory<F> {
    pub(crate) fn new(len: usize, initial: impl ExactSizeIterator<Item = f64>) -> Self {
        let gap = if len * size_of::<F>() < PAGE { 0 } else { STAGGER / size_of::<F>() };
        // Zeroed by the system, page by page when first touched.
        let mut memory = Self { data: vec![F::zero(); (gap + len) * initial.len()], len, gap };
        for (k, value) in initial.enumerate().filter(|(_, value)| *value != 0.0) {
            memory.slot_mut(k).fill(F::of(value));
        }
        memory
    }

    fn start(&self, k: usize) -> usize {
        k * (self.gap + self.len) + self.gap
    }

    pub(crate) fn slot(&self, k: usize) -> &[F] {
        &self.data[self.start(k)..][..self.len]
    }

    pub(crate) fn slot_mut(&mut self, k: usize) -> &mut [F] {
        let start = self.start(k);
        &mut self.data[start..][..self.len]
    }

    pub(crate) fn slots(&mut self) -> Slots<'_, F> {
        let gap = self.gap;
        // A parameter without elements has nothing to lend.
        let stride = (gap + self.len).max(1);
        Slots::new(self.data.chunks_exact_mut(stride).map(|slot| &mut slot[gap..]))
    }
}
