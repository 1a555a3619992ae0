//! Is the coin fair? A Beta-Bernoulli model fitted by the score function, with and without a baseline.
//!
//! ```sh
//! cargo run --release --example coin
//! ```
//!
//! Ten flips, six heads, a Beta(10, 10) prior: the exact posterior is Beta(16, 14). The guide is a Beta whose
//! draws carry no gradient. The example counts, for many seeds, the steps until both of its parameters are
//! within 0.8 of the posterior's. It is the experiment of Pyro's tutorial "SVI Part III: ELBO gradient
//! estimators".

#[path = "support/quartiles.rs"]
mod quartiles;

use clap::Parser;
use quartiles::Quartiles;
use rushlight::prelude::*;
use serde_json::{Value as Json, json};
use std::time::Instant;

/// A step of so small a model is a hundred small allocations and little else.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Is the coin fair? The score function, with and without a baseline")]
struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// End with one line of JSON
    #[arg(long)]
    json: bool,
}

const FLIPS: [f32; 10] = [1., 1., 1., 1., 1., 1., 0., 0., 0., 0.];
const POSTERIOR: (f64, f64) = (16.0, 14.0);
const TOLERANCE: f64 = 0.8;
const MAX_STEPS: usize = 10_000;

fn model(ctx: &mut Ctx, flips: &Tensor) -> Result<()> {
    let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ctx.plate("flips", flips.elem_count(), |ctx| {
        ctx.observe("obs", Bernoulli::new(&fairness)?, flips)
    })
}

fn guide(with_baseline: bool) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, _flips| {
        let alpha = ctx.param("alpha", 15.0, Constraint::Positive)?;
        let beta = ctx.param("beta", 15.0, Constraint::Positive)?;
        let fairness = Beta::new(alpha, beta)?.without_rsample();
        let draw = match with_baseline {
            true => fairness.baseline(DecayingAverage::new(0.9)),
            false => fairness.no_baseline(),
        };
        ctx.sample("fairness", draw).map(drop)
    }
}

/// One fit: whether it reached the posterior, the microseconds of each step, and where it stopped.
struct Fit {
    converged: bool,
    times: Vec<f64>,
    end: (f64, f64),
}

fn fit(flips: &Tensor, with_baseline: bool, seed: u64) -> Result<Fit> {
    let mut svi = Svi::new(model, guide(with_baseline))
        .estimator(TraceGraphElbo::new())
        .optimizer(Adam::new(5e-4).betas(0.93, 0.999))
        .seed(seed);
    let mut fit = Fit { converged: false, times: vec![], end: (15.0, 15.0) };
    while !fit.converged && fit.times.len() < MAX_STEPS {
        let start = Instant::now();
        svi.step(flips)?;
        fit.times.push(start.elapsed().as_secs_f64() * 1e6);
        fit.end = (svi.params().scalar("alpha")?, svi.params().scalar("beta")?);
        let near = |found: f64, exact: f64| (found - exact).abs() < TOLERANCE;
        fit.converged = near(fit.end.0, POSTERIOR.0) && near(fit.end.1, POSTERIOR.1);
    }
    Ok(fit)
}

/// Fits all seeds, prints what came out, and returns it.
fn experiment(label: &str, flips: &Tensor, with_baseline: bool, seeds: u64) -> Result<Json> {
    let fits: Vec<Fit> =
        (0..seeds).map(|seed| fit(flips, with_baseline, seed)).collect::<Result<_>>()?;
    let converged = fits.iter().filter(|f| f.converged).count();
    let steps = Quartiles::of(fits.iter().map(|f| f.times.len() as f64));
    let us_per_step = Quartiles::of(fits.iter().flat_map(|f| f.times.iter().copied())).median;
    let mean = |of: fn(&Fit) -> f64| fits.iter().map(of).sum::<f64>() / seeds as f64;
    println!("{label}");
    println!("  converged         {converged} of {seeds} seeds");
    println!("  steps             median {}, quartiles {} to {}", steps.median, steps.q1, steps.q3);
    println!("                    range {} to {}", steps.min, steps.max);
    println!("  stopped at        Beta({:.2}, {:.2}) (mean)", mean(|f| f.end.0), mean(|f| f.end.1));
    println!("  time a step       {us_per_step:.1} us (median)");
    Ok(json!({
        "median_steps": steps.median, "q1": steps.q1, "q3": steps.q3,
        "converged": converged, "us_per_step": us_per_step,
    }))
}

fn main() -> Result<()> {
    let settings = rushlight::runtime::init();
    let args = Args::parse();
    let flips = Tensor::new(&FLIPS, &Device::Cpu)?;
    let (alpha, beta) = POSTERIOR;
    println!("Six heads of ten, prior Beta(10, 10): the exact posterior is Beta({alpha}, {beta}).");
    println!(
        "Steps of Adam from Beta(15, 15) until both parameters are within {TOLERANCE} of it:\n"
    );
    let with = experiment("with a decaying-average baseline", &flips, true, args.seeds)?;
    let without = experiment("without a baseline", &flips, false, args.seeds)?;
    println!("\n{settings}, mimalloc");
    if args.json {
        println!(
            "{}",
            json!({ "seeds": args.seeds, "with_baseline": with, "without_baseline": without })
        );
    }
    Ok(())
}
