//! The toy of 200 bits, `min_θ E (1/D) Σ (b_i − t)²`, one event.

use super::tucker::T;
use crate::problem::{Draws, Effort, Problem};
use rushlight::ParamStore;
use rushlight::prelude::*;

const D: usize = 200;

/// The sum is the log-density of a normal with variance `D/2`, up to a constant. The prior is the guide at its start.
pub fn problem() -> Result<Problem> {
    Ok(Problem {
        name: "bits-200".into(),
        about: format!("E (1/D) sum (b_i - {T})^2, D = {D} fair bits, one event"),
        dtype: DType::F64,
        data: vec![Tensor::full(T, D, &Device::Cpu)?],
        model: Box::new(|ctx, t| {
            let fair = Tensor::full(0.5, D, &Device::Cpu)?;
            let b = ctx.sample("b", Bernoulli::new(fair)?.to_event(1))?;
            ctx.observe("cost", Normal::new(b, (D as f64 / 2.0).sqrt())?.to_event(1), t)
        }),
        guide: Box::new(|ctx, _, arm| {
            let zeros = || Ok(Tensor::zeros(D, DType::F64, &Device::Cpu)?);
            let logits = ctx.param_with("q.logits", Constraint::Real, zeros)?;
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
