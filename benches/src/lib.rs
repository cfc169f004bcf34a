//! What `tricks` updates cost, beside what this machine allows.
//!
//! Every update is timed together with its *reference* and its *stream*: the loads and stores of as
//! many numbers, alone. The three stand next to each other in time, and the whole set is repeated
//! in rounds: a busy machine slows all three, so their ratio stays.
//!
//! | the update | its reference |
//! |---|---|
//! | of one tensor, or of a small network | the limit: the same formula in one hand-written pass over plain slices |
//! | after a check or a clip | a read of the gradients, then the limit |
//! | of ResNet-50's 161 tensors | the step on one tensor of as many elements |
//! | with memory in bf16 or 8 bits | the step with memory in full |
//!
//! Filling a parameter with draws is timed beside `rand_distr` with the small generator of `rand`;
//! its stream writes one number everywhere.
//!
//! | what | where |
//! |---|---|
//! | which updates are timed, their references and targets | [`cases`] |
//! | draws that fill a parameter, and their rival | [`fill`] |
//! | the rules | [`update`] |
//! | the limit, the read and the stream | [`limit`] |
//! | what these run over | [`buffers`] |
//! | the parameters of the updates | [`sets`] |
//! | criterion's samples to a summary | [`summary`] |
//! | the summary as text | [`table`] |
//!
//! `cargo bench -p tricks-bench` is plain criterion; `cargo run --release -p tricks-bench` repeats
//! it and prints the table.

pub mod buffers;
pub mod cases;
pub mod fill;
pub mod limit;
pub mod sets;
pub mod summary;
pub mod table;
pub mod update;
