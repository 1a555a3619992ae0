//! The models with plates, each in two spellings: in plates, and latent by latent.
//!
//! The file's latents are the rows; it numbers the outer plate first.

use super::Programs;
use super::case::Case;
use candle_core::Tensor;
use rushlight::Traced;
use rushlight::prelude::*;

fn keys(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("z{i}")).collect()
}

pub const COINS: Programs = Programs::of("bernoulli_plate", coins_model, coins_guide);
pub const COINS_APART: Programs = Programs::apart("bernoulli_plate", coins_one, coins_one_guide);

fn coin_loc(mu: &Traced, z: &Traced) -> Result<Traced> {
    Ok((mu * ((z * 2.0)? - 1.0)?)?)
}

fn coins_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    ctx.plate("data", 5, |ctx| {
        let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
        ctx.observe("x", Normal::new(coin_loc(&mu, &z)?, c.number("s"))?, x)
    })
}

fn coins_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    ctx.plate("data", 5, |ctx| {
        ctx.sample("z", c.rows(keys(5), &[5], Bernoulli::from_logits(a)?)).map(drop)
    })
}

fn coins_one(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    for i in 0..5 {
        let z = ctx.sample(&format!("z{i}"), Bernoulli::from_logits(c.number("l"))?)?;
        let dist = Normal::new(coin_loc(&mu, &z)?, c.number("s"))?;
        ctx.observe(&format!("x{i}"), dist, x.get(i)?)?;
    }
    Ok(())
}

fn coins_one_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    for (i, key) in keys(5).iter().enumerate() {
        ctx.sample(key, c.one(key, Bernoulli::from_logits(a.get(i)?)?))?;
    }
    Ok(())
}

pub const MASKED: Programs = Programs::of("masked", masked_model, coins_guide);
pub const MASKED_APART: Programs = Programs::apart("masked", masked_one, coins_one_guide);

fn masked_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x, mask) = (c.param(ctx, "mu")?, c.x()?, c.data("mask")?);
    ctx.plate("data", 5, |ctx| {
        let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
        ctx.masked(mask, |ctx| ctx.observe("x", Normal::new((mu * z)?, c.number("s"))?, x))
    })
}

fn masked_one(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x, mask) = (c.param(ctx, "mu")?, c.x()?, c.data("mask")?);
    for i in 0..5 {
        let z = ctx.sample(&format!("z{i}"), Bernoulli::from_logits(c.number("l"))?)?;
        ctx.masked(mask.get(i)?, |ctx| {
            let dist = Normal::new((&mu * z)?, c.number("s"))?;
            ctx.observe(&format!("x{i}"), dist, x.get(i)?)
        })?;
    }
    Ok(())
}

pub const GMM: Programs = Programs::of("gmm", gmm_model, gmm_guide);
pub const GMM_APART: Programs = Programs::apart("gmm", gmm_one, gmm_one_guide);

fn gmm_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (w, mu, x) = (c.param(ctx, "w")?, c.param(ctx, "mu")?, c.x()?);
    ctx.plate("data", 6, |ctx| {
        let z = ctx.sample("z", Categorical::from_logits(w)?)?;
        ctx.observe("x", Normal::new(z.select_from(mu, 0)?, c.number("s"))?, x)
    })
}

fn gmm_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let phi = c.param(ctx, "phi")?;
    ctx.plate("data", 6, |ctx| {
        ctx.sample("z", c.rows(keys(6), &[6], Categorical::from_logits(phi)?)).map(drop)
    })
}

fn gmm_one(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (w, mu, x) = (c.param(ctx, "w")?, c.param(ctx, "mu")?, c.x()?);
    for i in 0..6 {
        let z = ctx.sample(&format!("z{i}"), Categorical::from_logits(&w)?)?;
        let dist = Normal::new(z.select_from(&mu, 0)?, c.number("s"))?;
        ctx.observe(&format!("x{i}"), dist, x.get(i)?)?;
    }
    Ok(())
}

fn gmm_one_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let phi = c.param(ctx, "phi")?;
    for (i, key) in keys(6).iter().enumerate() {
        ctx.sample(key, c.one(key, Categorical::from_logits(phi.get(i)?)?))?;
    }
    Ok(())
}

pub const NESTED: Programs = Programs::of("nested_plates", nested_model, nested_guide);
pub const NESTED_APART: Programs = Programs::apart("nested_plates", nested_one, nested_one_guide);

fn nested_loc(c: &Case, mu: &Traced, w: &Traced, z: &Traced) -> Result<Traced> {
    Ok(((mu * w)? + (z * c.number("d"))?)?)
}

