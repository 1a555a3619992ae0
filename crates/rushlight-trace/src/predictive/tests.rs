//! Predictions against closed forms, and what is returned of them.

use super::*;
use crate::Ctx;
use rushlight_distributions::{Bernoulli, Beta, Categorical, Constraint, Distribution, Normal};

fn params() -> ParamStore {
    ParamStore::default()
}

fn numbers(samples: &Samples, site: &str) -> Vec<f64> {
    let all = samples.get(site).unwrap().to_dtype(DType::F64).unwrap();
    all.flatten_all().unwrap().to_vec1().unwrap()
}

fn vector(xs: &[f64]) -> Tensor {
    Tensor::new(xs, &Device::Cpu).unwrap()
}

fn flips(ctx: &mut Ctx, n: &usize) -> Result<()> {
    let fairness = ctx.sample("fairness", Beta::new(10.0, 10.0)?)?;
    ctx.plate("flips", *n, |ctx| ctx.observe("obs", Bernoulli::new(&fairness)?, 0.0))
}

/// The coin after six heads of ten.
fn exact(ctx: &mut Ctx, _: &usize) -> Result<()> {
    ctx.sample("fairness", Beta::new(16.0, 14.0)?).map(drop)
}

/// Chi-square of the heads of ten flips against the beta-binomial distribution.
fn heads(samples: &Samples, alpha: f64, beta: f64) -> f64 {
    // p(k) = C(10, k) α(α+1).. (k of them) β(β+1).. (10 - k) / (α+β)(α+β+1).. (10)
    let rising = |x: f64, n: usize| (0..n).map(|i| x + i as f64).product::<f64>();
    let choose = |k: usize| (0..k).map(|i| (10 - i) as f64 / (i + 1) as f64).product::<f64>();
    let mut counts = [0.0; 11];
    for ten in numbers(samples, "obs").chunks(10) {
        counts[ten.iter().sum::<f64>() as usize] += 1.0;
    }
    let cell = |(k, count): (usize, &f64)| {
        let p = choose(k) * rising(alpha, k) * rising(beta, 10 - k) / rising(alpha + beta, 10);
        let expected = samples.draws() as f64 * p;
        (count - expected).powi(2) / expected
    };
    counts.iter().enumerate().map(cell).sum()
}

/// n = 20,000 draws, 10 degrees of freedom, the quantile 0.999 of any table.
const DRAWS: usize = 20_000;
const CRITICAL: f64 = 29.588;

#[test]
fn the_coins_predictions_are_beta_binomial() {
    let params = params();
    let prior = Predictive::new(&flips, &params).draws(DRAWS);
    let posterior = prior.clone().guide(&exact);
    let (prior, posterior) = (prior.run(&10).unwrap(), posterior.run(&10).unwrap());
    let found = heads(&prior, 10.0, 10.0);
    assert!(found < CRITICAL, "prior: {found}");
    let found = heads(&posterior, 16.0, 14.0);
    assert!(found < CRITICAL, "posterior: {found}");
    // Each is far from what the other should be.
    assert!(heads(&prior, 16.0, 14.0) > 10.0 * CRITICAL);
    // Samples of the posterior are as good as its guide.
    let again = Predictive::new(&flips, &params).posterior(posterior.clone()).seed(1);
    let again = again.run(&10).unwrap();
    assert_eq!(again.draws(), DRAWS);
    assert_eq!(numbers(&again, "fairness"), numbers(&posterior, "fairness"));
    assert_ne!(numbers(&again, "obs"), numbers(&posterior, "obs"));
    let found = heads(&again, 16.0, 14.0);
    assert!(found < CRITICAL, "samples: {found}");
}

