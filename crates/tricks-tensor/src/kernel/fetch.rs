use prefetch_index::prefetch_index;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for the memory `ahead` elements after a block that is about to be worked on, line by line.
///
/// A loop that does much with each element has few loads in flight, and a processor foresees
/// little of several arrays: without being asked, it waits for memory at every page. Beyond the
/// end of the memory, asking does no harm; on processors without such an instruction, nothing
/// happens.
#[inline(always)]
pub fn fetch_ahead<T>(block: &[T], ahead: usize) {
    let per_line = LINE / size_of::<T>().clamp(1, LINE);
    for i in (0..block.len()).step_by(per_line) {
        prefetch_index(block, ahead + i);
    }
}
