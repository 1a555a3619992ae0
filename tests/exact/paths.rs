//! Estimators for guides all of whose draws carry gradients.

use crate::baselines::Baselines;
use crate::harness::{LIMIT, Row, measure};
use crate::numbers::{Theta, kl_normal, normal, over_normal};
use candle_core::Tensor;
use rushlight::Estimator;
use rushlight::prelude::*;

const X: [f64; 4] = [1.2, -0.4, 2.3, 0.1];
const SEEN: [f64; 4] = [1.0, 1.0, 0.0, 1.0];

fn data() -> Result<Tensor> {
    Ok(Tensor::new(&X, &Device::Cpu)?)
}

/// A global normal, and normals in a subsampled plate, scaled and masked, that depend on it.
const CHAIN: Row =
    Row { name: "chain", data, model: chain_model, guide: chain_guide, loss: chain_loss, n: 2_000 };

fn in_rows(ctx: &mut Ctx, body: impl FnOnce(&mut Ctx, &Tensor) -> Result<()>) -> Result<()> {
    ctx.subsample("data", 4, 2, |ctx, rows| {
        let seen = Tensor::new(&SEEN, &Device::Cpu)?.index_select(rows, 0)?;
        ctx.scaled(0.7, |ctx| ctx.masked(seen, |ctx| body(ctx, rows)))
    })
}

fn chain_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let g = ctx.sample("g", Normal::new(0.0, 1.0)?)?;
    in_rows(ctx, |ctx, rows| {
        let u = ctx.sample("u", Normal::new(0.0, 1.0)?)?;
        ctx.observe("x", Normal::new((u + (w * g)?)?, 1.0)?, x.index_select(rows, 0)?)
    })
}

fn chain_guide(ctx: &mut Ctx, _: &Tensor, _: Baselines) -> Result<()> {
    let a = ctx.param("a", 0.3, Constraint::Real)?;
    let s = ctx.param("s", 0.8, Constraint::Positive)?;
    let b = ctx.param("b", [0.1, -0.2, 0.6, 0.3], Constraint::Real)?;
    let t = ctx.param("t", 0.7, Constraint::Positive)?;
    let c = ctx.param("c", 0.4, Constraint::Real)?;
    let g = ctx.sample("g", Normal::new(a, s)?)?;
    in_rows(ctx, |ctx, rows| {
        let loc = (b.index_select(rows, 0)? + (c * g)?)?;
        ctx.sample("u", Normal::new(loc, t)?).map(drop)
    })
}

fn chain_loss(t: &Theta) -> f64 {
    let (a, s, w, c) = (t.get("a"), t.get("s").exp(), t.get("w"), t.get("c"));
    let own = t.get("t").exp();
    let row = |i: usize| {
        // u and u + w g are normal.
        let u = (t.at("b", i) + c * a, c * c * s * s + own * own);
        let kl = 0.5 * (u.1 + u.0 * u.0 - 1.0) - own.ln();
        let x = normal(X[i], u.0 + w * a, 1.0) - 0.5 * ((c + w).powi(2) * s * s + own * own);
        SEEN[i] * 0.7 * (kl - x)
    };
    kl_normal((a, s), 0.0) + (0..4).map(row).sum::<f64>()
}

fn check(row: Row, estimator: impl Fn() -> Box<dyn Estimator>, seed: u64) {
    let run = |n| measure(row, estimator(), Baselines::None, seed, n).unwrap();
    let n = row.n;
    if run(n).worst() >= LIMIT {
        let again = run(10 * n);
        assert!(again.worst() < LIMIT, "{} {:?}: {:?}", row.name, estimator(), again.z);
    }
}

#[test]
fn sticking_the_landing() {
    check(CHAIN, || Box::new(StickingTheLanding::new()), 1);
    check(CHAIN, || Box::new(StickingTheLanding::new().with_particles(3)), 2);
    // The rest of the estimators, on the same program.
    check(CHAIN, || Box::new(TraceGraphElbo::new()), 3);
    check(CHAIN, || Box::new(MeanFieldElbo::new()), 4);
}

/// One latent, annealed: its terms count 0.6 times.
const ONE: Row =
    Row { name: "one", data, model: one_model, guide: one_guide, loss: one_loss, n: 20_000 };

fn one_model(ctx: &mut Ctx, _: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    let z = ctx.scaled(0.6, |ctx| ctx.sample("z", Normal::new(0.2, 1.0)?))?;
    ctx.observe("x", Normal::new((w * z)?, 0.5)?, 1.3)
}

fn one_guide(ctx: &mut Ctx, _: &Tensor, _: Baselines) -> Result<()> {
    let loc = ctx.param("loc", 0.3, Constraint::Real)?;
    let scale = ctx.param("scale", 0.8, Constraint::Positive)?;
    ctx.scaled(0.6, |ctx| ctx.sample("z", Normal::new(loc, scale)?).map(drop))
}

/// `−E ln (w_1 + w_2) / 2` over two normals, by quadrature.
fn of_two(log_weight: impl Fn(f64) -> f64) -> f64 {
    -over_normal(|a| {
        let a = log_weight(a);
        over_normal(|b| {
            let b = log_weight(b);
            a.max(b) + (-(a - b).abs()).exp().ln_1p() - 2f64.ln()
        })
    })
}