/// Rows of a draw share its latent: x = (x₀, x₁) is normal with variance 4 + 1 and covariance 4, so that x₀x₁ has mean
/// 4 and variance 5² + 4². n = 20,000, |z| < 4.
#[test]
fn a_draw_is_of_the_joint_distribution() {
    let model = |ctx: &mut Ctx, _: &()| {
        let loc = ctx.sample("loc", Normal::new(0.0, 2.0)?)?;
        ctx.plate("rows", 2, |ctx| ctx.observe("x", Normal::new(loc, 1.0)?, f64::NAN))
    };
    let params = params();
    let samples = Predictive::new(&model, &params).draws(DRAWS).dtype(DType::F64).run(&()).unwrap();
    let x = numbers(&samples, "x");
    let mean = x.chunks(2).map(|x| x[0] * x[1]).sum::<f64>() / DRAWS as f64;
    let z = (mean - 4.0) / (41.0 / DRAWS as f64).sqrt();
    assert!(z.abs() < 4.0, "{mean}: z = {z}");
}

/// A model with everything in it: a parameter, a module, a latent that the guide lacks, classes, something written down.
fn mixed(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let scale = ctx.param("scale", [0.5, 1.5], Constraint::Positive)?;
    let shift = ctx.param("shift", 2.0, Constraint::Real)?;
    assert!(!scale.track_op() && !shift.track_op());
    let a = ctx.sample("a", Normal::new(&shift, 1.0)?)?;
    let b = ctx.sample("b", Normal::new(&a, 1e-3)?)?;
    ctx.deterministic("shift again", &shift)?;
    ctx.factor("penalty", (&a * -0.5)?)?;
    ctx.plate("rows", x.dim(0)?, |ctx| {
        ctx.observe("k", Categorical::new([0.2, 0.8])?, 1)?;
        let scale = ctx.deterministic("scale of rows", scale)?;
        ctx.observe("x", Normal::new(b, scale)?, x)
    })
}

fn guide(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let loc = ctx.param("loc", 1.0, Constraint::Real)?;
    ctx.sample("helper", crate::Draw::from(Normal::new(0.0, 1.0)?).auxiliary())?;
    ctx.sample("a", Normal::new(loc, 0.1)?).map(drop)
}

#[test]
fn all_values_are_returned_or_the_chosen_ones() {
    let (params, x) = (params(), vector(&[0.0, 1.0]));
    let predictive = Predictive::new(&mixed, &params).guide(&guide).dtype(DType::F64).draws(7);
    let all = predictive.run(&x).unwrap();
    let shapes: Vec<_> = all.iter().map(|(name, t)| (name, t.dims(), t.dtype())).collect();
    let f64s = DType::F64;
    assert_eq!(
        shapes,
        [
            ("a", &[7][..], f64s),
            ("b", &[7], f64s),
            ("k", &[7, 2], DType::U32),
            ("x", &[7, 2], f64s),
            ("shift again", &[7], f64s),
            ("scale of rows", &[7, 2], f64s),
        ]
    );
    assert!(all.iter().all(|(_, t)| !t.track_op()));
    // The guide's latent, and one that it lacks and the model draws given that.
    for (a, b) in numbers(&all, "a").into_iter().zip(numbers(&all, "b")) {
        assert!((a - 1.0).abs() < 1.0 && (a - b).abs() < 0.01, "{a}, {b}");
    }
    let chosen = predictive.sites(["x", "a"]).run(&x).unwrap();
    assert_eq!(chosen.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["x", "a"]);
    assert_eq!(numbers(&chosen, "x"), numbers(&all, "x"));
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let x = vector(&[0.0, 1.0]);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let params = params();
            let predictive = Predictive::new(&mixed, &params).guide(&guide).dtype(DType::F64);
            let drawn = predictive.run(&x).unwrap();
            let scored = predictive.log_likelihood(&x).unwrap();
            let all = drawn.iter().chain(scored.iter()).flat_map(|(_, t)| {
                let t = t.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
                t.to_vec1::<f64>().unwrap().into_iter().map(f64::to_bits)
            });
            // The first draw made the parameters, all of them, in order.
            assert_eq!(params.names(), ["loc", "scale", "shift"]);
            all.collect::<Vec<_>>()
        })
    };
    let one = on(1);
    assert_eq!(one.len(), 1_000 * 14);
    assert_eq!(on(2), one);
    assert_eq!(on(8), one);
}

