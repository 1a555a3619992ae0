//! Does this build give the reference values? Every density, gradient, moment, special function, transform,
//! divergence and slope of a draw in files of reference numbers, in `f64` and `f32`.
//!
//! ```sh
//! cargo run --release -p rushlight-distributions --example golden -- crates/rushlight-distributions/tests/golden
//! ```
//!
//! A line a distribution (or function, or map): the quantities that agree, those that do not, and how near the worst
//! comes to its tolerance. The tolerances are those of the files, by the rules in `tests/golden/README.md`; what is
//! exact is the references. Failures are told one by one, as is what this crate does not have. The exit code is 0 if
//! all agree, 1 if something does not, 2 if a file is none of these.

mod reference;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compares this crate with files of reference values.
#[derive(Parser)]
struct Args {
    /// Files, and folders whose `*.json` are files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Print one line of JSON and no tables.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    rushlight_distributions::runtime::init();
    let args = Args::parse();
    let report = reference::files::run(&args.paths);
    if args.json {
        println!("{}", report.json());
        report.problems().for_each(|problem| eprintln!("{problem}"));
    } else {
        println!("{report}");
    }
    ExitCode::from(report.exit_code())
}
