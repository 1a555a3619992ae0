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
    let theta = 0.1;
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