/// The log-likelihood is the closed form, row by row, whatever surrounds the statement; what is masked out is no datum.
#[test]
fn log_likelihoods_are_exact() {
    let model = |ctx: &mut Ctx, x: &Tensor| {
        let loc = ctx.sample("loc", Normal::new(0.0, 1.0)?)?;
        ctx.factor("penalty", (&loc * -2.0)?)?;
        ctx.plate("rows", 3, |ctx| {
            ctx.scaled(5.0, |ctx| ctx.observe("x", Normal::new(&loc, 2.0)?, x))?;
            let gaps = Tensor::new(&[1.0, f64::NAN, 0.5], &Device::Cpu)?;
            ctx.masked([1, 0, 1], |ctx| ctx.observe("y", Normal::new(&loc, 2.0)?, gaps))
        })?;
        ctx.subsample_rows("many", 100, [3, 7], |ctx, _| {
            ctx.observe("z", Normal::new(&loc, 2.0)?, [0.0, 1.0])
        })
    };
    let (params, locs, x) = (params(), [0.0, 0.5, -1.0], [0.3, -2.0, 4.0]);
    let posterior = Samples::new([("loc", vector(&locs))]).unwrap();
    let predictive = Predictive::new(&model, &params).posterior(posterior).dtype(DType::F64);
    let found = predictive.log_likelihood(&vector(&x)).unwrap();
    let names: Vec<_> = found.iter().map(|(name, t)| (name, t.dims())).collect();
    assert_eq!(names, [("penalty", &[3][..]), ("x", &[3, 3]), ("y", &[3, 3]), ("z", &[3, 2])]);
    let log_prob = |x: f64, loc: f64| {
        -0.5 * ((x - loc) / 2.0).powi(2) - 2f64.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
    };
    let near = |site, expected: Vec<f64>| {
        for (got, want) in numbers(&found, site).into_iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{site}: {got}, not {want}");
        }
    };
    let of = |x: &[f64]| locs.iter().flat_map(|l| x.iter().map(|x| log_prob(*x, *l))).collect();
    near("penalty", vec![0.0, -1.0, 2.0]);
    near("x", of(&x));
    near("y", locs.iter().flat_map(|&l| [log_prob(1.0, l), 0.0, log_prob(0.5, l)]).collect());
    near("z", of(&[0.0, 1.0]));
    let density = found.log_mean_exp("x").unwrap().to_vec1::<f64>().unwrap();
    for (got, x) in density.into_iter().zip(x) {
        let mean = locs.iter().map(|l| log_prob(x, *l).exp()).sum::<f64>() / 3.0;
        assert!((got - mean.ln()).abs() < 1e-12, "{got} at {x}");
    }
    let chosen = predictive.sites(["y"]).log_likelihood(&vector(&x)).unwrap();
    assert_eq!(chosen.iter().len(), 1);
}

#[test]
fn the_mean_of_very_small_numbers() {
    let x = Tensor::new(
        &[[-1e4, f64::NEG_INFINITY, 0.0], [-1e4, f64::NEG_INFINITY, -1e4]],
        &Device::Cpu,
    );
    let samples = Samples::new([("x", x.unwrap())]).unwrap();
    let found = samples.log_mean_exp("x").unwrap().to_vec1::<f64>().unwrap();
    assert_eq!(found, [-1e4, f64::NEG_INFINITY, -(2f64.ln())]);
}

/// Optimizers move parameters in place, and a single draw is no copy by itself.
#[test]
fn samples_are_nobody_elses_memory() {
    let program = |ctx: &mut Ctx, _: &()| {
        let loc = ctx.param("loc", [1.0, 2.0], Constraint::Real)?;
        ctx.deterministic("now", loc).map(drop)
    };
    let params = params();
    for draws in [1, 2] {
        let samples = Predictive::new(&program, &params).draws(draws).run(&()).unwrap();
        let before = numbers(&samples, "now");
        let (_, var) = params.vars().remove(0);
        var.set(&var.affine(2.0, 0.0).unwrap()).unwrap();
        assert_eq!(numbers(&samples, "now"), before);
    }
}

