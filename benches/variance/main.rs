//! Which estimator, which baseline? The variance of the guide's gradient, the time of a step, and their product, for every
//! arm on every problem.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench variance
//! cargo bench --bench variance -- coin gmm-100    # problems whose names contain one of these
//! cargo bench --bench variance -- --quick         # all of them in less than a minute
//! ```
//!
//! * *At a point* ([`point`]): all arms at the problem's first parameters, or after some steps where those say little. The
//!   variance is the sum of the variances of all numbers of the guide's gradient; parameters of the model are left out, which
//!   no baseline helps. It is sampled, and beside it stands the exact one where all draws can be summed over ([`exact`]).
//! * *Along a run* ([`along`]): the arms with memories from the first step on, and how the default of sites that name no
//!   baseline compares with an average.
//! * *Time* ([`time`]): medians of single steps, all arms in turn.
//!
//! A step of several particles costs as many runs of the programs; what is fair to compare is variance × time. Tables go to
//! standard output and, with pictures, to `target/variance/`. How to read them: `docs/how-to/compare-estimators.md`. A problem
//! is a file in `problems/`, an arm a line in `arms.rs`.

mod along;
mod args;
mod arms;
mod csv;
mod exact;
mod fit;
#[path = "../support/median.rs"]
mod median;
mod plot;
mod point;
mod problem;
mod problems;
mod report;
mod spread;
mod table;
mod time;

use args::Args;
use clap::Parser;
use problem::Effort;
use report::Report;
use rushlight::prelude::*;
use std::process::ExitCode;
use std::time::Instant;

/// As in the coin example.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The least that goes through everything.
const SMOKE: Effort = Effort { gradients: 40, steps: 8, groups: 2, time: 0 };

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let other = |e: String| Error::Other(e.into());
    let chosen = args.chosen(problems::all(&args.data)).map_err(other)?;
    println!("{}, mimalloc; digits from {}", rushlight::runtime::init(), args.data.display());
    if args.smoke() {
        println!("a try of every arm; `cargo bench` measures");
    }
    let (arms, start) = (arms::all(), Instant::now());
    let mut reports = Vec::new();
    for (_, make) in chosen {
        let problem = make()?;
        let effort = match (args.smoke(), args.quick) {
            (true, _) => SMOKE,
            (false, true) => problem.effort.quick(),
            (false, false) => problem.effort,
        };
        let report = Report::of(&problem, &arms, effort)?;
        print!("{}", table::of_problem(&report));
        reports.push(report);
    }
    print!("{}", table::of_defaults(&reports));
    println!("\n{:.0} s", start.elapsed().as_secs_f64());
    if !args.smoke() {
        write(args, &reports).map_err(|e| other(format!("{}: {e}", args.out.display())))?;
        println!("tables and pictures: {}", args.out.display());
    }
    Ok(())
}

fn write(args: &Args, reports: &[Report]) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(&args.out)?;
    csv::points(&args.out, reports)?;
    csv::defaults(&args.out, reports)?;
    csv::runs(&args.out, reports)?;
    for report in reports {
        plot::problem(&args.out, report)?;
    }
    Ok(())
}
