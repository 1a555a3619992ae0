//! What dependency tracking costs: the time of a step by the number of sites, and against charging every site with
//! everything.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench chain
//! ```
//!
//! The model is a random walk of T steps with a datum at its end. The guide draws every step without reparameterized
//! gradients: around the one before (`markov`: each site influences all later ones), or by itself (`mean field`). It is
//! the work of `chain.py` among the peers' scripts. Times are medians of single steps, in turn, in one run.

#[path = "support/coin.rs"]
mod coin;
#[path = "support/median.rs"]
mod median;

use median::median;
use rushlight::Traced;
use rushlight::prelude::*;
use std::time::{Duration, Instant};

/// As in the coin example.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn model(ctx: &mut Ctx, steps: &usize) -> Result<()> {
    let mut x = Traced::from(Tensor::new(0f32, &Device::Cpu)?);
    for t in 0..*steps {
        x = ctx.sample(&format!("x_{t}"), Normal::new(x, 1.0)?)?;
    }
    ctx.observe("y", Normal::new(x, 1.0)?, 0.5)
}

fn guide(markov: bool) -> impl Fn(&mut Ctx, &usize) -> Result<()> + Sync {
    move |ctx, &steps| {
        let a = ctx
            .param_with("a", Constraint::Real, || Ok(Tensor::full(0.5f32, steps, &Device::Cpu)?))?;
        let b = ctx.param_with("b", Constraint::Real, || {
            Ok(Tensor::zeros(steps, DType::F32, &Device::Cpu)?)
        })?;
        let mut x = Traced::from(Tensor::new(0f32, &Device::Cpu)?);
        for t in 0..steps {
            let loc = if markov { ((a.get(t)? * &x)? + b.get(t)?)? } else { b.get(t)? };
            x = ctx.sample(&format!("x_{t}"), Normal::new(loc, 0.5)?.without_rsample())?;
        }
        Ok(())
    }
}

/// The median times of steps that are taken in turn, in microseconds.
fn medians<const N: usize>(
    budget: Duration,
    mut steps: [&mut dyn FnMut() -> Result<f64>; N],
) -> Result<[f64; N]> {
    let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    let start = Instant::now();
    while start.elapsed() < budget || times[0].len() < 5 {
        for (step, times) in steps.iter_mut().zip(&mut times) {
            let start = Instant::now();
            step()?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(times.map(median))
}

fn main() -> Result<()> {
    println!("{}, mimalloc", rushlight::runtime::init());
    let budget = Duration::from_millis(1_500);
    println!("\n             sites   us a step   us a site");
    for (name, markov) in [("markov", true), ("mean field", false)] {
        for steps in [10, 50, 100, 200, 400] {
            let mut svi = Svi::new(model, guide(markov)).optimizer(Adam::new(1e-9));
            let [us] = medians(budget, [&mut || svi.step(&steps)])?;
            println!("{name:<12} {steps:>5}   {us:>9.1}   {:>9.2}", us / steps as f64);
        }
    }

    println!("\nTraceGraphElbo over TraceElbo");
    let adam = || Adam::new(1e-9);
    let flips = coin::flips()?;
    let coins = || Svi::new(coin::model, coin::guide(coin::average)).optimizer(adam());
    let (mut graph, mut all) = (coins(), coins().estimator(TraceElbo::new()));
    let [graph, all] = medians(budget, [&mut || graph.step(&flips), &mut || all.step(&flips)])?;
    println!("coin         {graph:>9.2} / {all:.2} us = {:.2}", graph / all);
    for (name, markov) in [("markov", true), ("mean field", false)] {
        let fit = || Svi::new(model, guide(markov)).optimizer(adam());
        let (mut graph, mut all) = (fit(), fit().estimator(TraceElbo::new()));
        let [graph, all] = medians(budget, [&mut || graph.step(&50), &mut || all.step(&50)])?;
        println!("{name:<12} {graph:>9.1} / {all:.1} us = {:.2}   (50 sites)", graph / all);
    }

    let (mut checked, mut free) = (coins(), coins().validate(false));
    let [checked, free] =
        medians(budget, [&mut || checked.step(&flips), &mut || free.step(&flips)])?;
    println!("\nvalidation of the coin: {checked:.2} / {free:.2} us = {:.3}", checked / free);
    Ok(())
}