fn one_loss(t: &Theta) -> f64 {
    let (w, loc, scale) = (t.get("w"), t.get("loc"), t.get("scale").exp());
    of_two(|e| {
        let z = loc + scale * e;
        0.6 * (normal(z, 0.2, 1.0) - normal(z, loc, scale)) + normal(1.3, w * z, 0.5)
    })
}

/// Two rows of three, with a latent each: every row has a bound of its own.
const ROWS: Row =
    Row { name: "rows", data, model: rows_model, guide: rows_guide, loss: rows_loss, n: 8_000 };

fn rows_model(ctx: &mut Ctx, x: &Tensor) -> Result<()> {
    let w = ctx.param("w", 0.9, Constraint::Real)?;
    ctx.subsample("rows", 3, 2, |ctx, rows| {
        let z = ctx.scaled(0.6, |ctx| ctx.sample("z", Normal::new(0.2, 1.0)?))?;
        ctx.observe("x", Normal::new((w * z)?, 0.5)?, x.index_select(rows, 0)?)
    })
}

fn rows_guide(ctx: &mut Ctx, _: &Tensor, _: Baselines) -> Result<()> {
    let loc = ctx.param("loc", [0.3, -0.1, 0.9], Constraint::Real)?;
    let scale = ctx.param("scale", 0.8, Constraint::Positive)?;
    ctx.subsample("rows", 3, 2, |ctx, rows| {
        let z = Normal::new(loc.index_select(rows, 0)?, scale)?;
        ctx.scaled(0.6, |ctx| ctx.sample("z", z).map(drop))
    })
}

fn rows_loss(t: &Theta) -> f64 {
    let (w, scale) = (t.get("w"), t.get("scale").exp());
    let row = |i: usize| {
        let loc = t.at("loc", i);
        of_two(|e| {
            let z = loc + scale * e;
            0.6 * (normal(z, 0.2, 1.0) - normal(z, loc, scale)) + normal(X[i], w * z, 0.5)
        })
    };
    (0..3).map(row).sum()
}

#[test]
fn the_importance_weighted_bound_plain_and_doubly() {
    for (seed, row) in [ONE, ROWS].into_iter().enumerate() {
        let seed = 10 * seed as u64;
        check(row, || Box::new(IwaeElbo::new(2)), seed);
        check(row, || Box::new(IwaeElbo::new(2).doubly_reparameterized()), seed + 1);
    }
}

/// At the posterior the doubly reparameterized gradient of the guide is 0 for every draw, and the plain one is not.
#[test]
fn no_variance_at_the_posterior() {
    let model = |ctx: &mut Ctx, _: &()| {
        let z = ctx.sample("z", Normal::new(0.0, 1.0)?)?;
        ctx.observe("x", Normal::new(&z, 1.0)?, 2.0)
    };
    let guide = |ctx: &mut Ctx, _: &()| {
        let loc = ctx.param("loc", 1.0, Constraint::Real)?;
        let scale = ctx.param("scale", 0.5f64.sqrt(), Constraint::Positive)?;
        ctx.sample("z", Normal::new(loc, scale)?).map(drop)
    };
    let largest = |estimator: IwaeElbo| {
        let mut svi = Svi::new(model, guide).estimator(estimator).dtype(DType::F64);
        let gradients = svi.gradients(&()).unwrap().into_iter();
        gradients.map(|(_, g)| g.to_scalar::<f64>().unwrap().abs()).fold(0.0, f64::max)
    };
    let doubly = largest(IwaeElbo::new(5).doubly_reparameterized());
    assert!(doubly < 1e-12, "{doubly}");
    assert!(largest(IwaeElbo::new(5)) > 1e-3);
}

/// Draws of reweighted wake-sleep carry no gradients: by hand, from the two values of a step.
#[test]
fn reweighted_wake_sleep_follows_no_path() {
    use rushlight::rng::Role;
    use rushlight::{Draws, ParamStore, Run};
    let mut svi = crate::harness::fit(ONE, ReweightedWakeSleep::new(2), Baselines::None, 4);
    let got: Vec<f64> = crate::harness::flat(&svi.gradients(&data().unwrap()).unwrap()).unwrap();
    let params = ParamStore::default();
    let draw = |k: u64| {
        let rng = Rng::seed(4).step(0).particle(Role::Guide, k);
        let run = Run::new(&params, rng).dtype(DType::F64).draws(Draws::Detached);
        let guide = |ctx: &mut Ctx| one_guide(ctx, &data()?, Baselines::None);
        let (trace, ()) = run.execute(guide).unwrap();
        trace.value("z").unwrap().to_scalar::<f64>().unwrap()
    };
    let z = [draw(0), draw(1)];
    let log_weight =
        |z: f64| 0.6 * (normal(z, 0.2, 1.0) - normal(z, 0.3, 0.8)) + normal(1.3, 0.9 * z, 0.5);
    let omega = 1.0 / (1.0 + (log_weight(z[1]) - log_weight(z[0])).exp());
    let mean = |f: &dyn Fn(f64) -> f64| -omega * f(z[0]) - (1.0 - omega) * f(z[1]);
    // d log q by loc and by ln scale, which count 0.6 times; d log p by w.
    let want = [
        mean(&|z| 0.6 * (z - 0.3) / 0.64),
        mean(&|z| 0.6 * ((z - 0.3).powi(2) / 0.64 - 1.0)),
        mean(&|z| (1.3 - 0.9 * z) / 0.25 * z),
    ];
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-9, "{got}, not {want}");
    }
}
