//! Ten latents, each with a datum of its own: independent, whether or not the program says so with
//! a plate.
//!
//! The three spellings have the same gradient in the mean. Their variances are compared in
//! `variance.rs`: tracked values are as good as a plate, and plain reads are charged with
//! everything that comes after.

use super::vector;
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, normal};
use candle_core::Tensor;
use rushlight::prelude::*;

/// Every value goes its way through methods of `Traced`.
pub const TRACKED: Row = Row { name: "pairs_tracked", model: tracked, ..PLATED_GUIDE_OFF };

/// Every value is read by `Deref`.
pub const DEREF: Row = Row { name: "pairs_deref", model: deref, ..PLATED_GUIDE_OFF };

/// One plate.
pub const PLATED: Row =
    Row { name: "pairs_plated", data, model: plated, guide: plated_guide, loss, n: 1_000 };

const PLATED_GUIDE_OFF: Row =
    Row { name: "", data, model: tracked, guide: one_by_one, loss, n: 500 };

const N: usize = 10;
const DATA: [f64; N] = [0.3, 1.8, -0.6, 2.4, 0.9, -1.1, 1.4, 0.2, 2.9, -0.3];
const LOGITS: [f64; N] = [0.4, -0.3, 0.6, 0.1, -0.5, 0.8, -0.2, 0.3, 0.5, -0.7];

fn data() -> Result<Tensor> {
    vector(&DATA)
}

fn tracked(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 1.3, Constraint::Real)?;
    for i in 0..N {
        let z = ctx.sample(&format!("z_{i}"), Bernoulli::new(0.4)?)?;
        ctx.observe(&format!("x_{i}"), Normal::new((&w * z)?, 1.0)?, x.get(i)?)?;
    }
    Ok(())
}

fn deref(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 1.3, Constraint::Real)?;
    for i in 0..N {
        let z = ctx.sample(&format!("z_{i}"), Bernoulli::new(0.4)?)?;
        ctx.observe(&format!("x_{i}"), Normal::new((&w * &*z)?, 1.0)?, x.get(i)?)?;
    }
    Ok(())
}

fn one_by_one(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let logits = ctx.param("logits", LOGITS, Constraint::Real)?;
    for i in 0..N {
        let z = Bernoulli::from_logits(logits.get(i)?)?;
        let draw = baselines.on(ctx, z, &constant(&[])?)?;
        ctx.sample(&format!("z_{i}"), draw)?;
    }
    Ok(())
}

fn plated(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 1.3, Constraint::Real)?;
    ctx.plate("rows", N, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.4)?)?;
        ctx.observe("x", Normal::new((w * z)?, 1.0)?, x)
    })
}

fn plated_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let logits = ctx.param("logits", LOGITS, Constraint::Real)?;
    ctx.plate("rows", N, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(logits)?, &x.unsqueeze(1)?)?;
        ctx.sample("z", draw).map(drop)
    })
}

fn loss(t: &Theta) -> f64 {
    let pair = |i: usize| {
        enumerated(1, |z| {
            let x = normal(DATA[i], t.get("w") * z[0], 1.0);
            (bernoulli(t.at("logits", i), z[0]), coin(0.4, z[0]) + x)
        })
    };
    (0..N).map(pair).sum()
}
