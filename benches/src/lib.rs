//! What `tricks` updates cost, beside what this machine allows.
//!
//! Every update is timed together with two loops over as many numbers: the *limit*, the same
//! formula in one hand-written pass over plain slices, and the *stream*, its loads and stores
//! alone. The three stand next to each other in time, and the whole set is repeated in rounds:
//! a busy machine slows all three, so their ratio stays.
//!
//! | what | where |
//! |---|---|
//! | which updates are timed, and their targets | [`cases`] |
//! | the limit and the stream | [`limit`] |
//! | the parameters they work on | [`sets`] |
//! | criterion's samples to a summary | [`summary`] |
//! | the summary as text | [`table`] |
//!
//! `cargo bench -p tricks-bench` is plain criterion; `cargo run --release -p tricks-bench` repeats
//! it and prints the table.

pub mod cases;
pub mod limit;
pub mod sets;
pub mod summary;
pub mod table;
