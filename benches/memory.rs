//! The memory of a long fit: the resident set after 10^4 and after 10^6 coin steps.
//!
//! ```sh
//! cargo bench --bench memory
//! ```

use rushlight::prelude::*;

const FLIPS: [f32; 10] = [1., 1., 1., 1., 1., 1., 0., 0., 0., 0.];
const TOLD_AT: [u64; 3] = [10_000, 100_000, 1_000_000];

fn model(ctx: &mut Ctx, flips: &Tensor) -> Result<()> {
    let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ctx.plate("flips", flips.elem_count(), |ctx| {
        ctx.observe("obs", Bernoulli::new(&fairness)?, flips)
    })
}

fn guide(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let alpha = ctx.param("alpha", 15.0, Constraint::Positive)?;
    let beta = ctx.param("beta", 15.0, Constraint::Positive)?;
    let fairness = Beta::new(alpha, beta)?.without_rsample();
    ctx.sample("fairness", fairness.baseline(DecayingAverage::new(0.9))).map(drop)
}

/// The resident set in KiB, where the kernel tells it.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

fn main() -> Result<()> {
    println!("{}", rushlight::runtime::init());
    let flips = Tensor::new(&FLIPS, &Device::Cpu)?;
    let mut svi = Svi::new(model, guide).optimizer(Adam::new(5e-4).betas(0.93, 0.999));
    for step in 1..=TOLD_AT[TOLD_AT.len() - 1] {
        svi.step(&flips)?;
        if TOLD_AT.contains(&step) {
            match resident() {
                Some(kib) => println!("after {step:>9} steps: {kib} KiB resident"),
                None => println!("after {step:>9} steps: this system does not tell"),
            }
        }
    }
    Ok(())
}
