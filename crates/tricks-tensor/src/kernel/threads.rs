/// Work of fewer elements stays on one thread: a fork costs about what an update loop
/// needs for this much.
pub const MIN_FORK: usize = 1 << 16;

/// Runs both, on two threads if there are any to spare; without the feature `rayon`, in turn.
///
/// Results never depend on which thread ran what. Call from inside a pool (`pool.install`) where
/// it matters: from outside each fork costs more, and allocates now and then.
#[inline]
pub fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    #[cfg(feature = "rayon")]
    return rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    return (a(), b());
}

/// Whether `elements` of update work are worth a fork here: more from outside a pool, where a fork
/// costs more.
pub fn worth_forking(elements: usize) -> bool {
    #[cfg(feature = "rayon")]
    let inside = rayon::current_thread_index().is_some();
    #[cfg(not(feature = "rayon"))]
    let inside = false;
    elements >= if inside { MIN_FORK } else { 4 * MIN_FORK } && threads() > 1
}

/// How many threads [`join`] can use here.
pub fn threads() -> usize {
    #[cfg(feature = "rayon")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "rayon"))]
    return 1;
}
