//! Runs the benchmarks in rounds and says how close to the machine's limit each update is, and how
//! fast parameters are filled.

use clap::Parser;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tricks_bench::cases::{self, Label};
use tricks_bench::summary::{Result, Round, Row, read_json, read_round};
use tricks_bench::table;

/// Times every update beside the machine's limit, and what fills parameters beside a rival.
///
/// Each update is timed together with its REFERENCE and its STREAM, which is its loads and stores
/// alone. The table gives the update's speed as a fraction of both: 1.00 is as fast as they.
///
/// The reference is named: "limit" is the same formula in one hand-written pass over plain slices;
/// "limit + read" reads the gradients once before, as a check or a clip must; "one tensor" is the
/// library's step on as many elements in one tensor; "full memory" is its step with memory in f32;
/// "rand_distr" draws what an initializer draws, with the small fast generator of rand.
///
/// A target is a promise: the least fraction of the reference. The updates are measured in several
/// rounds. Fractions are taken within a round, where all three meet the same machine, and the table
/// shows their median with the least and the most. A wide spread means a busy machine: close other
/// programs and measure again.
///
/// The largest set needs 2 GiB of memory.
#[derive(Parser)]
#[command(
    name = "tricks-bench",
    bin_name = "cargo xtask bench",
    version,
    after_help = "\
Results are written to target/bench/summary.json, one entry for each line of the table.

  tricks-bench --quick            all but 64Mi, in a minute and a half
  tricks-bench Adam-16Mi          those whose name contains this
  tricks-bench --save before      keep the results ...
  tricks-bench --against before   ... and hold later ones against them"
)]
struct Cli {
    /// Fewer and shorter rounds, and 64Mi only if named: a minute and a half instead of seven
    #[arg(long)]
    quick: bool,
    /// Run each benchmark once, without measuring: do they still work?
    #[arg(long, conflicts_with_all = ["quick", "save", "against", "list"])]
    test: bool,
    /// Print the names filters are held against, and stop
    #[arg(long)]
    list: bool,
    /// Keep the results as target/bench/NAME.json
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    save: Option<String>,
    /// Show them beside those kept as NAME
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    against: Option<String>,
    /// Measure only the updates whose name contains one of these, such as `AdamW` or `16Mi-1t`
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

fn plain_name(name: &str) -> std::result::Result<String, String> {
    let plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    match name {
        "summary" => Err("summary.json is where every run is written".into()),
        _ if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) => {
            Err("a name is made of letters, digits, `-`, `_` and `.`".into())
        }
        _ => Ok(name.into()),
    }
}

/// How long to measure.
struct Plan {
    rounds: u32,
    warm_up: &'static str,
    measurement: &'static str,
    /// A round that would end later than this is not begun.
    budget: Duration,
}

const FULL: Plan =
    Plan { rounds: 5, warm_up: "0.02", measurement: "0.1", budget: Duration::from_secs(390) };
const QUICK: Plan =
    Plan { rounds: 3, warm_up: "0.02", measurement: "0.05", budget: Duration::from_secs(90) };

/// Tensors this long take more than half of a round.
const HUGE: usize = 64 << 20;

fn main() -> std::process::ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let threads = available_parallelism().map_or(1, usize::from);
    let cases = chosen(cli, threads);
    if cases.is_empty() {
        return Err(format!("no name contains {}; see --list", cli.filters.join(" or ")).into());
    }
    if cli.list {
        cases.iter().for_each(|case| println!("{}", case.id));
        return Ok(());
    }
    let folder = target_directory()?.join("bench");
    // Before minutes are spent.
    let old = match &cli.against {
        Some(name) => Some(read_json::<Vec<Row>>(&folder.join(format!("{name}.json")))?),
        None => None,
    };
    let program = build()?;
    if cli.test {
        bench(&program, &folder.join("criterion"), &cases, &["--test"])?;
        println!("{} updates, their references and streams ran once", cases.len());
        return Ok(());
    }

    let plan = if cli.quick { QUICK } else { FULL };
    let rounds = measure(&program, &folder.join("criterion"), &cases, &plan)?;
    let rows: Vec<Row> =
        cases.iter().zip(&rounds).map(|(case, rounds)| Row::new(case, rounds)).collect();

    let text = serde_json::to_string_pretty(&rows)? + "\n";
    let save = |name: &str| {
        let file = folder.join(format!("{name}.json"));
        fs::write(&file, &text).map_err(|e| format!("{}: {e}", file.display()))
    };
    save("summary")?;
    cli.save.as_deref().map_or(Ok(()), save)?;

    let count = rounds.first().map_or(0, Vec::len);
    println!("{}, {threads} threads; median of {count} rounds\n", cpu());
    print!("{}\n{}", table::summary(&rows), table::verdict(&rows));
    if let (Some(old), Some(name)) = (old, &cli.against) {
        println!("\nagainst {name}:\n");
        print!("{}", table::comparison(&old, &rows));
    }
    Ok(())
}

