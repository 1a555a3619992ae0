//! Control flow, and other ways in which a value leaves the tracked world: what Pyro is silently
//! wrong on.

use super::nothing;
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, normal};
use candle_core::{Device, Tensor};
use rushlight::prelude::*;

/// A Rust `if` on a latent: a site exists on one side only, and the data's mean depends on the
/// side.
pub const BRANCH: Row = Row {
    name: "branch",
    data: nothing,
    model: branch_model,
    guide: branch_guide,
    loss: branch_loss,
    n: 2_000,
};

fn branch_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.8, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    let loc = if z.to_scalar::<f64>()? == 1.0 {
        let y = ctx.sample("y", Bernoulli::new(0.6)?)?;
        ((w * y)? + 1.0)?
    } else {
        (w * -1.0)?
    };
    ctx.observe("x", Normal::new(loc, 1.0)?, 1.4)
}

fn branch_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", -0.3, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let z = ctx.sample("z", draw)?;
    if z.to_scalar::<f64>()? == 1.0 {
        let draw = baselines.on(ctx, Bernoulli::from_logits(b)?, &constant(&[])?)?;
        ctx.sample("y", draw)?;
    }
    Ok(())
}

fn branch_loss(t: &Theta) -> f64 {
    let w = t.get("w");
    let with = enumerated(1, |y| {
        (bernoulli(t.get("b"), y[0]), coin(0.6, y[0]) + normal(1.4, 1.0 + w * y[0], 1.0))
    });
    let without = -normal(1.4, -w, 1.0);
    enumerated(1, |z| {
        let rest = if z[0] == 1.0 { with } else { without };
        (bernoulli(t.get("a"), z[0]), coin(0.3, z[0]) - rest)
    })
}

/// A `while` loop: bits until the first 0, each less likely than the one before.
pub const LOOP: Row = Row {
    name: "loop_",
    data: nothing,
    model: loop_model,
    guide: loop_guide,
    loss: loop_loss,
    n: 1_500,
};

fn loop_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.7, Constraint::Real)?;
    let mut k = 0;
    while ctx.sample(&format!("z_{k}"), Bernoulli::new(0.15)?)?.to_scalar::<f64>()? == 1.0 {
        k += 1;
    }
    ctx.observe("x", Normal::new((w * k)?, 1.0)?, 1.9)
}

fn loop_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.9, Constraint::Real)?;
    let b = ctx.param("b", -0.3, Constraint::Real)?;
    let mut k = 0;
    loop {
        let z = Bernoulli::from_logits((&a + (&b * k)?)?)?;
        let draw = baselines.on(ctx, z, &constant(&[])?)?;
        if ctx.sample(&format!("z_{k}"), draw)?.to_scalar::<f64>()? == 0.0 {
            return Ok(());
        }
        k += 1;
    }
}

/// The series over the number of ones; at 60 the rest is far below rounding.
fn loop_loss(t: &Theta) -> f64 {
    let (mut loss, mut q, mut p) = (0.0, 0.0, 0.0);
    for k in 0..60 {
        let logit = t.get("a") + t.get("b") * f64::from(k);
        let ends = q + bernoulli(logit, 0.0);
        let x = normal(1.9, t.get("w") * f64::from(k), 1.0);
        loss += ends.exp() * (ends - p - coin(0.15, 0.0) - x);
        q += bernoulli(logit, 1.0);
        p += coin(0.15, 1.0);
    }
    loss
}

/// The user asks a distribution built from a latent: its `log_prob` decides a branch, its `mean`
/// becomes another site's parameter.
pub const ASKED: Row = Row {
    name: "asked",
    data: nothing,
    model: asked_model,
    guide: asked_guide,
    loss: asked_loss,
    n: 1_200,
};

fn asked_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.8, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    let y = ctx.sample("y", Bernoulli::new(0.6)?)?;
    let v = ctx.sample("v", Bernoulli::new(0.5)?)?;
    let mean = Normal::new((&z * 1.5)?, 1.0)?.mean()?;
    ctx.observe("x", Normal::new(((w * (y + v)?)? + mean)?, 1.0)?, 2.2)
}

fn asked_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let b = ctx.param("b", [-0.3, 0.9], Constraint::Real)?;
    let c = ctx.param("c", 0.7, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let z = ctx.sample("z", draw)?;

    // log N(0.9 | z, 1) is -0.92 for z = 1 and -1.32 for z = 0.
    let score = Normal::new(&z, 1.0)?.log_prob(&Tensor::new(0.9f64, &Device::Cpu)?)?;
    let side = usize::from(score.to_scalar::<f64>()? > -1.1);
    let draw = baselines.on(ctx, Bernoulli::from_logits(b.get(side)?)?, &constant(&[])?)?;
    let y = ctx.sample("y", draw)?;

    let mean = Bernoulli::new(y.affine(0.6, 0.2)?)?.mean()?;
    let draw = baselines.on(ctx, Bernoulli::from_logits((c * mean)?)?, &constant(&[])?)?;
    ctx.sample("v", draw).map(drop)
}

fn asked_loss(t: &Theta) -> f64 {
    enumerated(3, |bits| {
        let [z, y, v] = [bits[0], bits[1], bits[2]];
        let q = bernoulli(t.get("a"), z)
            + bernoulli(t.at("b", z as usize), y)
            + bernoulli(t.get("c") * (0.6 * y + 0.2), v);
        let x = normal(2.2, t.get("w") * (y + v) + 1.5 * z, 1.0);
        (q, coin(0.3, z) + coin(0.6, y) + coin(0.5, v) + x)
    })
}

/// The *shape* of a closure's result depends on a latent, and decides a parameter.
pub const SHAPE: Row = Row {
    name: "shape",
    data: nothing,
    model: shape_model,
    guide: shape_guide,
    loss: shape_loss,
    n: 2_000,
};

fn shape_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.8, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    let length = as_length(&z)?.elem_count();
    ctx.observe("x", Normal::new((w * length)?, 1.0)?, 1.7)
}

/// One element for 0, two for 1.
fn as_length(z: &rushlight::Traced) -> Result<rushlight::Traced> {
    Ok(z.map(|z| Tensor::zeros(1 + z.to_scalar::<f64>()? as usize, DType::F64, z.device()))?)
}

fn shape_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    ctx.sample("z", draw).map(drop)
}

fn shape_loss(t: &Theta) -> f64 {
    enumerated(1, |z| {
        let x = normal(1.7, t.get("w") * (1.0 + z[0]), 1.0);
        (bernoulli(t.get("a"), z[0]), coin(0.3, z[0]) + x)
    })
}