fn nested_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?.t()?);
    ctx.plate("outer", 2, |ctx| {
        let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
        ctx.plate("inner", 3, |ctx| {
            let lw = z.to_dtype(DType::U32)?.select_from(c.constant("lw")?, 0)?;
            let w = ctx.sample("w", Bernoulli::from_logits(lw)?)?;
            ctx.observe("x", Normal::new(nested_loc(c, &mu, &w, &z)?, c.number("s"))?, x)
        })
    })
}

fn nested_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (a, b, slope) = (c.param(ctx, "a")?, c.param(ctx, "b")?, c.param(ctx, "c")?);
    // The inner plate is the dim to the left.
    let inner = (0..3).flat_map(|j| (0..2).map(move |i| format!("w{i}{j}"))).collect();
    ctx.plate("outer", 2, |ctx| {
        let z = ctx.sample("z", c.rows(keys(2), &[2], Bernoulli::from_logits(a)?))?;
        ctx.plate("inner", 3, |ctx| {
            let w = Bernoulli::from_logits((b.t()? + (slope * z)?)?)?;
            ctx.sample("w", c.rows(inner, &[3, 2], w)).map(drop)
        })
    })
}

fn nested_one(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    for i in 0..2 {
        let z = ctx.sample(&format!("z{i}"), Bernoulli::from_logits(c.number("l"))?)?;
        let lw = z.to_dtype(DType::U32)?.select_from(c.constant("lw")?, 0)?;
        for j in 0..3 {
            let w = ctx.sample(&format!("w{i}{j}"), Bernoulli::from_logits(&lw)?)?;
            let dist = Normal::new(nested_loc(c, &mu, &w, &z)?, c.number("s"))?;
            ctx.observe(&format!("x{i}{j}"), dist, x.get(i)?.get(j)?)?;
        }
    }
    Ok(())
}

fn nested_one_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (a, b, slope) = (c.param(ctx, "a")?, c.param(ctx, "b")?, c.param(ctx, "c")?);
    for i in 0..2 {
        let key = format!("z{i}");
        let z = ctx.sample(&key, c.one(&key, Bernoulli::from_logits(a.get(i)?)?))?;
        for j in 0..3 {
            let key = format!("w{i}{j}");
            let w = Bernoulli::from_logits((b.get(i)?.get(j)? + (&slope * &z)?)?)?;
            ctx.sample(&key, c.one(&key, w))?;
        }
    }
    Ok(())
}

pub const SUBSAMPLED: Programs =
    Programs::of("subsampled_plate", subsampled_model, subsampled_guide);
pub const SUBSAMPLED_APART: Programs =
    Programs::apart("subsampled_plate", subsampled_one, subsampled_one_guide);

/// The plate of two of six rows: the point's, or any.
fn two_of_six(
    ctx: &mut Ctx,
    c: &Case,
    body: impl FnOnce(&mut Ctx, &Tensor) -> Result<()>,
) -> Result<()> {
    match &c.point.rows {
        None => ctx.subsample("data", 6, 2, body),
        Some(rows) => {
            let rows = Tensor::new(rows.as_slice(), &Device::Cpu)?;
            ctx.subsample_rows("data", 6, rows, body)
        }
    }
}

fn subsampled_model(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    two_of_six(ctx, c, |ctx, _| {
        let z = ctx.sample("z", Bernoulli::from_logits(c.number("l"))?)?;
        let x = ctx.select_rows(x, 0)?;
        ctx.observe("x", Normal::new((mu * z)?, c.number("s"))?, x)
    })
}

fn subsampled_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    two_of_six(ctx, c, |ctx, rows| {
        let keys = rows.to_vec1::<u32>()?.into_iter().map(|i| format!("z{i}")).collect();
        let z = Bernoulli::from_logits(ctx.select_rows(a, 0)?)?;
        ctx.sample("z", c.rows(keys, &[2], z)).map(drop)
    })
}

/// The rows of this point: without a plate, there have to be some.
fn rows_of(c: &Case) -> impl Iterator<Item = usize> + '_ {
    let rows = c.point.rows.as_ref().expect("rows of the point");
    rows.iter().map(|&i| i as usize)
}

fn subsampled_one(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let (mu, x) = (c.param(ctx, "mu")?, c.x()?);
    ctx.scaled(3.0, |ctx| {
        for i in rows_of(c) {
            let z = ctx.sample(&format!("z{i}"), Bernoulli::from_logits(c.number("l"))?)?;
            let dist = Normal::new((&mu * z)?, c.number("s"))?;
            ctx.observe(&format!("x{i}"), dist, x.get(i)?)?;
        }
        Ok(())
    })
}

fn subsampled_one_guide(ctx: &mut Ctx, c: &Case) -> Result<()> {
    let a = c.param(ctx, "a")?;
    ctx.scaled(3.0, |ctx| {
        for i in rows_of(c) {
            let key = format!("z{i}");
            ctx.sample(&key, c.one(&key, Bernoulli::from_logits(a.get(i)?)?))?;
        }
        Ok(())
    })
}
