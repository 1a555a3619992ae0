//! Plates whose rows meet: through the host, or through a global latent. Charging each row with its
//! own costs would be biased here, so it has to end.

use super::plates::three_bits;
use super::vector;
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{Theta, bernoulli, coin, enumerated, normal};
use candle_core::{Device, Tensor};
use rushlight::Traced;
use rushlight::prelude::*;

const DATA: [f64; 3] = [1.6, -0.5, 0.8];

fn data() -> Result<Tensor> {
    vector(&DATA)
}

/// A plated value is read to the host, and its rows, in another order, become parameters in the
/// same plate.
pub const HOST_READ: Row = Row {
    name: "host_read",
    data,
    model: host_model,
    guide: host_guide,
    loss: host_loss,
    n: 1_000,
};

/// Row r gets what row r + 1 has.
fn rotated(z: &Traced) -> Result<Tensor> {
    let mut rows = z.to_vec1::<f64>()?;
    rows.rotate_left(1);
    Ok(Tensor::new(rows, &Device::Cpu)?)
}

fn host_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.plate("rows", 3, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        let other = rotated(&z)?;
        let y = ctx.sample("y", Bernoulli::from_logits(other.affine(1.2, -0.5)?)?)?;
        ctx.observe("x", Normal::new(((w * y)? + (0.7 * z)?)?, 1.0)?, x)
    })
}

fn host_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2, 0.7], Constraint::Real)?;
    let c = ctx.param("c", 1.1, Constraint::Real)?;
    let d = ctx.param("d", [-0.3, 0.2, 0.5], Constraint::Real)?;
    ctx.plate("rows", 3, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[3])?)?;
        let z = ctx.sample("z", draw)?;
        let y = Bernoulli::from_logits(((c * rotated(&z)?)? + d)?)?;
        let draw = baselines.on(ctx, y, &x.unsqueeze(1)?)?;
        ctx.sample("y", draw).map(drop)
    })
}

fn host_loss(t: &Theta) -> f64 {
    enumerated(6, |bits| {
        let (z, y) = bits.split_at(3);
        let (mut q, mut p) = (0.0, 0.0);
        for r in 0..3 {
            let other = z[(r + 1) % 3];
            q += bernoulli(t.at("a", r), z[r]) + bernoulli(t.get("c") * other + t.at("d", r), y[r]);
            p += coin(0.3, z[r]) + bernoulli(1.2 * other - 0.5, y[r]);
            p += normal(DATA[r], t.get("w") * y[r] + 0.7 * z[r], 1.0);
        }
        (q, p)
    })
}

/// Every row enters a global latent, which enters every row.
pub const THROUGH_GLOBAL: Row = Row {
    name: "through_global",
    data,
    model: global_model,
    guide: global_guide,
    loss: global_loss,
    n: 1_000,
};

fn global_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let z = ctx.plate("rows", 3, |ctx| ctx.sample("z", Bernoulli::new(0.3)?))?;
    let g = ctx.sample("g", Bernoulli::from_logits(z.sum(0)?.affine(0.8, -1.0)?)?)?;
    ctx.plate("rows", 3, |ctx| {
        let y = ctx.sample("y", Bernoulli::from_logits((&z + (1.5 * &g)?)?)?)?;
        ctx.observe("x", Normal::new(((w * y)? + g)?, 1.0)?, x)
    })
}

fn global_guide(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", [0.4, -0.2, 0.7], Constraint::Real)?;
    let b = ctx.param("b", 0.6, Constraint::Real)?;
    let c = ctx.param("c", 1.3, Constraint::Real)?;
    let d = ctx.param("d", [-0.3, 0.2, 0.5], Constraint::Real)?;
    let z = ctx.plate("rows", 3, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[3])?)?;
        ctx.sample("z", draw)
    })?;
    let g = Bernoulli::from_logits(((b * z.sum(0)?)? - 0.7)?)?;
    let draw = baselines.on(ctx, g, &constant(&[])?)?;
    let g = ctx.sample("g", draw)?;
    ctx.plate("rows", 3, |ctx| {
        let y = Bernoulli::from_logits(((c * (g - 0.5)?)? + (d * z)?)?)?;
        let draw = baselines.on(ctx, y, &x.unsqueeze(1)?)?;
        ctx.sample("y", draw).map(drop)
    })
}

fn global_loss(t: &Theta) -> f64 {
    enumerated(7, |bits| {
        let (z, y, g) = (&bits[..3], &bits[3..6], bits[6]);
        let sum: f64 = z.iter().sum();
        let mut q = bernoulli(t.get("b") * sum - 0.7, g);
        let mut p = bernoulli(0.8 * sum - 1.0, g);
        for r in 0..3 {
            q += bernoulli(t.at("a", r), z[r]);
            q += bernoulli(t.get("c") * (g - 0.5) + t.at("d", r) * z[r], y[r]);
            p += coin(0.3, z[r]) + bernoulli(z[r] + 1.5 * g, y[r]);
            p += normal(DATA[r], t.get("w") * y[r] + g, 1.0);
        }
        (q, p)
    })
}

/// The guide's rows are independent, but the model's prior of one latent reads all rows of another.
pub const MODEL_MIXES: Row = Row {
    name: "model_mixes",
    data,
    model: mixing_model,
    guide: two_plated,
    loss: mixing_loss,
    n: 1_000,
};

fn mixing_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.plate("rows", 3, |ctx| {
        let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
        let all: f64 = z.to_vec1::<f64>()?.iter().sum();
        let y = ctx.sample("y", Bernoulli::from_logits(2.0 * all - 2.5)?)?;
        ctx.observe("x", Normal::new((w * y)?, 1.0)?, x)
    })
}

fn two_plated(ctx: &mut Ctx, x: &Tensor, baselines: Baselines) -> Result<()> {
    three_bits(ctx, x, baselines)?;
    let d = ctx.param("d", [-0.3, 0.2, 0.5], Constraint::Real)?;
    ctx.plate("rows", 3, |ctx| {
        let draw = baselines.on(ctx, Bernoulli::from_logits(d)?, &x.unsqueeze(1)?)?;
        ctx.sample("y", draw).map(drop)
    })
}

fn mixing_loss(t: &Theta) -> f64 {
    enumerated(6, |bits| {
        let (z, y) = bits.split_at(3);
        let all: f64 = z.iter().sum();
        let (mut q, mut p) = (0.0, 0.0);
        for r in 0..3 {
            q += bernoulli(t.at("a", r), z[r]) + bernoulli(t.at("d", r), y[r]);
            p += coin(0.3, z[r]) + bernoulli(2.0 * all - 2.5, y[r]);
            p += normal(DATA[r], t.get("w") * y[r], 1.0);
        }
        (q, p)
    })
}
