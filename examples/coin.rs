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

#[path = "support/race.rs"]
mod race;

use clap::Parser;
use race::{Args, Fit, report};
use rushlight::prelude::*;
use serde_json::json;

/// A step of so small a model is a hundred small allocations and little else.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FLIPS: [f32; 10] = [1., 1., 1., 1., 1., 1., 0., 0., 0., 0.];
const POSTERIOR: [(&str, f64); 2] = [("alpha", 16.0), ("beta", 14.0)];

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

/// One fit for each seed, until both parameters are near the posterior's.
fn fits(with_baseline: bool, flips: &Tensor, seeds: u64) -> Result<Vec<Fit>> {
    let fit = |seed| {
        let svi = Svi::new(model, guide(with_baseline))
            .estimator(TraceGraphElbo::new())
            .optimizer(Adam::new(5e-4).betas(0.93, 0.999))
            .seed(seed);
        race::until_near(svi, flips, POSTERIOR)
    };
    (0..seeds).map(fit).collect()
}

fn main() -> Result<()> {
    let settings = rushlight::runtime::init();
    let Args { seeds, json } = Args::parse();
    let flips = Tensor::new(&FLIPS, &Device::Cpu)?;
    println!("Six heads of ten, prior Beta(10, 10): the exact posterior is Beta(16, 14).");
    println!("Steps of Adam from Beta(15, 15) until both parameters are within 0.8 of it:\n");
    let with = report("with a decaying-average baseline", &fits(true, &flips, seeds)?);
    let without = report("without a baseline", &fits(false, &flips, seeds)?);
    println!("\n{settings}, mimalloc");
    if json {
        println!(
            "{}",
            json!({ "seeds": seeds, "with_baseline": with, "without_baseline": without })
        );
    }
    Ok(())
}
