//! The programs of the coin, for benches.

use rushlight::prelude::*;

/// Six heads of ten.
pub fn flips() -> Result<Tensor> {
    Ok(Tensor::new(&[1f32, 1., 1., 1., 1., 1., 0., 0., 0., 0.], &Device::Cpu)?)
}

/// Beta(10, 10) prior, one Bernoulli a flip.
pub fn model(ctx: &mut Ctx, flips: &Tensor) -> Result<()> {
    let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ctx.plate("flips", flips.elem_count(), |ctx| {
        ctx.observe("obs", Bernoulli::new(&fairness)?, flips)
    })
}

/// What makes a draw of the guide's distribution: with which baseline.
pub type Arm = fn(WithoutRsample<Beta>) -> Draw;

/// A Beta whose draws carry no gradient.
pub fn guide(arm: Arm) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, _| {
        let alpha = ctx.param("alpha", 15.0, Constraint::Positive)?;
        let beta = ctx.param("beta", 15.0, Constraint::Positive)?;
        ctx.sample("fairness", arm(Beta::new(alpha, beta)?.without_rsample())).map(drop)
    }
}

/// With a decaying average.
pub fn average(q: WithoutRsample<Beta>) -> Draw {
    q.baseline(DecayingAverage::new(0.9))
}
