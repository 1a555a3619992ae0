//! The models whose latents are scalars: bits, classes and counts, and a branch.

use super::Programs;
use super::case::Case;
use rushlight::prelude::*;

pub const SINGLE: Programs = Programs::of("single_bernoulli", single_model, single_guide);

fn single_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (l, mu) = (c.param(ctx, "l")?, c.param(ctx, "mu")?);
    let z = ctx.sample("z", Bernoulli::from_logits(l)?)?;
    let loc = z.to_dtype(DType::U32)?.select_from(mu, 0)?;
    ctx.observe("x", Normal::new(loc, c.number("s"))?, c.x()?)
}

fn single_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    ctx.sample("z", c.one("z", Bernoulli::from_logits(a)?)).map(drop)
}

pub const TWO: Programs = Programs::of("two_bernoullis", two_model, two_guide);

fn two_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let l2 = c.param(ctx, "l2")?;
    let z1 = ctx.sample("z1", Bernoulli::from_logits(c.number("l1"))?)?;
    let l2 = z1.to_dtype(DType::U32)?.select_from(l2, 0)?;
    let z2 = ctx.sample("z2", Bernoulli::from_logits(l2)?)?;
    let loc = ((z1 * c.number("c1"))? + (z2 * c.number("c2"))?)?;
    ctx.observe("x", Normal::new((loc + c.number("c0"))?, c.number("s"))?, c.x()?)
}

fn two_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (a, b) = (c.param(ctx, "a")?, c.param(ctx, "b")?);
    ctx.sample("z1", c.one("z1", Bernoulli::from_logits(a)?))?;
    ctx.sample("z2", c.one("z2", Bernoulli::from_logits(b)?)).map(drop)
}

pub const CHAIN: Programs = Programs::of("guide_chain", chain_model, chain_guide);

fn chain_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    let mut logit = c.constant("l1")?.into();
    for i in 0..3 {
        let z = ctx.sample(&format!("z{}", i + 1), Bernoulli::from_logits(&logit)?)?;
        let dist = Normal::new((&mu * &z)?, c.number("s"))?;
        ctx.observe(&format!("x{}", i + 1), dist, x.get(i)?)?;
        if i < 2 {
            let next = c.constant(["l2", "l3"][i])?;
            logit = z.to_dtype(DType::U32)?.select_from(next, 0)?;
        }
    }
    Ok(())
}

fn chain_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let mut logit = c.param(ctx, "a")?;
    for name in ["z1", "z2", "z3"] {
        let z = ctx.sample(name, c.one(name, Bernoulli::from_logits(&logit)?))?;
        if name != "z3" {
            let next = c.param(ctx, if name == "z1" { "b" } else { "c" })?;
            logit = z.to_dtype(DType::U32)?.select_from(next, 0)?;
        }
    }
    Ok(())
}

pub const SCALED: Programs = Programs::of("scaled", scaled_model, scaled_guide);

fn scaled_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let mu = c.param(ctx, "mu")?;
    ctx.scaled(c.number("scale"), |ctx| {
        let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
        let ly = z.to_dtype(DType::U32)?.select_from(c.constant("ly")?, 0)?;
        let y = ctx.sample("y", Bernoulli::from_logits(ly)?)?;
        ctx.observe("x", Normal::new(((mu * y)? + z)?, c.number("s"))?, c.x()?)
    })
}

fn scaled_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (a, b) = (c.param(ctx, "a")?, c.param(ctx, "b")?);
    ctx.scaled(c.number("scale"), |ctx| {
        let z = ctx.sample("z", c.one("z", Bernoulli::from_logits(a)?))?;
        let b = z.to_dtype(DType::U32)?.select_from(b, 0)?;
        ctx.sample("y", c.one("y", Bernoulli::from_logits(b)?)).map(drop)
    })
}

pub const BRANCH: Programs = Programs::of("branch_on_latent", branch_model, branch_guide);

fn branch_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let mu0 = c.param(ctx, "mu0")?;
    let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
    let x = match z.to_scalar::<f64>()? == 1.0 {
        true => {
            let w = ctx.sample("w", Bernoulli::from_logits(c.number("lw"))?)?;
            Normal::new((w + c.number("mu1"))?, c.number("s1"))?
        }
        false => Normal::new(mu0, c.number("s0"))?,
    };
    ctx.observe("x", x, c.x()?)
}

fn branch_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (a, b) = (c.param(ctx, "a")?, c.param(ctx, "b")?);
    let z = ctx.sample("z", c.one("z", Bernoulli::from_logits(a)?))?;
    if z.to_scalar::<f64>()? == 1.0 {
        ctx.sample("w", c.one("w", Bernoulli::from_logits(b)?))?;
    }
    Ok(())
}

pub const CLASSES: Programs = Programs::of("categorical_chain", classes_model, classes_guide);

fn classes_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    let mut logits = c.constant("w0")?.into();
    for i in 0..3 {
        let z = ctx.sample(&format!("z{i}"), Categorical::from_logits(&logits)?)?;
        let dist = Normal::new(z.select_from(&mu, 0)?, c.number("s"))?;
        ctx.observe(&format!("x{i}"), dist, x.get(i)?)?;
        logits = z.select_from(c.constant("T")?, 0)?;
    }
    Ok(())
}

fn classes_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mut logits, b) = (c.param(ctx, "a")?, c.param(ctx, "b")?);
    for (i, name) in ["z0", "z1", "z2"].into_iter().enumerate() {
        let z = ctx.sample(name, c.one(name, Categorical::from_logits(&logits)?))?;
        if i < 2 {
            logits = z.select_from(b.get(i)?, 0)?;
        }
    }
    Ok(())
}

pub const POISSON: Programs = Programs::of("poisson_latent", poisson_model, poisson_guide);

fn poisson_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let g = c.param(ctx, "g")?;
    let z = ctx.sample("z", Poisson::new(c.constant("r0")?)?)?;
    ctx.observe("x", Normal::new((g * z)?, c.number("s"))?, c.x()?)
}

fn poisson_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let rate = c.param(ctx, "lr")?.exp()?;
    c.z(ctx, Poisson::new(rate)?).map(drop)
}

pub const GEOMETRIC: Programs = Programs::of("geometric_latent", geometric_model, geometric_guide);

fn geometric_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let g = c.param(ctx, "g")?;
    let z = ctx.sample("z", Geometric::from_logits(c.constant("l")?)?)?;
    ctx.observe("x", Normal::new((g * z)?, c.number("s"))?, c.x()?)
}

fn geometric_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    c.z(ctx, Geometric::from_logits(a)?).map(drop)
}

pub const RENYI: Programs = Programs::of("renyi", renyi_model, renyi_guide);

fn renyi_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let mu = c.param(ctx, "mu")?;
    let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
    ctx.observe("x", Normal::new((mu * z)?, c.number("s"))?, c.x()?)
}

fn renyi_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    ctx.sample("z", c.one("z", Bernoulli::from_logits(a)?)).map(drop)
}