#[test]
fn a_branch_is_no_trouble_for_the_sites_that_all_draws_have() {
    let program = |ctx: &mut Ctx, _: &()| {
        let coin = ctx.sample("coin", Bernoulli::new(0.5)?)?;
        if coin.to_scalar::<f32>()? == 1.0 {
            ctx.sample("extra", Normal::new(0.0, 1.0)?)?;
        }
        ctx.observe("x", Normal::new(coin, 1.0)?, 0.0)
    };
    let params = params();
    let predictive = Predictive::new(&program, &params);
    assert!(matches!(predictive.run(&()), Err(Error::DrawsDiffer { site, .. }) if site == "extra"));
    let samples = predictive.clone().sites(["coin", "x"]).run(&()).unwrap();
    assert_eq!(samples.get("x").unwrap().dims(), [1_000]);
    assert!(predictive.log_likelihood(&()).is_ok());
    // Samples of a site need not be used in every draw.
    let extra = Tensor::full(7f32, 1_000, &Device::Cpu).unwrap();
    let posterior = Samples::new([("extra", extra)]).unwrap();
    assert!(predictive.posterior(posterior).sites(["x"]).run(&()).is_ok());
}

#[test]
fn all_draws_take_the_same_rows() {
    let program = |ctx: &mut Ctx, _: &()| {
        ctx.subsample("many", 1_000, 5, |ctx, rows| ctx.deterministic("rows", rows).map(drop))
    };
    let params = params();
    let predictive = Predictive::new(&program, &params).draws(3);
    let rows = |seed| {
        let samples = predictive.clone().seed(seed).run(&()).unwrap();
        samples.get("rows").unwrap().to_vec2::<u32>().unwrap()
    };
    let found = rows(0);
    assert!(found.iter().all(|rows| *rows == found[0]));
    assert_ne!(rows(1), found);
}

/// The error is that of the first draw that fails, whichever thread comes first. It tells the value.
#[test]
fn the_first_error_counts() {
    let program = |ctx: &mut Ctx, _: &()| {
        let u = ctx.sample("u", Normal::new(0.0, 1.0)?)?.to_scalar::<f32>()?;
        ctx.observe("x", Bernoulli::new(0.5)?, if u > 1.0 { u } else { 0.0 })
    };
    let params = params();
    let text = || Predictive::new(&program, &params).log_likelihood(&()).unwrap_err().to_string();
    let first = text();
    assert!(first.starts_with("site `x`: the value 1."), "{first}");
    assert!((0..20).all(|_| text() == first));
}

#[test]
fn streams_are_not_those_of_a_fit() {
    let program = |ctx: &mut Ctx, _: &()| ctx.sample("z", Normal::new(0.0, 1.0)?).map(drop);
    let params = params();
    let found = Predictive::new(&program, &params).guide(&program).draws(1).run(&()).unwrap();
    let mut step = Rng::seed(0).step(0).particle(Role::Guide, 0).site("z");
    let of_step = Normal::new(0.0, 1.0).unwrap().sample(&mut step, &[]).unwrap();
    assert_ne!(numbers(&found, "z"), [f64::from(of_step.to_scalar::<f32>().unwrap())]);
}

#[test]
fn as_many_dims_as_candle_has() {
    fn nested(ctx: &mut Ctx, depth: usize) -> Result<()> {
        match depth {
            0 => ctx.observe("x", Normal::new(0.0, 1.0)?, 0.0),
            _ => ctx.plate(&format!("p{depth}"), 2, |ctx| nested(ctx, depth - 1)),
        }
    }
    let program = |ctx: &mut Ctx, _: &()| nested(ctx, 8);
    let params = params();
    let predictive = Predictive::new(&program, &params).draws(3);
    for samples in [predictive.run(&()).unwrap(), predictive.log_likelihood(&()).unwrap()] {
        assert_eq!(samples.get("x").unwrap().rank(), 9);
        assert_eq!(samples.log_mean_exp("x").unwrap().rank(), 8);
    }
}
