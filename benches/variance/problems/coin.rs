//! The coin: a Beta whose draws carry no gradient.

use crate::problem::{Draws, Effort, Problem};
use rushlight::prelude::*;

/// Six heads of ten and a Beta(10, 10) prior; the guide starts from Beta(15, 15), the posterior is Beta(16, 14).
pub fn problem() -> Result<Problem> {
    let flips = Tensor::new(&[1f64, 1., 1., 1., 1., 1., 0., 0., 0., 0.], &Device::Cpu)?;
    Ok(Problem {
        name: "coin".into(),
        about: "Beta(10, 10) prior, ten flips, six heads; the guide is Beta(15, 15)".into(),
        dtype: DType::F64,
        data: vec![flips],
        model: Box::new(|ctx, flips| {
            let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
            ctx.plate("flips", flips.elem_count(), |ctx| {
                ctx.observe("obs", Bernoulli::new(&fairness)?, flips)
            })
        }),
        guide: Box::new(|ctx, _, arm| {
            let alpha = ctx.param("q.alpha", 15.0, Constraint::Positive)?;
            let beta = ctx.param("q.beta", 15.0, Constraint::Positive)?;
            arm.sample(ctx, "fairness", Beta::new(alpha, beta)?.without_rsample(), None).map(drop)
        }),
        rate: 5e-4,
        warm_up: 0,
        draws: Draws::Interval("fairness"),
        event: false,
        enumerable: false,
        effort: Effort::SMALL,
    })
}
