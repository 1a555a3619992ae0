//! The coin: a Beta guide without gradients of its draws, ten flips. Its loss is a Kullback-Leibler
//! divergence of Betas and a constant, both in closed form.

use crate::baselines::{Baselines, constant};
use crate::harness::Row;
use crate::numbers::Theta;
use candle_core::{Device, Tensor};
use rushlight::prelude::*;
use rushlight::special;

pub const COIN: Row = Row { name: "coin", data, model, guide, loss, n: 2_000 };

/// At `Beta(15, 15)`, by hand: `∓15 ψ'(15)`, where ψ' is the trigamma function.
pub const GOLDEN: [f64; 2] = [-1.034_073_4, 1.034_073_4];

fn data() -> Result<Tensor> {
    super::vector(&[1., 1., 1., 1., 1., 1., 0., 0., 0., 0.])
}

fn model(ctx: &mut Ctx, flips: &Tensor) -> Result<()> {
    let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ctx.plate("flips", flips.elem_count(), |ctx| {
        ctx.observe("obs", Bernoulli::new(&fairness)?, flips)
    })
}

fn guide(ctx: &mut Ctx, _: &Tensor, baselines: Baselines) -> Result<()> {
    let alpha = ctx.param("alpha", 15.0, Constraint::Positive)?;
    let beta = ctx.param("beta", 15.0, Constraint::Positive)?;
    let fairness = Beta::new(alpha, beta)?.without_rsample();
    let draw = baselines.on(ctx, fairness, &constant(&[])?)?;
    ctx.sample("fairness", draw).map(drop)
}

/// `KL(Beta(α, β) ‖ Beta(16, 14)) − ln B(16, 14) + ln B(10, 10)`
fn loss(t: &Theta) -> f64 {
    let (a, b) = (t.get("alpha").exp(), t.get("beta").exp());
    let (a0, b0) = (16.0, 14.0);
    let kl = ln_beta(a0, b0) - ln_beta(a, b)
        + (a - a0) * digamma(a)
        + (b - b0) * digamma(b)
        + (a0 - a + b0 - b) * digamma(a + b);
    kl - ln_beta(a0, b0) + ln_beta(10.0, 10.0)
}

fn of_one(x: f64, f: fn(&Tensor) -> candle_core::Result<Tensor>) -> f64 {
    let y = Tensor::new(x, &Device::Cpu).and_then(|x| f(&x)?.to_scalar());
    y.expect("a special function of a number")
}

fn ln_beta(a: f64, b: f64) -> f64 {
    of_one(a, special::ln_gamma) + of_one(b, special::ln_gamma) - of_one(a + b, special::ln_gamma)
}

fn digamma(x: f64) -> f64 {
    of_one(x, special::digamma)
}
