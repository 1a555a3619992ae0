//! The models with continuous latents.

use super::Programs;
use super::case::Case;
use rushlight::prelude::*;

pub const COIN: Programs = Programs::of("beta_coin", coin_model, coin_guide);

fn coin_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let z = ctx.sample("z", Beta::new(c.constant("a0")?, c.constant("b0")?)?)?;
    ctx.plate("data", 10, |ctx| ctx.observe("x", Bernoulli::new(z)?, c.x()?))
}

/// The file has it by the score function.
fn coin_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (la, lb) = (c.param(ctx, "la")?, c.param(ctx, "lb")?);
    c.z(ctx, Beta::new(la.exp()?, lb.exp()?)?.without_rsample()).map(drop)
}

pub const NORMAL: Programs = Programs::of("normal_normal", normal_model, normal_guide);

fn normal_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let scale = c.param(ctx, "lobs")?.exp()?;
    let mu = ctx.sample("mu", Normal::new(c.constant("m0")?, c.constant("s0")?)?)?;
    ctx.plate("data", 4, |ctx| ctx.observe("x", Normal::new(mu, scale)?, c.x()?))
}

fn normal_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (loc, scale) = (c.param(ctx, "loc")?, c.param(ctx, "ls")?.exp()?);
    c.normal(ctx, ("mu", 0), loc, scale).map(drop)
}

pub const POISSON: Programs = Programs::of("gamma_poisson", poisson_model, gamma_guide);

fn poisson_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let z = ctx.sample("z", Gamma::new(c.constant("a0")?, c.constant("b0")?)?)?;
    ctx.plate("data", 4, |ctx| ctx.observe("x", Poisson::new(z)?, c.x()?))
}

fn gamma_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (la, lb) = (c.param(ctx, "la")?, c.param(ctx, "lb")?);
    c.z(ctx, Gamma::new(la.exp()?, lb.exp()?)?).map(drop)
}

pub const EXPONENTIAL: Programs = Programs::of("gamma_exponential", exponential_model, gamma_guide);

fn exponential_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let z = ctx.sample("z", Gamma::new(c.constant("a0")?, c.constant("b0")?)?)?;
    ctx.plate("data", 3, |ctx| ctx.observe("x", Exponential::new(z)?, c.x()?))
}

pub const MIXED: Programs = Programs::of("mixed_reparam_discrete", mixed_model, mixed_guide);

fn mixed_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let z = ctx.sample("z", Bernoulli::from_logits(c.constant("l")?)?)?;
    let pm = z.to_dtype(DType::U32)?.select_from(c.constant("pm")?, 0)?;
    let w = ctx.sample("w", Normal::new(pm, c.number("ps"))?)?;
    ctx.observe("x", Normal::new(w, c.number("s"))?, c.x()?)
}

fn mixed_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (a, m, ls) = (c.param(ctx, "a")?, c.param(ctx, "m")?, c.param(ctx, "ls")?);
    let z = ctx.sample("z", c.one("z", Bernoulli::from_logits(a)?))?;
    let z = z.to_dtype(DType::U32)?;
    let (loc, scale) = (z.select_from(m, 0)?, z.select_from(ls.exp()?, 0)?);
    c.normal(ctx, ("w", 0), loc, scale).map(drop)
}

pub const CHAIN_3: Programs = Programs::of("gaussian_chain/0", chain_model, chain_guide);
pub const CHAIN_5: Programs = Programs::of("gaussian_chain/1", chain_model, chain_guide);

fn chain_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let x = c.x()?;
    let mut prior = Normal::new(c.constant("s0")?.zeros_like()?, c.constant("s0")?)?;
    for t in 0..x.elem_count() {
        let z = ctx.sample(&format!("z{t}"), prior)?;
        ctx.observe(&format!("x{t}"), Normal::new(&z, c.number("r"))?, x.get(t)?)?;
        prior = Normal::new((z * c.number("phi"))?, c.number("q"))?;
    }
    Ok(())
}

fn chain_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (m, k, ls) = (c.param(ctx, "m")?, c.param(ctx, "k")?, c.param(ctx, "ls")?);
    let scales = ls.exp()?;
    let mut loc = m.get(0)?;
    for t in 0..c.x()?.elem_count() {
        if t > 0 {
            loc = (m.get(t)? + loc)?;
        }
        let z = c.normal(ctx, (&format!("z{t}"), t), loc.clone(), scales.get(t)?)?;
        loc = match t + 1 < c.x()?.elem_count() {
            true => (k.get(t)? * z)?,
            false => z,
        };
    }
    Ok(())
}
