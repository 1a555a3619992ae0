//! A sigmoid belief net of two layers on binary digits: Mnih, Gregor (2014), "Neural variational inference and learning in
//! belief networks".

#[path = "../../../examples/support/digits/idx.rs"]
mod idx;

use crate::problem::{Draws, Effort, Problem};
use rushlight::Linear;
use rushlight::prelude::*;
use std::path::Path;

const PIXELS: usize = 784;
const UNITS: usize = 200;
const BATCH: usize = 64;
const BATCHES: usize = 10;

/// Minibatches in turn along the run, the first of them at the point; pixels are binarized once.
pub fn problem(digits: &Path) -> Result<Problem> {
    let brightness = idx::images(&digits.join("train-images-idx3-ubyte.gz"), &Device::Cpu)?;
    let n = brightness.dim(0)?;
    // The files are in order of the classes: batches take every so many.
    let every = (n / (BATCH * BATCHES)).max(1);
    let batch = |b: usize| -> Result<Tensor> {
        let row = |i: usize| ((i * BATCHES + b) * every % n) as u32;
        let rows = Tensor::from_iter((0..BATCH).map(row), &Device::Cpu)?;
        let brightness = brightness.index_select(&rows, 0)?;
        let u = Rng::seed(b as u64).uniform(&[BATCH, PIXELS], DType::F32, &Device::Cpu)?;
        Ok(u.lt(&brightness)?.to_dtype(DType::F32)?)
    };
    Ok(Problem {
        name: "sbn".into(),
        about: format!("sigmoid belief net {UNITS}-{UNITS}-{PIXELS}, {BATCH} digits a step"),
        dtype: DType::F32,
        data: (0..BATCHES).map(batch).collect::<Result<_>>()?,
        model: Box::new(model),
        guide: Box::new(|ctx, x, arm| {
            let [first, second] = ctx.module("q", |vb| -> Result<[Linear; 2]> {
                let first = Linear::new(PIXELS, UNITS, vb.pp("first"))?;
                Ok([first, Linear::new(UNITS, UNITS, vb.pp("second"))?])
            })?;
            ctx.plate("digits", x.dim(0)?, |ctx| {
                let z1 = Bernoulli::from_logits(first.forward(x)?)?.to_event(1);
                let z1 = arm.sample(ctx, "z1", z1, Some(x))?;
                let logits = z1.map(|z| second.forward(z))?;
                let z2 = Bernoulli::from_logits(logits)?.to_event(1);
                arm.sample(ctx, "z2", z2, Some(x)).map(drop)
            })
        }),
        rate: 1e-3,
        warm_up: 50,
        draws: Draws::Sampled,
        event: false,
        enumerable: false,
        effort: Effort { gradients: 400, steps: 60, groups: 10, time: 20_000 },
    })
}

fn model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let zeros = || Ok(Tensor::zeros(UNITS, DType::F32, &Device::Cpu)?);
    let prior = ctx.param_with("p.top", Constraint::Real, zeros)?;
    let [second, first] = ctx.module("p", |vb| -> Result<[Linear; 2]> {
        let second = Linear::new(UNITS, UNITS, vb.pp("second"))?;
        Ok([second, Linear::new(UNITS, PIXELS, vb.pp("first"))?])
    })?;
    ctx.plate("digits", x.dim(0)?, |ctx| {
        let z2 = ctx.sample("z2", Bernoulli::from_logits(prior)?.to_event(1))?;
        let logits = z2.map(|z| second.forward(z))?;
        let z1 = ctx.sample("z1", Bernoulli::from_logits(logits)?.to_event(1))?;
        let logits = z1.map(|z| first.forward(z))?;
        ctx.observe("x", Bernoulli::from_logits(logits)?.to_event(1), x)
    })
}
