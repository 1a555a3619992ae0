//! Rows of a plate that mix: found on the first step of a fit, and named.

use crate::text;
use rushlight::Traced;
use rushlight::prelude::*;

const ROWS: usize = 5;

fn guide(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let a = ctx.param("a", [0.3, -0.2, 0.5, 0.1, -0.4], Constraint::Real)?;
    ctx.plate("rows", ROWS, |ctx| ctx.sample("z", Bernoulli::from_logits(a)?).map(drop))
}

/// A model in which `mix` of the latents is observed.
fn step(mix: impl Fn(&Traced) -> Result<Traced> + Sync) -> Result<f64> {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        ctx.plate("rows", ROWS, |ctx| {
            let z = ctx.sample("z", Bernoulli::new(0.4)?)?;
            ctx.observe("x", Normal::new(mix(&z)?, 1.0)?, x)
        })
    };
    let x = Tensor::new(&[0.3f64, 1.2, -0.4, 0.8, 2.0], &Device::Cpu)?;
    Svi::new(model, guide).dtype(DType::F64).step(&x)
}

#[test]
fn rows_that_mix_in_the_model() {
    let found = text(step(|z| Ok(z.map(|z| z.cumsum(0))?)));
    assert_eq!(
        found,
        "plate `rows`: with row 1 of [\"z\"] drawn anew, row 2 of site `x` has another log-probability, \
         but rows of a plate are declared independent; find the op that mixes them (a sum, a `cumsum`, a \
         normalization along the plate), and let a site outside of the plate, or a plain `for`, take its \
         place"
    );
    let normalized = |z: &Traced| {
        let centered = z.map(|z| z.broadcast_sub(&z.mean_keepdim(0)?))?;
        Ok(centered)
    };
    assert!(text(step(normalized)).starts_with("plate `rows`: with row 1 of [\"z\"]"));
    let shifted = |z: &Traced| Ok(z.map(|z| z.roll(1, 0))?);
    assert!(text(step(shifted)).starts_with("plate `rows`: with row 1 of [\"z\"]"));
    let backwards = |z: &Traced| Ok(z.map(|z| z.roll(-1, 0))?);
    assert!(text(step(backwards)).starts_with("plate `rows`: with row 1 of [\"z\"]"));
    // As plain tensors, too.
    let read = |z: &Traced| Ok(Traced::from(Tensor::cumsum(z, 0)?));
    assert!(text(step(read)).starts_with("plate `rows`: with row 1 of [\"z\"]"));
}

#[test]
fn rows_that_stay_apart() {
    assert!(step(|z| Ok((z * 2.0)?)).is_ok());
    assert!(step(|z| Ok(z.map(|z| z.exp())?)).is_ok());
    // To the host and back is followed: all rows are charged together.
    let by_host = |z: &Traced| {
        let mut rows = z.to_vec1::<f64>()?;
        rows.rotate_left(2);
        Ok(Tensor::new(rows, &Device::Cpu)?.into())
    };
    assert!(step(by_host).is_ok());
}

/// A second site of the guide that takes over what the first mixed.
#[test]
fn rows_that_mix_in_the_guide() {
    let guide = |ctx: &mut Ctx, x: &Tensor| {
        guide(ctx, x)?;
        ctx.plate("more", 2, |ctx| {
            let u = ctx.sample("u", Bernoulli::from_logits([0.2, 0.7])?)?;
            let mixed = u.map(|u| u.cumsum(0))?;
            ctx.sample("v", Normal::new(mixed, 1.0)?).map(drop)
        })
    };
    let model = |ctx: &mut Ctx, _: &Tensor| {
        ctx.plate("rows", ROWS, |ctx| ctx.sample("z", Bernoulli::new(0.4)?))?;
        ctx.plate("more", 2, |ctx| {
            ctx.sample("u", Bernoulli::new(0.4)?)?;
            ctx.sample("v", Normal::new(0.0, 1.0)?).map(drop)
        })
    };
    let fit = || Svi::new(model, guide).dtype(DType::F64);
    let found = text(fit().step(&crate::scalar(0.0)));
    assert!(
        found.starts_with(
            "plate `more`: with row 0 of [\"u\", \"v\"] drawn anew, row 1 of site `v` has another"
        ),
        "{found}"
    );
    assert!(fit().validate(false).step(&crate::scalar(0.0)).is_ok());
}

/// The ELBO of pathwise latents does not care about rows; a bound for each row does, and only that.
#[test]
fn rows_that_have_bounds_of_their_own() {
    let step = |global: bool| {
        let model = move |ctx: &mut Ctx, x: &Tensor| {
            if global {
                ctx.sample("g", Normal::new(0.0, 1.0)?)?;
            }
            ctx.plate("rows", ROWS, |ctx| {
                let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
                ctx.observe("x", Normal::new(z.map(|z| z.cumsum(0))?, 1.0)?, x)
            })
        };
        let guide = move |ctx: &mut Ctx, _: &Tensor| {
            if global {
                ctx.sample("g", Normal::new(0.0, 1.0)?)?;
            }
            ctx.plate("rows", ROWS, |ctx| ctx.sample("z", Normal::new(0.1, 1.0)?).map(drop))
        };
        let x = Tensor::new(&[0.3f64, 1.2, -0.4, 0.8, 2.0], &Device::Cpu)?;
        Svi::new(model, guide).dtype(DType::F64).step(&x)?;
        Svi::new(model, guide).dtype(DType::F64).estimator(IwaeElbo::new(2)).step(&x)
    };
    assert!(text(step(false)).starts_with("plate `rows`: with row 1 of [\"z\"]"));
    // With a global latent there is one bound, of everything.
    assert!(step(true).is_ok());
}
