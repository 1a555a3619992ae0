//! Chains, in which each choice depends on the one before.

use crate::problem::{Draws, Effort, Problem};
use rushlight::Traced;
use rushlight::prelude::*;

const BITS: usize = 8;
const NORMALS: usize = 50;

fn number(x: f64) -> Result<Traced> {
    Ok(Traced::from(Tensor::new(x, &Device::Cpu)?))
}

/// Eight bits that tend to stay, each seen through noise. Its 256 outcomes can be summed over.
pub fn bits() -> Result<Problem> {
    let seen: Vec<f64> = (0..BITS).map(|t| 0.5 + (t as f64 * 0.9).sin()).collect();
    Ok(Problem {
        name: "chain-bits".into(),
        about: format!("hidden Markov chain of {BITS} bits, guide with the same dependence"),
        dtype: DType::F64,
        data: vec![Tensor::new(seen, &Device::Cpu)?],
        model: Box::new(|ctx, seen| {
            let mut z = number(0.5)?;
            for t in 0..BITS {
                z = ctx.sample(&format!("z_{t}"), Bernoulli::from_logits(z.affine(3.0, -1.5)?)?)?;
                ctx.observe(&format!("y_{t}"), Normal::new(&z, 0.7)?, seen.get(t)?)?;
            }
            Ok(())
        }),
        guide: Box::new(|ctx, _, arm| {
            let a = ctx.param("q.a", [0.0; BITS], Constraint::Real)?;
            let b = ctx.param("q.b", [0.5; BITS], Constraint::Real)?;
            let mut z = number(0.5)?;
            for t in 0..BITS {
                let logit = ((b.get(t)? * &z)? + a.get(t)?)?;
                z = arm.sample(ctx, &format!("z_{t}"), Bernoulli::from_logits(logit)?, None)?;
            }
            Ok(())
        }),
        rate: 0.02,
        warm_up: 100,
        draws: Draws::Finite,
        event: false,
        enumerable: true,
        effort: Effort { gradients: 4_000, groups: 30, ..Effort::SMALL },
    })
}

/// A random walk of fifty steps with a datum at its end, drawn without pathwise gradients: that of `benches/chain.rs`.
pub fn normals() -> Result<Problem> {
    Ok(Problem {
        name: "chain-normal".into(),
        about: format!("random walk of {NORMALS} steps, each around the one before"),
        dtype: DType::F64,
        data: vec![Tensor::new(0.5f64, &Device::Cpu)?],
        model: Box::new(|ctx, y| {
            let mut x = number(0.0)?;
            for t in 0..NORMALS {
                x = ctx.sample(&format!("x_{t}"), Normal::new(x, 1.0)?)?;
            }
            ctx.observe("y", Normal::new(x, 1.0)?, y)
        }),
        guide: Box::new(|ctx, _, arm| {
            let a = ctx.param("q.a", [0.5; NORMALS], Constraint::Real)?;
            let b = ctx.param("q.b", [0.0; NORMALS], Constraint::Real)?;
            let mut x = number(0.0)?;
            for t in 0..NORMALS {
                let q = Normal::new(((a.get(t)? * &x)? + b.get(t)?)?, 0.5)?.without_rsample();
                x = arm.sample(ctx, &format!("x_{t}"), q, None)?;
            }
            Ok(())
        }),
        rate: 0.01,
        warm_up: 100,
        draws: Draws::Sampled,
        event: false,
        enumerable: false,
        effort: Effort { gradients: 1_000, groups: 15, ..Effort::SMALL },
    })
}
