//! Draws that are compared: their laws, and the gradients that they lead to.
//!
//! Every draw has parameters of its own, so that one backward pass gives as many independent gradients. n is 40,000, the
//! seeds are given, and every component has to have |z| < 4, or to be equal to 1e-12 where it has no variance.

use candle_core::{DType, Device, Tensor, Var};
use rushlight_distributions::coupled::{WeakDerivative, antithetic, disarm};
use rushlight_distributions::{
    Bernoulli, Categorical, Distribution, DistributionExt, Error, Normal, OneHotCategorical,
    Poisson, Result, Rng,
};

const N: usize = 40_000;

fn repeated(row: &[f64]) -> Result<Var> {
    let row = Tensor::new(row, &Device::Cpu)?.unsqueeze(0)?;
    Ok(Var::from_tensor(&row.broadcast_as((N, row.elem_count()))?.contiguous()?)?)
}

/// The z of the mean of each column; 0 where all rows are equal to what is wanted.
fn z(rows: &Tensor, want: &[f64]) -> Result<Vec<f64>> {
    let mut out = Vec::new();
    for (k, want) in want.iter().enumerate() {
        let column = rows.narrow(1, k, 1)?.flatten_all()?.to_vec1::<f64>()?;
        let mean = column.iter().sum::<f64>() / N as f64;
        let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (N - 1) as f64;
        let off = mean - want;
        out.push(if off.abs() < 1e-12 { 0.0 } else { off / (variance / N as f64).sqrt() });
    }
    Ok(out)
}

fn assert_small(what: &str, z: &[f64]) {
    assert!(z.iter().all(|z| z.abs() < 4.0), "{what}: {z:?}");
}

const LOGITS: [f64; 4] = [0.3, -1.2, 0.9, 0.1];
const COSTS: [f64; 4] = [2.0, -1.0, 0.5, 3.0];

/// `p_k (f_k − Σ p f)` for softmax probabilities.
fn softmax_slope(logits: &[f64], costs: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|l| l.exp()).sum();
    let p: Vec<f64> = logits.iter().map(|l| l.exp() / total).collect();
    let mean: f64 = p.iter().zip(costs).map(|(p, f)| p * f).sum();
    p.iter().zip(costs).map(|(p, f)| p * (f - mean)).collect()
}

fn costs_of(z: &Tensor) -> Result<Tensor> {
    Ok(Tensor::new(&COSTS, &Device::Cpu)?.index_select(z, 0)?)
}

#[test]
fn each_of_a_pair_has_the_law() -> Result<()> {
    let logits = repeated(&LOGITS)?;
    let dist = Categorical::from_logits(logits.as_tensor())?;
    let total: f64 = LOGITS.iter().map(|l| l.exp()).sum();
    let p: Vec<f64> = LOGITS.iter().map(|l| l.exp() / total).collect();
    let pair = antithetic(&dist, &mut Rng::seed(1))?;
    for z_of in &pair {
        let hot = (0..4u32).map(|k| z_of.eq(k)?.to_dtype(DType::F64));
        let hot = Tensor::stack(&hot.collect::<candle_core::Result<Vec<_>>>()?, 1)?;
        assert_small("law", &z(&hot, &p)?);
    }
    // Independent ones would agree with probability Σ p².
    let agree = pair[0].eq(&pair[1])?.to_dtype(DType::F64)?.mean_all()?.to_scalar::<f64>()?;
    assert!(agree < 0.5 * p.iter().map(|p| p * p).sum::<f64>(), "{agree}");
    Ok(())
}

