//! Where the best constant leaves nothing: bits whose costs depend on nothing else.

use crate::baselines::Baselines;
use candle_core::{DType, Tensor};
use rushlight::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const T: f64 = 0.499;

/// `E[(b − t)²]`, `b ~ Bernoulli(θ)`: the problem of Tucker et al. (2017), "REBAR", section 5.1. The model's prior is the
/// guide's distribution at its fixed θ, so that the two take each other out of the cost.
fn tucker(ctx: &mut Ctx, theta: f64) -> Result<()> {
    let b = ctx.sample("b", Bernoulli::new(theta)?)?;
    ctx.factor("cost", b.affine(1.0, -T)?.sqr()?.neg()?)
}

fn a_bit(ctx: &mut Ctx, theta: f64, baselines: Baselines) -> Result<()> {
    let logit = ctx.param("logit", (theta / (1.0 - theta)).ln(), Constraint::Real)?;
    let draw =
        baselines.on(ctx, Bernoulli::from_logits(logit)?, &crate::baselines::constant(&[])?)?;
    ctx.sample("b", draw).map(drop)
}

/// The gradient is `θ (1 − θ) (1 − 2 t)` in every step after both outcomes were seen.
#[test]
fn a_bit_of_known_costs_has_no_variance() {
    for theta in [0.1, 0.5, 0.9] {
        for baselines in [Baselines::Best, Baselines::Unnamed] {
            let mut svi = Svi::new(
                move |ctx: &mut Ctx, _: &()| tucker(ctx, theta),
                move |ctx: &mut Ctx, _: &()| a_bit(ctx, theta, baselines),
            )
            .dtype(DType::F64)
            .seed(1);
            let gradient = |svi: &mut Svi<(), _, _>| {
                svi.gradients(&()).unwrap()[0].1.to_scalar::<f64>().unwrap()
            };
            for _ in 0..200 {
                gradient(&mut svi);
            }
            let exact = theta * (1.0 - theta) * (1.0 - 2.0 * T);
            for _ in 0..1_000 {
                let found = gradient(&mut svi);
                assert!(
                    (found - exact).abs() < 1e-14,
                    "{theta} {baselines:?}: {found}, not {exact}"
                );
            }
        }
    }
}

const D: usize = 200;

/// `(1/D) Σ (b_i − t)²` as the log-density of a normal, up to a constant; plain bits, one event.
#[test]
fn two_hundred_bits_of_known_costs_have_no_variance() {
    let theta = 0.1f64;
    let calls = AtomicUsize::new(0);
    let model = |ctx: &mut Ctx, _: &()| {
        calls.fetch_add(1, Ordering::Relaxed);
        let prior = Bernoulli::new(Tensor::full(theta, D, &Device::Cpu)?)?;
        let b = ctx.sample("b", prior.to_event(1))?;
        let x = Normal::new(b, (D as f64 / 2.0).sqrt())?.to_event(1);
        ctx.observe("x", x, Tensor::full(T, D, &Device::Cpu)?)
    };
    for baselines in [Baselines::Best, Baselines::Unnamed] {
        calls.store(0, Ordering::Relaxed);
        let guide = |ctx: &mut Ctx, _: &()| {
            let logits = || Ok(Tensor::full((theta / (1.0 - theta)).ln(), D, &Device::Cpu)?);
            let logits = ctx.param_with("logits", Constraint::Real, logits)?;
            let draw = Bernoulli::from_logits(logits)?.to_event(1);
            let draw = baselines.on(ctx, draw, &crate::baselines::constant(&[])?)?;
            ctx.sample("b", draw).map(drop)
        };
        let mut svi = Svi::new(model, guide).dtype(DType::F64).seed(1);
        let (n, first) = (300, 200);
        let exact = theta * (1.0 - theta) * (1.0 - 2.0 * T) / D as f64;
        for step in 0..n {
            let gradient = svi.gradients(&()).unwrap()[0].1.to_vec1::<f64>().unwrap();
            if step < first {
                continue;
            }
            for found in gradient {
                assert!((found - exact).abs() < 1e-14, "{baselines:?}: {found}, not {exact}");
            }
        }
        // Nothing was tried out but what was drawn, and the pilot.
        let pilot = usize::from(matches!(baselines, Baselines::Unnamed));
        assert_eq!(calls.load(Ordering::Relaxed), n + pilot);
    }
}

/// Four data, each with a cost of its own that no draw changes. Once every datum was seen, an average for each leaves
/// nothing; one for each row of the batch takes one datum for another. Batches of two sizes.
#[test]
fn an_average_of_each_datum_knows_its_cost() {
    const COSTS: [f64; 4] = [-3.0, 5.0, 20.0, 0.5];
    let model = |ctx: &mut Ctx, rows: &Tensor| {
        ctx.subsample_rows("data", 4, rows, |ctx, _| {
            ctx.sample("z", Bernoulli::new(0.3)?)?;
            ctx.factor("cost", ctx.select_rows(Tensor::new(&COSTS, &Device::Cpu)?, 0)?)
        })
    };
    let left = |attach: fn(Bernoulli) -> Draw| {
        let guide = move |ctx: &mut Ctx, rows: &Tensor| {
            let logit = (0.3f64 / 0.7).ln();
            let logits = ctx.param("logits", [logit; 4], Constraint::Real)?;
            ctx.subsample_rows("data", 4, rows, |ctx, _| {
                let z = Bernoulli::from_logits(ctx.select_rows(&logits, 0)?)?;
                ctx.sample("z", attach(z)).map(drop)
            })
        };
        let mut svi = Svi::new(model, guide).dtype(DType::F64).estimator(TraceElbo::new());
        let mut largest = 0.0f64;
        for step in 0..60u32 {
            let batch = match step % 3 {
                0 => vec![0, 1 + step % 2],
                1 => vec![3],
                _ => vec![2, (step / 3) % 2],
            };
            let rows = Tensor::new(batch, &Device::Cpu).unwrap();
            let (_, gradient) = svi.gradients(&rows).unwrap().swap_remove(0);
            if step >= 12 {
                for g in gradient.to_vec1::<f64>().unwrap() {
                    largest = largest.max(g.abs());
                }
            }
        }
        largest
    };
    assert!(left(|z| z.baseline(DecayingAverage::new(0.5))) > 1.0);
    let by_datum = [
        left(|z| z.baseline(DecayingAverage::new(0.5).by_datum())),
        left(|z| z.baseline(OptimalConstant::new(0.5).by_datum())),
        left(|z| z.baseline(Value::new(2.0)).baseline(DecayingAverage::new(0.5).by_datum())),
    ];
    for left in by_datum {
        assert!(left < 1e-12, "{left}");
    }
}
