//! The toy of Tucker et al. (2017), "REBAR", section 5.1: `min_θ E[(b − t)²]`, `b ~ Bernoulli(θ)`, `t = 0.499`.

use crate::problem::{Draws, Effort, Problem};
use rushlight::prelude::*;

pub const T: f64 = 0.499;

/// The model's prior is the guide's distribution at its start, so that there the two take each other out of the cost.
pub fn problem(theta: f64) -> Result<Problem> {
    Ok(Problem {
        name: format!("tucker-{theta}"),
        about: format!("E (b - {T})^2, b ~ Bernoulli({theta})"),
        dtype: DType::F64,
        data: vec![Tensor::new(0f64, &Device::Cpu)?],
        model: Box::new(move |ctx, _| {
            let b = ctx.sample("b", Bernoulli::new(theta)?)?;
            ctx.factor("cost", b.affine(1.0, -T)?.sqr()?.neg()?)
        }),
        guide: Box::new(move |ctx, _, arm| {
            let logit = ctx.param("q.logit", (theta / (1.0 - theta)).ln(), Constraint::Real)?;
            arm.sample(ctx, "b", Bernoulli::from_logits(logit)?, None).map(drop)
        }),
        rate: 0.01,
        warm_up: 0,
        draws: Draws::Finite,
        event: false,
        enumerable: true,
        effort: Effort::SMALL,
    })
}
