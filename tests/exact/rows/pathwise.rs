//! Pathwise and score-function latents in one guide, one below the other.

use super::nothing;
use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::{
    Theta, bernoulli, coin, enumerated, kl_normal, mean_normal, normal, over_normal,
};
use candle_core::Tensor;
use rushlight::prelude::*;

/// A normal whose mean is chosen by a bit.
pub const PATHWISE_BELOW: Row = Row {
    name: "pathwise_below",
    data: nothing,
    model: below_model,
    guide: below_guide,
    loss: below_loss,
    n: 2_000,
};

fn below_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.6, Constraint::Real)?;
    let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
    let u = ctx.sample("u", Normal::new(&z, 1.0)?)?;
    ctx.observe("x", Normal::new((u + (w * z)?)?, 1.0)?, 1.1)
}

fn below_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.4, Constraint::Real)?;
    let locs = ctx.param("locs", [-0.3, 0.9], Constraint::Real)?;
    let scale = ctx.param("scale", 0.7, Constraint::Positive)?;
    let draw = baselines.on(ctx, Bernoulli::from_logits(a)?, &constant(&[])?)?;
    let z = ctx.sample("z", draw)?;
    let loc = (locs.get(0)? + (z * (locs.get(1)? - locs.get(0)?)?)?)?;
    ctx.sample("u", Normal::new(loc, scale)?).map(drop)
}

fn below_loss(t: &Theta) -> f64 {
    enumerated(1, |z| {
        let z = z[0];
        let u = (t.at("locs", z as usize), t.get("scale").exp());
        let p = coin(0.3, z) + mean_normal(1.1, t.get("w") * z, u) - kl_normal(u, z);
        (bernoulli(t.get("a"), z), p)
    })
}

/// A bit whose log-odds a reparameterized normal feeds.
pub const SCORE_BELOW: Row = Row {
    name: "score_below",
    data: nothing,
    model: above_model,
    guide: above_guide,
    loss: above_loss,
    n: 2_000,
};

fn above_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 1.2, Constraint::Real)?;
    let u = ctx.sample("u", Normal::new(0.0, 1.0)?)?;
    let z = ctx.sample("z", Bernoulli::from_logits((0.8 * &u)?)?)?;
    ctx.observe("x", Normal::new((u + (w * z)?)?, 1.0)?, 1.1)
}

fn above_guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let loc = ctx.param("loc", 0.3, Constraint::Real)?;
    let scale = ctx.param("scale", 0.7, Constraint::Positive)?;
    let c = ctx.param("c", 0.9, Constraint::Real)?;
    let d = ctx.param("d", -0.2, Constraint::Real)?;
    let u = ctx.sample("u", Normal::new(loc, scale)?)?;
    let z = Bernoulli::from_logits(((c * u)? + d)?)?;
    let draw = baselines.on(ctx, z, &constant(&[])?)?;
    ctx.sample("z", draw).map(drop)
}

/// One integral, by quadrature.
fn above_loss(t: &Theta) -> f64 {
    let (loc, scale) = (t.get("loc"), t.get("scale").exp());
    let given_u = over_normal(|e| {
        let u = loc + scale * e;
        enumerated(1, |z| {
            let q = bernoulli(t.get("c") * u + t.get("d"), z[0]);
            (q, bernoulli(0.8 * u, z[0]) + normal(1.1, u + t.get("w") * z[0], 1.0))
        })
    });
    kl_normal((loc, scale), 0.0) + given_u
}
