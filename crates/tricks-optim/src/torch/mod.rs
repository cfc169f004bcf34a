//! Optimizer state that PyTorch saved.
//!
//! A file of `torch.save` is a zip archive of stored entries: `data.pkl`, a pickle of the objects;
//! `data/0`, `data/1`, ... the numbers of each storage; `byteorder`; `version`. The objects of
//! `optimizer.state_dict()` are a dict of two: `state`, for each parameter's index its memory by
//! name, and `param_groups`, the hyper-parameters and the indices of each group.
//!
//! - `archive`: the container, every checksum, the names of entries.
//! - `pickle`: the few instructions and the few classes such a dict is made of. Nothing is called.
//! - `value`, `tensor`: what they make.
//! - `saved`: [`TorchState`], the dict with its structure checked.
//! - `load`: [`Optimizer::load_torch`](crate::Optimizer::load_torch), by the names of parameters.

mod archive;
mod budget;
mod input;
mod load;
mod opcode;
mod pickle;
mod saved;
mod tensor;
mod value;

pub use saved::{TorchGroup, TorchState};

/// What reading comes to; the message needs only the name of the file.
type Read<T> = Result<T, String>;
