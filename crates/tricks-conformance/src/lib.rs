//! Golden vectors, and the runner that holds the library to them; the registry of techniques.
//!
//! A *family* is a JSON file of cases: parameters, gradients or inputs, and what an independent
//! reference made of them. An *adapter* ([`families`]) runs a case through the library's public
//! interface and hands the results to [`Run`] to compare; it does no arithmetic of its own.
//! Two rules keep it honest:
//!
//! * a hyper-parameter no adapter has read makes the case *skipped*, by name: a form the library
//!   lacks cannot pass by accident;
//! * an expectation that was not compared makes the case *failed*.

pub mod families;
mod fields;
mod problem;
pub mod registry;
mod report;
mod run;
pub mod statistics;
mod vectors;

pub use fields::Fields;
pub use problem::Problem;
pub use report::{FamilyReport, Report};
pub use run::{Outcome, Run, Stop, run_case, run_family};
pub use vectors::{Family, Tensor, Tolerance, read_folder};

/// The folder of the vectors that come with the repository.
pub const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors");

/// The examples of the README run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
