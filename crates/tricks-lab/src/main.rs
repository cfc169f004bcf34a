//! The chapter's claims as experiments, with pictures and verdicts.

mod cli;
mod data;
mod experiment;
mod experiments;
mod format;
mod metrics;
mod plot;
mod probe;
mod progress;
mod recipe;
mod report;
mod schedule;
mod stats;
mod training;
mod variants;
mod verdict;

use clap::Parser as _;
use cli::{Command, Options};
use data::Images;
use experiment::{Experiment, Lab, Profile};
use metrics::Metrics;
use progress::Progress;
use report::{Facts, Finished};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;
use tricks_tensor::{Error, Result};

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(Command::Schedule(drawing)) = &options.command {
        return match drawing.read() {
            Ok(schedules) => ended(drawing.draw(&schedules)),
            Err(error) => misused(error),
        };
    }
    let chosen = match choose(&options) {
        Ok(chosen) => chosen,
        Err(message) => return misused(message),
    };
    if options.list {
        return say(&list(&chosen));
    }
    ended(run(&options, &chosen))
}

/// The command line was wrong.
fn misused(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}

/// What is shown in the end, or why there is nothing.
fn ended(result: Result<String>) -> ExitCode {
    match result {
        Ok(summary) => say(&summary),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints; a reader that went away (`| head`) is no failure.
fn say(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// The experiments asked for, or what is wrong with the question.
fn choose(options: &Options) -> Result<Vec<&'static Experiment>, String> {
    let chosen = experiments::named(&options.names)?;
    if options.checkpoint.is_some() && options.names != ["standard"] {
        return Err(
            "--checkpoint is for the standard configuration alone: `standard --checkpoint FILE`"
                .into(),
        );
    }
    Ok(chosen)
}

fn list(chosen: &[&Experiment]) -> String {
    let mut text = String::new();
    for experiment in chosen {
        text += &format!(
            "{:<12} {} (chapter {})\n",
            experiment.name, experiment.title, experiment.section
        );
        text += &format!("{:<12} {}\n\n", "", experiment.claim);
    }
    text
}

/// Everything; gives the summary for the terminal.
fn run(options: &Options, chosen: &[&'static Experiment]) -> Result<String> {
    let begun = Instant::now();
    let (mut profile, limit) = match (options.full, options.smoke) {
        (true, _) => (Profile::FULL, (usize::MAX, usize::MAX)),
        (_, true) => (Profile::SMOKE, (640, 200)),
        _ => (Profile::DEFAULT, (5000, 1000)),
    };
    profile.seeds = options.seeds.unwrap_or(profile.seeds);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.map_or(0, usize::from))
        // A waiting thread takes up other runs on top of its own.
        .stack_size(32 << 20)
        .build()
        .map_err(|e| Error::invalid("threads", e))?;
    let images = Images::load(options.data.as_deref(), limit)?;
    eprintln!("data: {}", images.source);

    let out = &options.out;
    std::fs::create_dir_all(out).map_err(Error::io(out, "create the directory"))?;
    let metrics = Metrics::create(&out.join("metrics.jsonl"))?;
    let lab = Lab {
        images,
        profile,
        progress: Progress::new(),
        metrics,
        out: out.clone(),
        checkpoint: options.checkpoint.clone(),
    };

    let mut finished = Vec::new();
    for experiment in chosen {
        let start = Instant::now();
        lab.progress.start(experiment.name);
        let outcome = pool.install(|| (experiment.run)(&lab));
        lab.progress.clear();
        let (outcome, seconds) = (outcome?, start.elapsed().as_secs_f64());
        eprintln!(
            "{:<12} {:<18} {}",
            experiment.name,
            outcome.verdict().label(),
            format::seconds(seconds)
        );
        finished.push(Finished { experiment, outcome, seconds });
    }
    lab.metrics.flush()?;

    let path = out.join("report.html");
    let facts = facts(&lab, pool.current_num_threads(), begun.elapsed().as_secs_f64());
    let page = report::html(&facts, &finished);
    std::fs::write(&path, page).map_err(Error::io(&path, "write"))?;
    let shown = path.canonicalize().unwrap_or(path);
    Ok(format!("{}\nreport: {}\n", report::terminal(&finished), shown.display()))
}

fn facts(lab: &Lab, threads: usize, seconds: f64) -> Facts {
    let seeds: Vec<_> = lab.profile.seeds().iter().map(u64::to_string).collect();
    vec![
        ("data", lab.images.source.clone()),
        ("seeds", seeds.join(", ")),
        ("profile", lab.profile.name.to_string()),
        ("threads", threads.to_string()),
        ("time", format::seconds(seconds)),
        ("metrics", "beside this file: metrics.jsonl, a line for each epoch of each run; standard-seed….jsonl, a line for each update of the standard configuration".into()),
        ("version", format!("tricks-lab {}", env!("CARGO_PKG_VERSION"))),
        ("system", format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH)),
    ]
}
