//! Long programs: on the 2 MiB stack of a test, and in time.

use crate::numbers::bernoulli;
use candle_core::{DType, Tensor};
use rushlight::prelude::*;

/// Pathwise: each latent is drawn around the one before.
fn walk(ctx: &mut Ctx, n: usize, step: &rushlight::Traced) -> Result<rushlight::Traced> {
    let mut z = rushlight::Traced::from(Tensor::new(0f64, &Device::Cpu)?);
    for i in 0..n {
        z = ctx.sample(&format!("z_{i}"), Normal::new((&z + step)?, 1.0)?)?;
    }
    Ok(z)
}

fn walk_model(ctx: &mut Ctx, n: &usize) -> Result<()> {
    let step = rushlight::Traced::from(Tensor::new(0f64, &Device::Cpu)?);
    let last = walk(ctx, *n, &step)?;
    ctx.observe("x", Normal::new(last, 1.0)?, 3.0)
}

fn walk_guide(ctx: &mut Ctx, n: &usize) -> Result<()> {
    let step = ctx.param("step", 0.01, Constraint::Real)?;
    walk(ctx, *n, &step).map(drop)
}

/// 10,000 sites in guide and model, a chain of some 40,000 ops. The gradient of -ELBO is known: with draws ε,
/// `z_n = n step + Σ ε`, so that it is `n step + n (z_n − 3)` (the prior's terms, then the datum's).
#[test]
fn ten_thousand_sites_in_a_chain() {
    let n = 10_000;
    let mut svi = Svi::new(walk_model, walk_guide).dtype(DType::F64).seed(1);
    let gradients = svi.gradients(&n).unwrap();
    let found = gradients[0].1.to_scalar::<f64>().unwrap();

    // The same draws again.
    let rng = Rng::seed(1).step(0).particle(rushlight::rng::Role::Guide, 0);
    let run = rushlight::Run::new(svi.params(), rng).dtype(DType::F64);
    let (trace, ()) = run.execute(|ctx| walk_guide(ctx, &n)).unwrap();
    let values: Vec<f64> = trace.sites().map(|s| s.value().to_scalar::<f64>().unwrap()).collect();
    let mut expected = n as f64 * (values[n - 1] - 3.0);
    let mut before = 0.0;
    for z in values {
        expected += z - before;
        before = z;
    }
    assert!((found / expected - 1.0).abs() < 1e-9, "{found}, not {expected}");
}

/// The threads of a pool have short stacks, too.
#[test]
fn chains_in_threads() {
    let run = |parallel: bool| {
        let svi = Svi::new(walk_model, walk_guide).dtype(DType::F64).seed(2);
        let svi = svi.estimator(TraceElbo::new().with_particles(3));
        svi.parallel(parallel).gradients(&4_000).unwrap()[0].1.to_scalar::<f64>().unwrap()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    assert_eq!(pool.install(|| run(true)).to_bits(), run(false).to_bits());
}

/// 10,000 score-function sites: a chain, whose last site is charged with its own terms only.
#[test]
fn ten_thousand_bits_in_a_chain() {
    const N: usize = 10_000;
    let model = |ctx: &mut Ctx, _: &()| {
        let mut z = rushlight::Traced::from(Tensor::new(0f64, &Device::Cpu)?);
        for i in 0..N {
            z = ctx.sample(&format!("z_{i}"), Bernoulli::from_logits(z.affine(1.0, -0.5)?)?)?;
        }
        Ok(())
    };
    let guide = |ctx: &mut Ctx, _: &()| {
        let a = ctx.param("a", 0.3, Constraint::Real)?;
        let last = ctx.param("last", 0.2, Constraint::Real)?;
        for i in 0..N {
            let logit = if i == N - 1 { &last } else { &a };
            ctx.sample(&format!("z_{i}"), Bernoulli::from_logits(logit)?.no_baseline())?;
        }
        Ok(())
    };
    let mut svi = Svi::new(model, guide).dtype(DType::F64).seed(2);
    let gradients = svi.gradients(&()).unwrap();
    let found = gradients[1].1.to_scalar::<f64>().unwrap();

    let rng = Rng::seed(2).step(0).particle(rushlight::rng::Role::Guide, 0);
    let run = rushlight::Run::new(svi.params(), rng).dtype(DType::F64);
    let (trace, ()) = run.execute(|ctx| guide(ctx, &())).unwrap();
    let value =
        |i: usize| trace.get(&format!("z_{i}")).unwrap().value().to_scalar::<f64>().unwrap();
    let (z, before) = (value(N - 1), value(N - 2));
    let cost = bernoulli(before - 0.5, z) - bernoulli(0.2, z);
    let expected = -(z - crate::numbers::sigmoid(0.2)) * cost;
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

/// A program that fails in the middle of a long chain takes its graph down without overflowing the stack.
#[test]
fn a_long_program_that_fails() {
    let guide = |ctx: &mut Ctx, n: &usize| {
        walk_guide(ctx, n)?;
        ctx.sample("z_0", Normal::new(0.0, 1.0)?).map(drop)
    };
    let failed = Svi::new(walk_model, guide).dtype(DType::F64).step(&10_000);
    assert!(failed.unwrap_err().to_string().starts_with("site `z_0` occurs twice"));
}
