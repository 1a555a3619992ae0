//! What leave-one-out is worth, element by element.

use candle_core::{DType, Device, Tensor};
use rushlight::prelude::*;

const D: usize = 200;

/// The toy of Tucker et al. (2017), `min_θ E (1/D) Σ (b_i − 0.499)²` over `b ~ Bernoulli(θ)`, one event of 200 bits: a
/// normal log-density with variance `D/2`, up to a constant. The prior is the guide at its start, so that nothing else
/// costs anything there.
fn model(ctx: &mut Ctx, _: &()) -> Result<()> {
    let fair = Tensor::full(0.5, D, &Device::Cpu)?;
    let b = ctx.sample("b", Bernoulli::new(fair)?.to_event(1))?;
    let loss = Normal::new(b, (D as f64 / 2.0).sqrt())?.to_event(1);
    ctx.observe("loss", loss, Tensor::full(0.499, D, &Device::Cpu)?)
}

fn guide(ctx: &mut Ctx, _: &()) -> Result<()> {
    let logits = Tensor::zeros(D, DType::F64, &Device::Cpu)?;
    let logits = ctx.param("logits", logits, Constraint::Real)?;
    ctx.sample("b", Bernoulli::from_logits(logits)?.to_event(1)).map(drop)
}

/// With two particles, an entry is `(s_1 − s_2)(c_1 − c_2) / 2` of its own two bits alone: 0 if they agree, and otherwise
/// `(c(1) − c(0)) / 2 = 10^-5 / 2`. That is a variance of `6.25e-12`, where the whole cost gives `10^-4`.
#[test]
fn elements_are_charged_apart() {
    let fit = Svi::new(model, guide).estimator(LeaveOneOut::new(2));
    let mut fit = fit.dtype(DType::F64).seed(7);
    let n = 200;
    let (mut sum, mut squares) = (vec![0.0; D], vec![0.0; D]);
    for _ in 0..n {
        let (_, gradient) = fit.gradients(&()).unwrap().swap_remove(0);
        for (i, g) in gradient.to_vec1::<f64>().unwrap().into_iter().enumerate() {
            assert!(g.abs() < 1e-12 || (g - 5e-6).abs() < 1e-12, "{g}");
            sum[i] += g;
            squares[i] += g * g;
        }
    }
    let n = f64::from(n);
    let variance = |i: usize| squares[i] / n - (sum[i] / n).powi(2);
    let worst = (0..D).map(variance).fold(0.0, f64::max);
    println!("D = {D}: variance {worst:.4e} of an entry");
    assert!(worst <= 6.3e-12, "{worst}");
    // The exact gradient is 10^-5 / 4; n = 40,000 coins, |z| < 4.
    let mean = sum.iter().sum::<f64>() / n / D as f64;
    assert!((mean / 2.5e-6 - 1.0).abs() < 4.0 / (n * D as f64).sqrt(), "{mean}");
}
