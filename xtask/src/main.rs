//! `cargo xtask …`: everything a person does with the repository.

mod ci;
mod data;
mod ndarray_016;
mod readme;
mod shell;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use shell::{Outcome, cargo};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Everything a person does with the repository: check it, test it, measure it, read about it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must hold before a change goes in; stops at the first step that fails
    Ci {
        /// Only this step (see --list)
        #[arg(long, value_name = "STEP")]
        only: Option<String>,
        /// Names the steps and does nothing
        #[arg(long)]
        list: bool,
    },
    /// Runs all tests, property tests with as many random cases as you like
    Test {
        /// Random cases per property
        #[arg(long, default_value_t = 256, value_name = "N")]
        cases: u32,
        /// Seed of the random cases; a new one each time, and printed, if not given
        #[arg(long, value_name = "S")]
        seed: Option<u64>,
        /// Only this crate
        #[arg(value_name = "CRATE")]
        krate: Option<String>,
    },
    /// Benchmarks beside the machine's own limits; all arguments go to the benchmark program
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the benchmark program; `--help` shows them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Holds the library to golden vectors, and says what passed, failed and was skipped
    Conformance {
        /// A folder of vectors; the repository's own if not given
        #[arg(value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// The experiments, with pictures and verdicts; all arguments go to the lab
    #[command(disable_help_flag = true)]
    Lab {
        /// Arguments of the lab; `--help` shows them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// What the compiler does not check: rows, exports, sizes, words, links, edges between crates
    Tidy,
    /// Builds the documentation; a warning is an error
    Doc {
        /// Opens it in a browser
        #[arg(long)]
        open: bool,
    },
    /// Writes the tables of techniques into README.md from the registry
    Readme {
        /// Only says whether they are current
        #[arg(long)]
        check: bool,
    },
    /// Fetches the whole MNIST into data-cache/ (60,000 and 10,000 digits), checksums verified
    Data,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Ci { only, list } => ci::run(only.as_deref(), list),
        Command::Test { cases, seed, krate } => test::run(cases, seed, krate.as_deref()),
        Command::Bench { arguments } => bench(&arguments),
        Command::Conformance { folder } => conformance(folder),
        Command::Lab { arguments } => lab(&arguments),
        Command::Tidy => tidy::run(),
        Command::Doc { open } => doc(open),
        Command::Readme { check } => readme::run(check),
        Command::Data => data::run(),
    }
}

fn bench(arguments: &[OsString]) -> Outcome {
    cargo(["run", "--release", "--package", "tricks-bench", "--"]).args(arguments).run()
}

fn lab(arguments: &[OsString]) -> Outcome {
    cargo(["run", "--release", "--package", "tricks-lab", "--"]).args(arguments).run()
}

fn conformance(folder: Option<PathBuf>) -> Outcome {
    cargo(["run", "--package", "tricks-conformance", "--"]).args(folder).run()
}

fn doc(open: bool) -> Outcome {
    cargo(["doc", "--workspace", "--all-features", "--no-deps"])
        .args(open.then_some("--open"))
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}
