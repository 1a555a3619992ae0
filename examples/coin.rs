//! Is the coin fair? A Beta-Bernoulli model fitted by the score function: with what a site has by itself, with
//! a baseline of one's choice, and with none.
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

/// What makes a draw of the guide's distribution: with which baseline.
type Arm = fn(WithoutRsample<Beta>) -> Draw;

fn guide(arm: Arm) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, _flips| {
        let alpha = ctx.param("alpha", 15.0, Constraint::Positive)?;
        let beta = ctx.param("beta", 15.0, Constraint::Positive)?;
        ctx.sample("fairness", arm(Beta::new(alpha, beta)?.without_rsample())).map(drop)
    }
}

/// One fit for each seed, until both parameters are near the posterior's.
fn fits(arm: Arm, flips: &Tensor, seeds: u64) -> Result<Vec<Fit>> {
    let fit = |seed| {
        let svi = Svi::new(model, guide(arm))
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
    let race = |label, arm| -> Result<_> { Ok(report(label, &fits(arm, &flips, seeds)?)) };
    let default = race("with the baseline of a site that names none", |q| q.into())?;
    let with = race("with a decaying average", |q| q.baseline(DecayingAverage::new(0.9)))?;
    let without = race("without a baseline", |q| q.no_baseline())?;
    println!("\n{settings}, mimalloc");
    if json {
        println!(
            "{}",
            json!({
                "seeds": seeds, "default": default,
                "with_baseline": with, "without_baseline": without,
            })
        );
    }
    Ok(())
}
