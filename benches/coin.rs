//! The time of a coin step, beside the same mathematics written by hand.
//!
//! ```sh
//! RAYON_NUM_THREADS=1 CANDLE_NUM_THREADS=1 cargo bench --bench coin
//! ```
//!
//! * `rushlight`: one `Svi::step`, with its own baseline, a named one, and none.
//! * `candle by hand`: the surrogate of the same step, forward and backward, composed of candle's own tensor
//!   ops, with neither programs nor checks nor an optimizer. What the one-pass kernel saves shows here.

#[path = "support/coin.rs"]
mod coin;

use coin::{Arm, average, flips, guide, model};
use criterion::{Criterion, criterion_group, criterion_main};
use rushlight::prelude::*;
use std::hint::black_box;

/// As in the example.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `log Beta(x | a, b)` by candle's ops: the recurrence and Stirling's series for ln Γ.
fn log_beta(x: &Tensor, a: &Tensor, b: &Tensor) -> candle_core::Result<Tensor> {
    fn ln_gamma(x: &Tensor) -> candle_core::Result<Tensor> {
        let mut shift = x.log()?;
        for k in 1..8 {
            shift = (shift + (x + f64::from(k))?.log()?)?;
        }
        let z = (x + 8.0)?;
        let series = ((z.recip()? / 12.0)? - (z.powf(-3.0)? / 360.0)?)?;
        ((((&z - 0.5)? * z.log()?)? - &z)? + series)? - shift
    }
    let powers = (((a - 1.0)? * x.log()?)? + ((b - 1.0)? * x.affine(-1.0, 1.0)?.log()?)?)?;
    powers + (ln_gamma(&(a + b)?)? - (ln_gamma(a)? + ln_gamma(b)?)?)?
}

fn by_hand(flips: &Tensor, vars: &[candle_core::Var; 2]) -> candle_core::Result<()> {
    let (a, b) = (vars[0].exp()?, vars[1].exp()?);
    let x = Tensor::new(0.55f32, &Device::Cpu)?;
    let prior = Tensor::new(10f32, &Device::Cpu)?;
    let (heads, tails) = (x.log()?, x.affine(-1.0, 1.0)?.log()?);
    let likelihood = (flips.broadcast_mul(&heads)?
        + flips.affine(-1.0, 1.0)?.broadcast_mul(&tails)?)?
    .sum_all()?;
    let score = log_beta(&x, &a, &b)?;
    let cost = ((likelihood + log_beta(&x, &prior, &prior)?)? - score.detach())?;
    black_box((score * cost.detach())?.neg()?.backward()?);
    Ok(())
}

fn step(c: &mut Criterion) {
    println!("{}", rushlight::runtime::init());
    let flips = flips().expect("ten numbers");
    let mut group = c.benchmark_group("coin step");
    let arms: [(&str, Arm); 3] = [
        ("rushlight, unnamed baseline", |q| q.into()),
        ("rushlight, average", average),
        ("rushlight, no baseline", |q| q.no_baseline()),
    ];
    for (name, arm) in arms {
        let mut svi = Svi::new(model, guide(arm)).optimizer(Adam::new(1e-9));
        group.bench_function(name, |b| b.iter(|| svi.step(&flips).expect("a step")));
    }
    let vars = [15f32.ln(), 15f32.ln()]
        .map(|x| candle_core::Var::new(x, &Device::Cpu).expect("a scalar variable"));
    group.bench_function("candle by hand", |b| {
        b.iter(|| by_hand(&flips, &vars).expect("a gradient"));
    });
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