/// Of a class, of a bit of each parameterization, of a vector one of whose entries is 1.
#[test]
fn disarm_is_unbiased() -> Result<()> {
    let logits = repeated(&LOGITS)?;
    let dist = Categorical::from_logits(logits.as_tensor())?;
    let [a, b] = antithetic(&dist, &mut Rng::seed(2))?;
    let half = ((costs_of(&a)? - costs_of(&b)?)? / 2.0)?;
    let gradients = (disarm(&dist, [&a, &b])? * half)?.sum_all()?.backward()?;
    let got = gradients.get(&logits).unwrap();
    let want = softmax_slope(&LOGITS, &COSTS);
    assert_small("classes", &z(got, &want)?);

    // The plain score-function estimator would have the same mean, at several times the variance.
    let cost = costs_of(&a)?;
    let score = (dist.log_prob(&a)? * cost)?.sum_all()?.backward()?;
    let noise = |g: &Tensor| -> Result<f64> {
        let want = Tensor::new(want.as_slice(), &Device::Cpu)?;
        Ok(g.broadcast_sub(&want)?.sqr()?.mean_all()?.to_scalar::<f64>()?)
    };
    assert!(noise(got)? * 3.0 < noise(score.get(&logits).unwrap())?);

    let hot = OneHotCategorical::from_logits(logits.as_tensor())?;
    let [a, b] = antithetic(&hot, &mut Rng::seed(3))?;
    let cost = |z: &Tensor| z.matmul(&Tensor::new(&COSTS, &Device::Cpu)?.unsqueeze(1)?)?.squeeze(1);
    let half = ((cost(&a)? - cost(&b)?)? / 2.0)?;
    let gradients = (disarm(&hot, [&a, &b])? * half)?.sum_all()?.backward()?;
    assert_small("one of four", &z(gradients.get(&logits).unwrap(), &want)?);

    // Two bits at once, whose cost is no sum: f = 3 a b + a.
    let probs = repeated(&[0.3, 0.8])?;
    let bits = Bernoulli::new(probs.as_tensor())?.to_event(1);
    let [a, b] = antithetic(&bits, &mut Rng::seed(4))?;
    let cost = |z: &Tensor| -> Result<Tensor> {
        let (x, y) = (z.narrow(1, 0, 1)?, z.narrow(1, 1, 1)?);
        Ok(((&x * y)? * 3.0)?.add(&x)?)
    };
    let half = ((cost(&a)? - cost(&b)?)? / 2.0)?;
    let gradients = disarm(&bits, [&a, &b])?.broadcast_mul(&half)?.sum_all()?.backward()?;
    let want = [3.0 * 0.8 + 1.0, 3.0 * 0.3];
    assert_small("bits", &z(gradients.get(&probs).unwrap(), &want)?);
    Ok(())
}

/// `(b − b′) σ(|l|)`, draw by draw.
#[test]
fn disarm_of_coins_is_that_of_the_paper() -> Result<()> {
    let logit = repeated(&[0.7])?;
    let coins = Bernoulli::from_logits(logit.as_tensor())?;
    let [a, b] = antithetic(&coins, &mut Rng::seed(5))?;
    let gradients = disarm(&coins, [&a, &b])?.sum_all()?.backward()?;
    let want = ((a - b)? / (1.0 + (-0.7f64).exp()))?;
    let off = (gradients.get(&logit).unwrap() - want)?.abs()?.max_all()?.to_scalar::<f64>()?;
    assert!(off < 1e-12, "{off}");
    Ok(())
}

/// Impossible outcomes are not drawn, and have no part in any gradient.
#[test]
fn certain_outcomes_have_no_slope() -> Result<()> {
    for probs in [[0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.5, 0.0], [1.0, 0.0, 0.0]] {
        let p = repeated(&probs)?;
        let dist = Categorical::new(p.as_tensor())?;
        let [a, b] = antithetic(&dist, &mut Rng::seed(6))?;
        for z in [&a, &b] {
            assert!(dist.log_prob(z)?.min_all()?.to_scalar::<f64>()?.is_finite());
        }
        let gradients = disarm(&dist, [&a, &b])?.sum_all()?.backward()?;
        let largest = gradients.get(&p).unwrap().abs()?.max_all()?.to_scalar::<f64>()?;
        assert!(largest.is_finite(), "{probs:?}: {largest}");
    }
    let coins = Var::new(&[0f64, 1.0], &Device::Cpu)?;
    let dist = Bernoulli::new(coins.as_tensor())?;
    let [a, b] = antithetic(&dist, &mut Rng::seed(7))?;
    assert_eq!((a.to_vec1::<f64>()?, b.to_vec1::<f64>()?), (vec![0.0, 1.0], vec![0.0, 1.0]));
    let slopes = disarm(&dist, [&a, &b])?.sum_all()?.backward()?;
    assert_eq!(slopes.get(&coins).unwrap().to_vec1::<f64>()?, [0.0, 0.0]);
    Ok(())
}

/// `Σ (f(z⁺) − f(z⁻)) slope`, differentiated.
fn weak(
    dist: &dyn Distribution,
    f: impl Fn(&Tensor) -> Result<Tensor>,
    seed: u64,
) -> Result<Tensor> {
    let Some(weak) = WeakDerivative::of(dist) else { panic!("no weak derivative") };
    let draws = weak.draw(dist, &mut Rng::seed(seed))?;
    let costs = draws.iter().map(&f).collect::<Result<Vec<_>>>()?;
    let mut sum = Tensor::zeros((), DType::F64, &Device::Cpu)?;
    for contrast in weak.contrasts(dist, &draws)? {
        let difference = (&costs[contrast.plus] - &costs[contrast.minus])?.detach();
        sum = (sum + (difference * contrast.slope)?.sum_all()?)?;
    }
    Ok(sum)
}

