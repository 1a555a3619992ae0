//! What threads do for the particles of a step.
//!
//! ```sh
//! CANDLE_NUM_THREADS=1 cargo bench --bench particles
//! ```
//!
//! Eight particles a step, one after the other, in rayon's global pool from outside of it, and installed in pools of 1, 2, 4
//! threads (as many as there are cores), of
//!
//! * `coin`: 10 us a particle,
//! * `chain`: a random walk of 50 steps, all sites by the score function, one datum at its end,
//! * `regression`: 2,000 rows of 20 features, a normal latent for each coefficient, pathwise.
//!
//! Times are medians of single steps; the places take turns.

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

/// Where the particles of a step run.
enum Place {
    InOrder,
    /// In rayon's global pool, which a step waits for outside of it.
    Global,
    Installed(rayon::ThreadPool),
}

/// The median time of a step in each place, in microseconds.
fn medians<M, G>(
    places: &[Place],
    data: &Tensor,
    fit: impl Fn() -> Svi<Tensor, M, G> + Sync,
) -> Result<Vec<f64>>
where
    M: Fn(&mut Ctx, &Tensor) -> Result<()> + Send + Sync,
    G: Fn(&mut Ctx, &Tensor) -> Result<()> + Send + Sync,
{
    let mut times = vec![Vec::new(); places.len()];
    for _ in 0..ROUNDS {
        for (place, times) in places.iter().zip(&mut times) {
            let mut round = || -> Result<()> {
                let mut svi = fit().parallel(!matches!(place, Place::InOrder));
                let begin = Instant::now();
                while begin.elapsed() < ROUND {
                    let start = Instant::now();
                    svi.step(data)?;
                    times.push(start.elapsed().as_secs_f64() * 1e6);
                }
                Ok(())
            };
            match place {
                Place::Installed(pool) => pool.install(&mut round)?,
                Place::InOrder | Place::Global => round()?,
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
    let mut places = vec![Place::InOrder, Place::Global];
    for threads in [1, 2, 4].into_iter().filter(|n| *n <= cores) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        places.push(Place::Installed(pool.expect("threads")));
    }
    println!(
        "us a step (times as fast as one after the other): no threads, the global pool, installed in 1, 2, 4"
    );
    let estimator = || TraceGraphElbo::new().with_particles(PARTICLES);
    let flips = coin::flips()?;
    let coin = || Svi::new(coin::model, coin::guide(coin::average)).estimator(estimator());
    report("coin", &medians(&places, &flips, coin)?);
    let walk = || Svi::new(walk_model, walk_guide).estimator(estimator());
    report("chain", &medians(&places, &flips, walk)?);
    let x = Tensor::randn(0f32, 1.0, (ROWS, FEATURES), &Device::Cpu)?;
    let fit = || Svi::new(regression, coefficients).estimator(estimator());
    report("regression", &medians(&places, &x, fit)?);
    Ok(())
}
