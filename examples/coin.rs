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

mod support;

use clap::Parser;
use rushlight::prelude::*;
use serde_json::json;
use std::time::Instant;
use support::stats::Quartiles;

#[derive(Parser)]
#[command(about = "Is the coin fair? The score function with and without a baseline")]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// End with one line of JSON.
    #[arg(long)]
    json: bool,
}

const POSTERIOR: (f64, f64) = (16.0, 14.0);
const MAX_STEPS: usize = 10_000;

fn model(ctx: &mut Ctx, flips: &Tensor) -> Result<()> {
    let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ctx.plate("flips", flips.elem_count(), |ctx| ctx.observe("obs", Bernoulli::new(&fairness)?, flips))
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
        ctx.sample("fairness", draw)?;
        Ok(())
    }
}

/// Steps to the posterior (none if it was not reached), the parameters there, and seconds.
fn fit(flips: &Tensor, with_baseline: bool, seed: u64) -> Result<(Option<usize>, (f64, f64), f64, usize)> {
    let mut svi = Svi::new(model, guide(with_baseline))
        .estimator(TraceGraphElbo::new())
        .optimizer(Adam::new(5e-4).betas(0.93, 0.999))
        .seed(seed);
    let start = Instant::now();
    for step in 1..=MAX_STEPS {
        svi.step(flips)?;
        let found = (svi.params().scalar("alpha")?, svi.params().scalar("beta")?);
        if (found.0 - POSTERIOR.0).abs() < 0.8 && (found.1 - POSTERIOR.1).abs() < 0.8 {
            return Ok((Some(step), found, start.elapsed().as_secs_f64(), step));
        }
    }
    let found = (svi.params().scalar("alpha")?, svi.params().scalar("beta")?);
    Ok((None, found, start.elapsed().as_secs_f64(), MAX_STEPS))
}

fn main() -> Result<()> {
    rushlight::runtime::init();
    let args = Args::parse();
    let flips = Tensor::new(&[1f32, 1., 1., 1., 1., 1., 0., 0., 0., 0.], &Device::Cpu)?;
    for with_baseline in [true, false] {
        let mut steps = vec![];
        let (mut seconds, mut taken, mut last) = (0.0, 0, (0.0, 0.0));
        for seed in 0..args.seeds {
            let (reached, found, time, n) = fit(&flips, with_baseline, seed)?;
            steps.extend(reached.map(|s| s as f64));
            seconds += time;
            taken += n;
            last = found;
        }
        println!("{with_baseline} {:?} converged {} {last:?} us/step {}", Quartiles::of(&steps), steps.len(), seconds / taken as f64 * 1e6);
    }
    let _ = json!({});
    Ok(())
}
