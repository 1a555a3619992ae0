//! What threads do for the particles of a step.
//!
//! ```sh
//! CANDLE_NUM_THREADS=1 cargo bench --bench particles
//! ```
//!
//! Eight particles a step, one after the other and in pools of 1, 2, 4 threads (as many as there are cores), of
//!
//! * `coin`: 10 us a particle,
//! * `chain`: a random walk of 50 steps, all sites by the score function, one datum at its end,
//! * `regression`: 2,000 rows of 20 features, a normal latent for each coefficient, pathwise.
//!
//! Times are medians of single steps; the pools take turns.

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

/// How often each pool has its turn, and for how long.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);
const PARTICLES: usize = 8;
const WALK: usize = 50;
const ROWS: usize = 2_000;
const FEATURES: usize = 20;

fn walk_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let mut x = Traced::from(Tensor::new(0f32, &Device::Cpu)?);
    for t in 0..WALK {
        x = ctx.sample(&format!("x_{t}"), Normal::new(x, 1.0)?)?;
    }
    ctx.observe("y", Normal::new(x, 1.0)?, 0.5)
}

fn walk_guide(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let loc = ctx.param("loc", Tensor::zeros(WALK, DType::F32, &Device::Cpu)?, Constraint::Real)?;
    for t in 0..WALK {
        ctx.sample(&format!("x_{t}"), Normal::new(loc.get(t)?, 0.5)?.without_rsample())?;
    }
    Ok(())
}

fn regression(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let zeros = Tensor::zeros(FEATURES, DType::F32, &Device::Cpu)?;
    let w = ctx.sample("w", Normal::new(zeros, 1.0)?.to_event(1))?;
    let logits = Traced::from(x.clone()).matmul(&w.unsqueeze(1)?)?.squeeze(1)?;
    let y = x.narrow(1, 0, 1)?.squeeze(1)?.gt(0.0)?.to_dtype(DType::F32)?;
    ctx.plate("rows", ROWS, |ctx| ctx.observe("y", Bernoulli::from_logits(logits)?, y))
}

fn coefficients(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let zeros = Tensor::zeros(FEATURES, DType::F32, &Device::Cpu)?;
    let loc = ctx.param("loc", &zeros, Constraint::Real)?;
    let scale = ctx.param("scale", (zeros + 0.1)?, Constraint::Positive)?;
    ctx.sample("w", Normal::new(loc, scale)?.to_event(1)).map(drop)
}

/// The median time of a step in each pool (`None`: not in threads), in microseconds.
fn medians<M, G>(
    pools: &[Option<rayon::ThreadPool>],
    data: &Tensor,
    fit: impl Fn() -> Svi<Tensor, M, G> + Sync,
) -> Result<Vec<f64>>
where
    M: Fn(&mut Ctx, &Tensor) -> Result<()> + Sync,
    G: Fn(&mut Ctx, &Tensor) -> Result<()> + Sync,
{
    let mut times = vec![Vec::new(); pools.len()];
    for _ in 0..ROUNDS {
        for (pool, times) in pools.iter().zip(&mut times) {
            let mut round = || -> Result<()> {
                let mut svi = fit().parallel(pool.is_some());
                let begin = Instant::now();
                while begin.elapsed() < ROUND {
                    let start = Instant::now();
                    svi.step(data)?;
                    times.push(start.elapsed().as_secs_f64() * 1e6);
                }
                Ok(())
            };
            match pool {
                Some(pool) => pool.install(&mut round)?,
                None => round()?,
            }
        }
    }
    Ok(times.into_iter().map(median).collect())
}

fn report(name: &str, us: &[f64]) {
    let columns = us.iter().map(|t| format!("{t:>9.1} ({:.2})", us[0] / t));
    println!("{name:<12} {}", columns.collect::<Vec<_>>().join(" "));
}

fn main() -> Result<()> {
    println!("{}, mimalloc", rushlight::runtime::init());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut pools = vec![None];
    for threads in [1, 2, 4].into_iter().filter(|n| *n <= cores) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pools.push(Some(pool.expect("threads")));
    }
    println!("us a step (times as fast as one after the other): no threads, then pools of 1, 2, 4");
    let estimator = || TraceGraphElbo::new().with_particles(PARTICLES);
    let flips = coin::flips()?;
    let coin = || Svi::new(coin::model, coin::guide(coin::average)).estimator(estimator());
    report("coin", &medians(&pools, &flips, coin)?);
    let walk = || Svi::new(walk_model, walk_guide).estimator(estimator());
    report("chain", &medians(&pools, &flips, walk)?);
    let x = Tensor::randn(0f32, 1.0, (ROWS, FEATURES), &Device::Cpu)?;
    let fit = || Svi::new(regression, coefficients).estimator(estimator());
    report("regression", &medians(&pools, &x, fit)?);
    Ok(())
}
