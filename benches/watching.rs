//! How much longer steps take when the variance of their gradients is watched: the ratio to the same fit without,
//! block by block in turns, and what the report itself says of its price.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench watching
//! ```
//!
//! * `coin`: the smallest step there is, two parameters.
//! * `mixture`: 1,000 rows, each with a bit of its own.
//! * `VAE`: 784-400-20, some 650,000 parameters, batch of 128; no score-function site.

#[path = "support/coin.rs"]
mod coin;
#[path = "support/median.rs"]
mod median;
#[path = "support/vae.rs"]
mod vae;

use median::median;
use rushlight::Program;
use rushlight::prelude::*;
use std::time::Instant;

/// As in the other benches of the coin.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn mixture(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let locs = ctx.param("locs", [-1.0, 1.0], Constraint::Real)?;
    ctx.plate("rows", x.dim(0)?, |ctx| {
        let k = ctx.sample("k", Categorical::new([0.5, 0.5])?)?;
        ctx.observe("x", Normal::new(k.select_from(&locs, 0)?, 1.0)?, x)
    })
}

fn assignments(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let n = x.dim(0)?;
    let zeros = Tensor::zeros((n, 2), DType::F32, &Device::Cpu)?;
    let logits = ctx.param("logits", zeros, Constraint::Real)?;
    ctx.plate("rows", n, |ctx| ctx.sample("k", Categorical::from_logits(logits)?).map(drop))
}

/// The median ratio of `rounds` blocks of `steps` steps: with the sites (in one step of a hundred), and the
/// parameters alone.
fn compare<M, G>(
    name: &str,
    (model, guide): (M, G),
    x: &Tensor,
    (rounds, steps): (usize, usize),
) -> Result<()>
where
    M: Program<Tensor> + Copy,
    G: Program<Tensor> + Copy,
{
    let fit = || Svi::from_programs(model, guide).optimizer(Adam::new(1e-6));
    let sites = WatchVariance::new();
    let mut fits =
        [fit(), fit().watch_variance(sites.without_sites()), fit().watch_variance(sites)];
    let mut ratios = [Vec::new(), Vec::new()];
    let mut plain = Vec::new();
    for round in 0..=rounds {
        let mut times = [0.0; 3];
        // The order turns, so that none is always the first.
        for i in 0..fits.len() {
            let i = (i + round) % fits.len();
            let start = Instant::now();
            for _ in 0..steps {
                fits[i].step(x)?;
            }
            times[i] = start.elapsed().as_secs_f64();
        }
        // The first round warms up.
        if round > 0 {
            plain.push(times[0] / steps as f64);
            ratios[0].push(times[1] / times[0]);
            ratios[1].push(times[2] / times[0]);
        }
    }
    let [params, all] = ratios.map(median);
    println!(
        "{name}: {:.1} µs a step; x {params:.3} with the parameters, x {all:.3} with the sites in one step of 100",
        1e6 * median(plain)
    );
    println!("    {}", fits[2].report()?.price);
    Ok(())
}

fn main() -> Result<()> {
    println!("{}", rushlight::runtime::init());
    let flips = coin::flips()?;
    compare("coin", (coin::model, &coin::guide(|q| q.into())), &flips, (40, 2_000))?;
    let average = &coin::guide(coin::average);
    compare("coin with an average", (coin::model, average), &flips, (40, 2_000))?;
    let points = Rng::seed(0).normal(&[1_000], DType::F32, &Device::Cpu)?;
    compare("mixture", (mixture, assignments), &points, (20, 200))?;
    compare("VAE", (vae::model, vae::guide), &vae::pictures(128)?, (6, 25))
}
