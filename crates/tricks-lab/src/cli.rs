use crate::schedule::Drawing;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Trains on handwritten digits, tests the chapter's claims one by one, and writes a report with
/// pictures, numbers and verdicts.
///
/// Without arguments it runs every experiment with three seeds on the embedded images, in under
/// three minutes on two cores.
#[derive(Parser, Debug)]
#[command(name = "tricks-lab", bin_name = "cargo xtask lab", version)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Experiments to run; all of them if none is named (see --list)
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,

    /// Lists the experiments with the claims they test
    #[arg(long)]
    pub(crate) list: bool,

    /// How many random seeds every measurement is repeated with; fewer than 3 decide nothing
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: Option<u64>,

    /// Takes its time: five seeds, twice the epochs, all the images of --data
    #[arg(long, conflicts_with = "smoke")]
    pub(crate) full: bool,

    /// Takes seconds: one seed, few images and steps. Every experiment runs; little is decided
    #[arg(long)]
    pub(crate) smoke: bool,

    /// A directory with the four MNIST files in IDX format, gzipped or not
    /// (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte)
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Where the report and the metrics go
    #[arg(long, value_name = "DIR", default_value = "target/lab")]
    pub(crate) out: PathBuf,

    /// Threads to use; all cores if not given. The results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,

    /// Saves the standard configuration to FILE after every epoch, and goes on from FILE if it
    /// exists. Kill it, start it again: the result has the same bits. Only with `standard`
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
}

/// What the lab does beside experiments.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Draws learning-rate schedules: a sketch, sample values, and a picture. (The experiment about
    /// schedules is `schedules`)
    Schedule(Drawing),
}
