//! A vector of bits that is one event costs no more variance than a plate of them.

use candle_core::{DType, Tensor};
use rushlight::prelude::*;

const D: usize = 100;

fn logits() -> Vec<f64> {
    (0..D).map(|i| (i as f64 * 0.37).sin()).collect()
}

/// Bits with a datum each, in a plate or as one event.
fn model(plated: bool) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, x| {
        let w = ctx.param("w", 0.9, Constraint::Real)?;
        match plated {
            true => ctx.plate("bits", D, |ctx| {
                let z = ctx.sample("z", Bernoulli::new(0.4)?)?;
                ctx.observe("x", Normal::new((w * z)?, 1.0)?, x)
            }),
            false => {
                let prior = Tensor::full(0.4, D, &Device::Cpu)?;
                let z = ctx.sample("z", Bernoulli::new(prior)?.to_event(1))?;
                ctx.observe("x", Normal::new((w * z)?, 1.0)?.to_event(1), x)
            }
        }
    }
}

fn guide(plated: bool) -> impl Fn(&mut Ctx, &Tensor) -> Result<()> + Sync {
    move |ctx, _| {
        let a =
            ctx.param_with("a", Constraint::Real, || Ok(Tensor::new(logits(), &Device::Cpu)?))?;
        let z = Bernoulli::from_logits(a)?;
        match plated {
            true => {
                ctx.plate("bits", D, |ctx| ctx.sample("z", z.baseline(DecayingAverage::new(0.9))))?
            }
            false => ctx.sample("z", z.to_event(1).baseline(DecayingAverage::new(0.9)))?,
        };
        Ok(())
    }
}

fn gradients(plated: bool, estimator: TraceGraphElbo, n: usize) -> Vec<Vec<f64>> {
    let x: Vec<f64> = (0..D).map(|i| (i as f64 * 0.61).cos() + 0.4).collect();
    let x = Tensor::new(x, &Device::Cpu).unwrap();
    let fit = Svi::new(model(plated), guide(plated)).estimator(estimator);
    let mut fit = fit.dtype(DType::F64).seed(3);
    let one = |_| {
        let all = fit.gradients(&x).unwrap();
        let (_, a) = all.iter().find(|(name, _)| **name == *"a").unwrap();
        a.to_vec1().unwrap()
    };
    (0..n).map(one).collect()
}

fn variance(gradients: &[Vec<f64>]) -> f64 {
    let n = gradients.len() as f64;
    let one = |i: usize| {
        let mean = gradients.iter().map(|g| g[i]).sum::<f64>() / n;
        gradients.iter().map(|g| (g[i] - mean).powi(2)).sum::<f64>() / (n - 1.0)
    };
    (0..D).map(one).sum::<f64>() / D as f64
}

/// The same draws give the same gradients, baselines included: so the variances are equal too. Without the element-level
/// charges they are hundreds of times as large (Pyro, without baselines: 7,700 times).
#[test]
fn one_event_is_as_good_as_a_plate() {
    let n = 60;
    let plate = gradients(true, TraceGraphElbo::new(), n);
    let event = gradients(false, TraceGraphElbo::new(), n);
    for (p, e) in plate.iter().flatten().zip(event.iter().flatten()) {
        assert!((p - e).abs() <= 1e-9 * p.abs().max(1.0), "{p} in a plate, {e} as an event");
    }
    let whole = gradients(false, TraceGraphElbo::new().elementwise(false), n);
    let factor = variance(&whole) / variance(&event);
    println!(
        "D = {D}: variance {:.4} by elements, {:.1} times as much by events",
        variance(&event),
        factor
    );
    assert!(factor > 30.0, "{factor}");
}
