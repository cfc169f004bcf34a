//! What concerns more than one file of the crate. One binary, so that the rules, which every test
//! compiles for its own types, are compiled once.

mod companions;
mod driver;
mod groups;
mod laws;
mod refusals;
mod scopes;
mod torch;
