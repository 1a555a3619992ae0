//! The toy of Tucker et al. (2017), "REBAR", section 5.1: `min_θ E[(b − t)²]`, `b ~ Bernoulli(θ)`, `t = 0.499`.

use crate::problem::{Draws, Effort, Problem};
use rushlight::prelude::*;

pub const T: f64 = 0.499;

/// What the model says of the bits but for their cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Prior {
    /// The guide's distribution at every step: the two take each other out, and what is left is the toy.
    Guide,
    /// The guide's distribution at its start: an ELBO, whose costs change as the guide does.
    Start,
}

impl Prior {
    /// What a problem with it is called.
    pub fn name(self, toy: &str) -> String {
        match self {
            Self::Guide => toy.to_owned(),
            Self::Start => format!("{toy}-prior"),
        }
    }

    /// The log-odds of the model's bits, given those of the guide's at their start; no gradient runs through them.
    pub fn logits(self, ctx: &mut Ctx, name: &str, start: Tensor) -> Result<Traced> {
        match self {
            Self::Guide => Ok(ctx.param(name, start, Constraint::Real)?.detach()),
            Self::Start => Ok(start.into()),
        }
    }
}

/// One bit.
pub fn problem(theta: f64, prior: Prior) -> Result<Problem> {
    let start = move || Tensor::new((theta / (1.0 - theta)).ln(), &Device::Cpu);
    Ok(Problem {
        name: prior.name(&format!("tucker-{theta}")),
        about: format!("E (b - {T})^2, b ~ Bernoulli({theta})"),
        dtype: DType::F64,
        data: vec![start()?],
        model: Box::new(move |ctx, start| {
            let logit = prior.logits(ctx, "q.logit", start.clone())?;
            let b = ctx.sample("b", Bernoulli::from_logits(logit)?)?;
            ctx.factor("cost", b.affine(1.0, -T)?.sqr()?.neg()?)
        }),
        guide: Box::new(move |ctx, start, arm| {
            let logit = ctx.param("q.logit", start.clone(), Constraint::Real)?;
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