/// The cases the filters name; without filters all, or what a quick run has time for.
fn chosen(cli: &Cli, threads: usize) -> Vec<Label> {
    let mut cases = cases::labels(threads);
    if !cli.filters.is_empty() {
        cases.retain(|case| cli.filters.iter().any(|filter| case.id.contains(filter)));
    } else if cli.quick {
        cases.retain(|case| case.set.elements() < HUGE);
    }
    cases
}

/// For each case, what every round measured.
fn measure(program: &Path, home: &Path, cases: &[Label], plan: &Plan) -> Result<Vec<Vec<Round>>> {
    let mut rounds = vec![Vec::new(); cases.len()];
    let begin = Instant::now();
    for round in 1..=plan.rounds {
        // Each round is a new process: memory lies elsewhere, and bad luck averages out.
        let times = ["--warm-up-time", plan.warm_up, "--measurement-time", plan.measurement];
        bench(program, home, cases, &times)?;
        for (case, rounds) in cases.iter().zip(&mut rounds) {
            rounds.push(read_round(home, case)?);
        }
        let elapsed = begin.elapsed();
        eprintln!("round {round} of {}, {:.0} s", plan.rounds, elapsed.as_secs_f64());
        if elapsed + elapsed / round > plan.budget && round < plan.rounds {
            eprintln!("the time is up: the remaining rounds are left out");
            break;
        }
    }
    Ok(rounds)
}

/// Runs the benchmarks of these cases; criterion leaves its samples under `home`.
fn bench(program: &Path, home: &Path, cases: &[Label], args: &[&str]) -> Result<()> {
    // Samples of an earlier run must not pass for this one's.
    if home.exists() {
        fs::remove_dir_all(home).map_err(|e| format!("{}: {e}", home.display()))?;
    }
    let ids: Vec<&str> = cases.iter().map(|case| &*case.id).collect();
    let output = Command::new(program)
        .args(["--bench", &format!("^({})/", ids.join("|"))])
        .args(args)
        .env("CRITERION_HOME", home)
        .output()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}\n{said}", program.display(), output.status).into());
    }
    Ok(())
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// What a run of cargo prints, each line a JSON value.
fn lines(command: &mut Command) -> Result<Vec<serde_json::Value>> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo: {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?)
}

fn target_directory() -> Result<PathBuf> {
    let metadata = lines(cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    let folder = metadata.first().and_then(|metadata| metadata["target_directory"].as_str());
    Ok(folder.ok_or("cargo metadata names no target directory")?.into())
}

/// Builds the benchmarks; gives the program.
fn build() -> Result<PathBuf> {
    let args = [
        "bench",
        "--bench=update",
        "--no-run",
        "--profile=release",
        "--message-format=json-render-diagnostics",
    ];
    let messages = lines(cargo().args(args))?;
    let program = messages
        .iter()
        .filter(|message| message["target"]["name"] == "update")
        .find_map(|message| message["executable"].as_str());
    Ok(program.ok_or("cargo built no benchmark")?.into())
}

/// The processor's name where the system tells it, else its architecture.
fn cpu() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| env::consts::ARCH.to_string(), |(_, name)| name.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        let cli = Cli::try_parse_from(["b", "--quick", "--save", "a-1", "Adam", "Sgd"]).unwrap();
        assert!(cli.quick && cli.save.as_deref() == Some("a-1") && cli.filters.len() == 2);
        for wrong in [
            &["b", "--test", "--save", "x"][..],
            &["b", "--save", "../x"],
            &["b", "--save", "summary"],
            &["b", "--against", ""],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_quick_run_leaves_out_the_largest_set_unless_it_is_named() {
        let ids = |args: &[&str]| -> Vec<String> {
            chosen(&Cli::try_parse_from(args).unwrap(), 2).into_iter().map(|case| case.id).collect()
        };
        let huge = |ids: &[String]| ids.iter().filter(|id| id.contains("-64Mi-")).count();
        let (all, quick) = (ids(&["b"]), ids(&["b", "--quick"]));
        assert_eq!((huge(&quick), all.len() - quick.len()), (0, huge(&all)));
        assert_eq!(ids(&["b", "--quick", "Adam-64Mi-2t"]), ["Adam-64Mi-2t"]);
        assert_eq!(ids(&["b", "nothing"]), [""; 0]);
    }
}
