//! How many steps a fit takes to its goal: the command line, the loop, the report.

use clap::Parser;
use rushlight::prelude::*;
use serde_json::{Value as Json, json};
use std::time::Instant;

/// The command line.
#[derive(Parser)]
#[command(about = "Is the coin fair? The score function, with and without a baseline")]
pub struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// End with one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// How near is near, for each parameter.
const TOLERANCE: f64 = 0.8;
const MAX_STEPS: usize = 10_000;

/// One fit: whether it reached its goal, the microseconds of each step, and where it stopped.
pub struct Fit {
    converged: bool,
    times: Vec<f64>,
    end: [f64; 2],
}

/// Takes steps until the two parameters are near their goals.
pub fn until_near<X: ?Sized, M: Program<X>, G: Program<X>>(
    mut svi: Svi<X, M, G>,
    data: &X,
    goals: [(&str, f64); 2],
) -> Result<Fit> {
    let mut fit = Fit { converged: false, times: vec![], end: [f64::NAN; 2] };
    while !fit.converged && fit.times.len() < MAX_STEPS {
        let start = Instant::now();
        svi.step(data)?;
        fit.times.push(start.elapsed().as_secs_f64() * 1e6);
        for (end, (name, _)) in fit.end.iter_mut().zip(goals) {
            *end = svi.params().scalar(name)?;
        }
        fit.converged =
            fit.end.iter().zip(goals).all(|(x, (_, goal))| (x - goal).abs() < TOLERANCE);
    }
    Ok(fit)
}

/// Prints what came out of the fits, and returns it.
pub fn report(label: &str, fits: &[Fit]) -> Json {
    let converged = fits.iter().filter(|f| f.converged).count();
    let steps = Quartiles::of(fits.iter().map(|f| f.times.len() as f64));
    let us_per_step = Quartiles::of(fits.iter().flat_map(|f| f.times.iter().copied())).median;
    let mean = |i: usize| fits.iter().map(|f| f.end[i]).sum::<f64>() / fits.len() as f64;
    println!("{label}");
    println!("  converged         {converged} of {} seeds", fits.len());
    println!("  steps             median {}, quartiles {} to {}", steps.median, steps.q1, steps.q3);
    println!("                    range {} to {}", steps.min, steps.max);
    println!("  stopped at        Beta({:.2}, {:.2}) (mean)", mean(0), mean(1));
    println!("  time a step       {us_per_step:.1} us (median)");
    json!({
        "median_steps": steps.median, "q1": steps.q1, "q3": steps.q3,
        "converged": converged, "us_per_step": us_per_step,
    })
}

/// The five numbers of a sample.
#[derive(Debug, Clone, Copy)]
struct Quartiles {
    /// The smallest.
    min: f64,
    /// A quarter lies below.
    q1: f64,
    /// Half lies below.
    median: f64,
    /// Three quarters lie below.
    q3: f64,
    /// The largest.
    max: f64,
}

impl Quartiles {
    /// Those of `xs`, interpolated between order statistics; NaN of nothing.
    fn of(xs: impl Iterator<Item = f64>) -> Self {
        let mut xs: Vec<f64> = xs.collect();
        xs.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let Some(last) = xs.len().checked_sub(1) else { return f64::NAN };
            let position = q * last as f64;
            let low = position.floor() as usize;
            let high = (low + 1).min(last);
            xs[low] + (xs[high] - xs[low]) * position.fract()
        };
        Self { min: at(0.0), q1: at(0.25), median: at(0.5), q3: at(0.75), max: at(1.0) }
    }
}
