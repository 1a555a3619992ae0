//! The toy of 200 bits, `min_θ E (1/D) Σ (b_i − t)²`, one event.

use super::tucker::{Prior, T};
use crate::problem::{Draws, Effort, Problem};
use rushlight::ParamStore;
use rushlight::prelude::*;

const D: usize = 200;

/// The sum is the log-density of a normal with variance `D/2`, up to a constant.
pub fn problem(prior: Prior) -> Result<Problem> {
    Ok(Problem {
        name: prior.name("bits-200"),
        about: format!("E (1/D) sum (b_i - {T})^2, D = {D} fair bits, one event"),
        dtype: DType::F64,
        data: vec![Tensor::zeros(D, DType::F64, &Device::Cpu)?],
        model: Box::new(move |ctx, start| {
            let logits = prior.logits(ctx, "q.logits", start.clone())?;
            let b = ctx.sample("b", Bernoulli::from_logits(logits)?.to_event(1))?;
            let cost = Normal::new(b, (D as f64 / 2.0).sqrt())?.to_event(1);
            ctx.observe("cost", cost, Tensor::full(T, D, &Device::Cpu)?)
        }),
        guide: Box::new(|ctx, start, arm| {
            let logits = ctx.param("q.logits", start.clone(), Constraint::Real)?;
            arm.sample(ctx, "b", Bernoulli::from_logits(logits)?.to_event(1), None).map(drop)
        }),
        rate: 0.01,
        warm_up: 0,
        draws: Draws::Apart { site: "b", probs },
        event: true,
        enumerable: false,
        effort: Effort::SMALL,
    })
}

fn probs(params: &ParamStore) -> Result<Vec<Vec<f64>>> {
    let one = rushlight::special::sigmoid(&params.value("q.logits")?)?.to_vec1::<f64>()?;
    Ok(vec![one.iter().map(|p| 1.0 - p).collect(), one])
}
