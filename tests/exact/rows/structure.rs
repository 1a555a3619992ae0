//! Sites with event dims, and sites that only the guide has.

use super::{nothing, vector};
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, normal};
use candle_core::{Device, Tensor};
use rushlight::prelude::*;

/// Vectors of three bits in a plate of two: one cost a row, for all three bits.
pub const VECTOR: Row = Row {
    name: "vector",
    data,
    model: vector_model,
    guide: vector_guide,
    loss: vector_loss,
    n: 2_000,
};

const DATA: [f64; 2] = [1.3, -0.4];
const LOGITS: [[f64; 3]; 2] = [[0.2, -0.5, 0.7], [-0.1, 0.4, 0.3]];
const W: [f64; 3] = [1.1, -0.6, 0.8];

fn data() -> Result<Tensor> {
    vector(&DATA)
}

fn vector_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", W, Constraint::Real)?;
    ctx.plate("rows", 2, |ctx| {
        let z = ctx.sample("z", Bernoulli::new([0.3, 0.5, 0.6])?.expand(&[2, 3])?.to_event(1))?;
        ctx.observe("x", Normal::new((z * w)?.sum(1)?, 1.0)?, x)
    })
}

fn vector_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let logits = ctx.param("logits", Tensor::new(&LOGITS, &Device::Cpu)?, Constraint::Real)?;
    ctx.plate("rows", 2, |ctx| {
        let z = Bernoulli::from_logits(logits)?.to_event(1);
        let draw = baselines.on(ctx, z, &x.unsqueeze(1)?)?;
        ctx.sample("z", draw).map(drop)
    })
}

fn vector_loss(t: &Theta) -> f64 {
    let row = |r: usize| {
        enumerated(3, |z| {
            let q = (0..3).map(|i| bernoulli(t.at("logits", 3 * r + i), z[i])).sum();
            let p: f64 = z.iter().zip([0.3, 0.5, 0.6]).map(|(&z, p)| coin(p, z)).sum();
            let loc = (0..3).map(|i| z[i] * t.at("w", i)).sum();
            (q, p + normal(DATA[r], loc, 1.0))
        })
    };
    row(0) + row(1)
}

/// A bit that only the guide has, and that shifts the log-odds of one that the model has too.
pub const AUXILIARY: Row = Row {
    name: "auxiliary",
    data: nothing,
    model: auxiliary_model,
    guide: auxiliary_guide,
    loss: auxiliary_loss,
    n: 2_000,
};

fn auxiliary_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 1.2, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    ctx.observe("x", Normal::new((w * z)?, 1.0)?, 1.6)
}

fn auxiliary_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.7, Constraint::Real)?;
    let b = ctx.param("b", -0.4, Constraint::Real)?;
    let c = ctx.param("c", 1.5, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let h = ctx.sample("h", draw.auxiliary())?;
    let z = Bernoulli::from_logits((b + (c * h)?)?)?;
    let draw = baselines.on(ctx, z, &constant(&[])?)?;
    ctx.sample("z", draw).map(drop)
}

fn auxiliary_loss(t: &Theta) -> f64 {
    enumerated(2, |bits| {
        let [h, z] = [bits[0], bits[1]];
        let q = bernoulli(t.get("a"), h) + bernoulli(t.get("b") + t.get("c") * h, z);
        (q, coin(0.3, z) + normal(1.6, t.get("w") * z, 1.0))
    })
}

/// Guide and model draw two bits in opposite orders: each conditions on what the other starts with.
pub const FED: Row = Row {
    name: "fed",
    data: nothing,
    model: fed_model,
    guide: fed_guide,
    loss: fed_loss,
    n: 2_000,
};

fn fed_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 1.2, Constraint::Real)?;
    let y = ctx.sample("y", Bernoulli::new(0.6)?)?;
    let z = ctx.sample("z", Bernoulli::from_logits(y.affine(1.4, -0.5)?)?)?;
    ctx.observe("x", Normal::new(((w * z)? + y)?, 1.0)?, 1.6)
}

fn fed_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.7, Constraint::Real)?;
    let b = ctx.param("b", -0.4, Constraint::Real)?;
    let c = ctx.param("c", 1.5, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let z = ctx.sample("z", draw)?;
    let y = Bernoulli::from_logits((b + (c * z)?)?)?;
    let draw = baselines.on(ctx, y, &constant(&[])?)?;
    ctx.sample("y", draw).map(drop)
}

fn fed_loss(t: &Theta) -> f64 {
    enumerated(2, |bits| {
        let [z, y] = [bits[0], bits[1]];
        let q = bernoulli(t.get("a"), z) + bernoulli(t.get("b") + t.get("c") * z, y);
        let p = coin(0.6, y) + bernoulli(1.4 * y - 0.5, z);
        (q, p + normal(1.6, t.get("w") * z + y, 1.0))
    })
}
