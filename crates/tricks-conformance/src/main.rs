//! Runs a folder of golden vectors, or prints the tables of techniques.

use std::path::Path;
use std::process::ExitCode;
use tricks_conformance::{Report, VECTORS, families, read_folder, registry, run_family};

const HELP: &str = "\
Holds the library to golden vectors.

usage: tricks-conformance [DIR]     runs every .json family in DIR (default: the repository's own)
       tricks-conformance --tables  prints the tables of techniques as Markdown

Exit code 0 if nothing failed, 1 if a case failed, 2 if a file is unreadable or malformed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => VECTORS,
        ["--tables"] => {
            print!("{}", registry::tables());
            return ExitCode::SUCCESS;
        }
        ["-h" | "--help"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [folder] if !folder.starts_with('-') => folder,
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    let all = match read_folder(Path::new(folder)) {
        Ok(all) => all,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    // A panic is caught and reported with its case; its trace would only bury the table.
    std::panic::set_hook(Box::new(|_| {}));
    let reports = all.iter().map(|family| run_family(family, families::adapter(&family.name)));
    let report = Report(reports.collect());
    println!("{report}");
    ExitCode::from(u8::from(report.totals().1 > 0))
}