#[test]
fn weak_derivatives_are_unbiased() -> Result<()> {
    // Every class is looked at, so that there is no noise at all.
    let logits = repeated(&LOGITS)?;
    let dist = Categorical::from_logits(logits.as_tensor())?.without_rsample();
    let gradients = weak(&dist, costs_of, 1)?.backward()?;
    let want = Tensor::new(softmax_slope(&LOGITS, &COSTS).as_slice(), &Device::Cpu)?;
    let off = gradients.get(&logits).unwrap().broadcast_sub(&want)?.abs()?.max_all()?;
    assert!(off.to_scalar::<f64>()? < 1e-12);

    // d/dλ E sin z = Im d/dλ exp(λ (e^i − 1)).
    let rate = repeated(&[2.5])?;
    let dist = Poisson::new(rate.as_tensor())?;
    let gradients = weak(&dist, |z| Ok(z.sin()?), 2)?.backward()?;
    let (c, s) = (1f64.cos() - 1.0, 1f64.sin());
    let size = (2.5 * c).exp();
    let want = size * (c * (2.5 * s).sin() + s * (2.5 * s).cos());
    assert_small("Poisson", &z(gradients.get(&rate).unwrap(), &[want])?);

    // E sin(μ + σ ε) = e^(−σ²/2) sin μ, and E (μ + σ ε)³ = μ³ + 3 μ σ².
    let (mu, sigma) = (0.4f64, 1.3f64);
    let (loc, scale) = (repeated(&[mu])?, repeated(&[sigma])?);
    let dist = Normal::new(loc.as_tensor(), scale.as_tensor())?;
    let damped = (-sigma * sigma / 2.0).exp();
    type Case = (fn(&Tensor) -> Result<Tensor>, [f64; 2]);
    let cases: [Case; 2] = [
        (|z| Ok(z.sin()?), [damped * mu.cos(), -sigma * damped * mu.sin()]),
        (|z| Ok(z.powf(3.0)?), [3.0 * mu * mu + 3.0 * sigma * sigma, 6.0 * mu * sigma]),
    ];
    for (seed, (f, want)) in (3u64..).zip(cases) {
        let gradients = weak(&dist, f, seed)?.backward()?;
        assert_small("μ", &z(gradients.get(&loc).unwrap(), &want[..1])?);
        assert_small("σ", &z(gradients.get(&scale).unwrap(), &want[1..])?);
    }
    // The draw itself is a normal one.
    let draws = WeakDerivative::of(&dist).unwrap().draw(&dist, &mut Rng::seed(5))?;
    let moments = [1.0, 2.0, 4.0].map(|k| draws[0].affine(1.0 / sigma, -mu / sigma)?.powf(k));
    let moments = moments.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
    assert_small("moments", &z(&Tensor::cat(&moments, 1)?, &[0.0, 1.0, 3.0])?);
    Ok(())
}

#[test]
fn what_has_no_such_draws_says_so() -> Result<()> {
    let poisson = Poisson::new(2.0)?;
    let pair = antithetic(&poisson, &mut Rng::seed(0));
    assert!(matches!(pair, Err(Error::NotAvailable { distribution: "Poisson", .. })));
    let gamma = rushlight_distributions::Gamma::new(2.0, 1.0)?;
    assert!(WeakDerivative::of(&gamma).is_none());
    Ok(())
}

/// The slope of two independent draws is wrong for a pair that is not.
#[test]
fn a_pair_that_is_taken_for_independent_is_noticed() -> Result<()> {
    let logits = repeated(&LOGITS)?;
    let dist = Categorical::from_logits(logits.as_tensor())?;
    let [a, b] = antithetic(&dist, &mut Rng::seed(2))?;
    let half = ((costs_of(&a)? - costs_of(&b)?)? / 2.0)?;
    let wrong = ((dist.log_prob(&a)? - dist.log_prob(&b)?)? * half)?.sum_all()?.backward()?;
    let z = z(wrong.get(&logits).unwrap(), &softmax_slope(&LOGITS, &COSTS))?;
    assert!(z.iter().any(|z| z.abs() > 20.0), "{z:?}");
    Ok(())
}
