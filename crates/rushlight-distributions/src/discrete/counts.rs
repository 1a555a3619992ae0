//! What distributions of counts share: scalar formulas, their tensor forms, and draws.

use crate::operand::{Operand, Source};
use crate::{Constraint, Distribution, Error, Real, Result, Rng, kernel, shape, special};
use candle_core::{D, DType, Device, Tensor};
use rand::RngCore;
use rand_distr::Distribution as _;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Whether `x` is a non-negative integer.
#[inline(always)]
pub(super) fn is_count<T: Real>(x: T) -> bool {
    (x >= T::ZERO) & (x < T::INFINITY) & (x.floor() == x)
}

/// `t` where `inside`; NaN of NaN, −∞ otherwise.
#[inline(always)]
pub(super) fn impossible_unless<T: Real>(inside: bool, x: T, t: T) -> T {
    let outside = if x.is_nan() { x } else { T::NEG_INFINITY };
    if inside { t } else { outside }
}

/// `n / p`, and 0 where `n` is 0: the derivative of `n ln p`.
#[inline(always)]
pub(super) fn ratio_or_zero<T: Real>(n: T, p: T) -> T {
    if n == T::ZERO { T::ZERO } else { n / p }
}

/// `x`, and 0 for negative `x`.
#[inline(always)]
fn positive_part<T: Real>(x: T) -> T {
    if x > T::ZERO { x } else { T::ZERO }
}

/// `a ln σ(l) + b ln(1 − σ(l))`, without cancellation in either tail.
#[inline(always)]
pub(super) fn log_odds<T: Real>(a: T, b: T, l: T) -> T {
    let shared = (-l.abs()).exp().ln_1p();
    -((a + b) * shared + a * positive_part(-l) + b * positive_part(l))
}

/// The derivative of [`log_odds`] with respect to `l`: `a σ(−l) − b σ(l)`.
#[inline(always)]
pub(super) fn log_odds_partial<T: Real>(a: T, b: T, l: T) -> T {
    a * (-l).sigmoid() - b * l.sigmoid()
}

/// `ln (n choose x)` for integers `0 <= x <= n`; exactly 0 at both ends.
#[inline(always)]
pub(super) fn ln_choose<T: Real>(n: T, x: T) -> T {
    let rest = n - x;
    let y = -(n + T::ONE).ln() - (x + T::ONE).ln_beta(rest + T::ONE);
    if (x == T::ZERO) | (rest == T::ZERO) { T::ZERO } else { y }
}

/// `ln Γ(x + a) − ln Γ(a) − ln Γ(x + 1)` for counts `x`; exactly 0 at `x = 0`.
#[inline(always)]
pub(super) fn ln_rising<T: Real>(x: T, a: T) -> T {
    let y = -(x + a).ln() - a.ln_beta(x + T::ONE);
    if x == T::ZERO { T::ZERO } else { y }
}

/// The derivative of [`ln_rising`] with respect to `a`.
#[inline(always)]
pub(super) fn ln_rising_partial<T: Real>(x: T, a: T) -> T {
    if x == T::ZERO { T::ZERO } else { (x + a).digamma() - a.digamma() }
}

/// The tensor forms of the formulas.
pub(super) mod composite {
    use super::*;

    /// 1 where `x` is a non-negative integer, and `x` with 0 in place of everything else: what is not selected
    /// must be finite, or its gradient is NaN.
    pub fn counts(x: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let inside = ((x.floor()?.eq(x)? * x.ge(0.0)?)? * x.lt(f64::INFINITY)?)?;
        let safe = inside.where_cond(x, &x.zeros_like()?)?;
        Ok((inside, safe))
    }

    /// The same for `0..=n`.
    pub fn counts_to(x: &Tensor, n: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let (inside, _) = counts(x)?;
        let inside = inside.broadcast_mul(&x.broadcast_le(n)?)?;
        let x = x.broadcast_as(inside.shape())?;
        let safe = inside.where_cond(&x, &x.zeros_like()?)?;
        Ok((inside, safe))
    }

    /// `log_prob` where `inside`; NaN of NaN, −∞ otherwise.
    pub fn impossible_unless(
        inside: &Tensor,
        x: &Tensor,
        log_prob: &Tensor,
    ) -> candle_core::Result<Tensor> {
        let nan = x.broadcast_as(log_prob.shape())?;
        let known = kernel::impossible_unless(inside, log_prob)?;
        nan.eq(&nan)?.where_cond(&known, &nan)
    }

    /// `n ln p`, and 0 where `n` is 0.
    pub fn times_log(n: &Tensor, p: &Tensor) -> candle_core::Result<Tensor> {
        let shape =
            crate::shape::broadcast("counts", &[n.dims(), p.dims()]).map_err(Error::into_candle)?;
        let (n, p) = (n.broadcast_as(shape.as_slice())?, p.broadcast_as(shape)?);
        let safe = n.eq(0.0)?.where_cond(&p.ones_like()?, &p)?;
        n * safe.log()?
    }

    /// [`log_odds`](super::log_odds)
    pub fn log_odds(a: &Tensor, b: &Tensor, l: &Tensor) -> candle_core::Result<Tensor> {
        let of_a = a.broadcast_mul(&special::composite::softplus(&l.neg()?)?)?;
        let of_b = b.broadcast_mul(&special::composite::softplus(l)?)?;
        of_a.broadcast_add(&of_b)?.neg()
    }

    /// [`ln_choose`](super::ln_choose)
    pub fn ln_choose(n: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
        let ln_gamma = |x: &Tensor| special::composite::ln_gamma(&(x + 1.0)?);
        let rest = n.broadcast_sub(x)?;
        ln_gamma(n)?.broadcast_sub(&ln_gamma(x)?)?.broadcast_sub(&ln_gamma(&rest)?)
    }

    /// [`ln_rising`](super::ln_rising)
    pub fn ln_rising(x: &Tensor, a: &Tensor) -> candle_core::Result<Tensor> {
        let ln_gamma = special::composite::ln_gamma;
        let above = ln_gamma(&x.broadcast_add(a)?)?.broadcast_sub(&ln_gamma(a)?)?;
        above.broadcast_sub(&ln_gamma(&(x + 1.0)?)?)
    }
}

/// Where draws of counts are kept: 0 and infinity included.
pub(super) const FROM_ZERO: (f64, f64) = (-1.0, f64::INFINITY);

/// From this rate on a Poisson draw is a rounded normal one, which the exact distribution is within 1e-8 of.
const LARGE_RATE: f64 = 1e15;

/// A Poisson draw, as a float; NaN of NaN.
pub(super) fn draw_poisson(g: &mut impl RngCore, rate: f64) -> f64 {
    if rate == 0.0 || rate == f64::INFINITY {
        return rate;
    }
    if rate >= LARGE_RATE {
        let z: f64 = rand_distr::StandardNormal.sample(g);
        return (rate + rate.sqrt() * z).round();
    }
    rand_distr::Poisson::new(rate).map_or(f64::NAN, |d| d.sample(g))
}

/// A binomial draw, as a float; `n` is a count.
pub(super) fn draw_binomial(g: &mut impl RngCore, n: f64, p: f64) -> f64 {
    if n >= LARGE_RATE {
        let z: f64 = rand_distr::StandardNormal.sample(g);
        return (n * p + (n * p * (1.0 - p)).sqrt() * z).round().clamp(0.0, n);
    }
    rand_distr::Binomial::new(n as u64, p).map_or(f64::NAN, |d| d.sample(g) as f64)
}

/// A gamma draw with scale instead of rate, which may be 0.
pub(super) fn draw_gamma(g: &mut impl RngCore, concentration: f64, scale: f64) -> f64 {
    let standard = rand_distr::Gamma::new(concentration, 1.0).map_or(f64::NAN, |d| d.sample(g));
    // Either may be out of range, 0 and infinity at once.
    if standard == 0.0 || scale == 0.0 { 0.0 } else { standard * scale }
}

/// A beta draw; where both shapes are too small to tell apart from 0, one of its ends.
pub(super) fn draw_beta(g: &mut impl RngCore, alpha: f64, beta: f64) -> f64 {
    let x = rand_distr::Beta::new(alpha, beta).map_or(f64::NAN, |d| d.sample(g));
    if x.is_nan() { f64::from(rand::Rng::random::<f64>(g) * (alpha + beta) < alpha) } else { x }
}

/// 1 / (1 + e^-l)
pub(super) fn sigmoid(l: f64) -> f64 {
    1.0 / (1.0 + (-l).exp())
}

/// The smallest and the largest number of an operand.
pub(super) fn extremes(operand: &Operand) -> Result<(f64, f64)> {
    Ok(match operand.source()? {
        Source::Number(x) => (x, x),
        Source::Tensor(t) => {
            let host = t.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?.flatten_all()?;
            let numbers = host.to_vec1::<f64>()?;
            let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            (low, numbers.into_iter().fold(0.0, f64::max))
        }
    })
}

/// More outcomes than these are not written down.
pub(super) const MOST_OUTCOMES: f64 = 16_777_216.0;

/// `0..=largest` along a new first dim, in the dtype and on the device of `like`.
fn outcomes(largest: f64, batch: &[usize], like: &Operand) -> Result<Tensor> {
    let placement = like.placement().cloned().unwrap_or_default();
    let n = largest as usize + 1;
    let numbers: Vec<f64> = (0..n).map(|x| x as f64).collect();
    let shape = [&[n], vec![1; batch.len()].as_slice()].concat();
    // Converted on the host: not every device has f64.
    let outcomes = Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(placement.dtype)?;
    Ok(outcomes.to_device(&placement.device)?)
}

/// The outcomes of a distribution on `0..=total_count`, if that is one number all over the batch.
pub(super) fn enumerate(d: &dyn Distribution, total_count: &Operand) -> Result<Tensor> {
    let (low, high) = extremes(total_count)?;
    if low != high || high >= MOST_OUTCOMES {
        let (distribution, quantity) = (d.name(), "enumerate_support");
        return Err(Error::NotAvailable { distribution, quantity });
    }
    outcomes(high, d.batch_shape(), total_count)
}

/// `−Σ p ln p` over the outcomes of a distribution on `0..=total_count`.
pub(super) fn entropy(d: &dyn Distribution, total_count: &Operand) -> Result<Tensor> {
    let (_, high) = extremes(total_count)?;
    if high >= MOST_OUTCOMES {
        return Err(Error::NotAvailable { distribution: d.name(), quantity: "entropy" });
    }
    entropy_up_to(d, high, total_count)
}

/// `−Σ p ln p` over the outcomes `0..=largest`.
pub(super) fn entropy_up_to(d: &dyn Distribution, largest: f64, like: &Operand) -> Result<Tensor> {
    let log_probs = d.log_prob(&outcomes(largest, d.batch_shape(), like)?)?;
    // An impossible outcome adds nothing, rather than 0 times −∞.
    let terms = (log_probs.exp()? * log_probs.maximum(-1e30)?)?;
    Ok(terms.sum(0)?.neg()?)
}

/// `0..=total_count` of a number. Of a tensor, the counts that some element may have are all that can be said.
pub(super) fn up_to(total_count: &Operand) -> Constraint {
    match total_count.number() {
        Some(n) => Constraint::IntegerInterval { low: 0, high: n as i64 },
        None => Constraint::NonNegativeInteger,
    }
}

/// The sum of the other entries along the last dim: `1 − p` without cancellation.
pub(super) fn sum_of_others(x: &Tensor) -> Result<Tensor> {
    let k = x.dim(D::Minus1)?;
    let others: Vec<f64> = (0..k * k).map(|i| f64::from(i / k != i % k)).collect();
    let others = Tensor::from_vec(others, (k, k), &Device::Cpu)?.to_dtype(x.dtype())?;
    let rows = x.reshape(((), k))?.matmul(&others.to_device(x.device())?)?;
    Ok(rows.reshape(x.shape())?)
}

/// Draws of rows of counts, each made by `one` from its row of `rows` (shape `batch + [K]`). Dtype and device are
/// those of `like`.
pub(super) fn draw_rows(
    rng: &mut Rng,
    shape: &[usize],
    like: &Operand,
    rows: &Tensor,
    one: impl Fn(&mut Xoshiro256PlusPlus, &[f64], &mut [f64]) + Sync,
) -> Result<Tensor> {
    let placement = like.placement().cloned().unwrap_or_default();
    let k = rows.dim(D::Minus1)?;
    let host = rows.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?;
    let host = host.flatten_all()?.to_vec1::<f64>()?;
    let full = shape::of_draws(shape, rows.dims())?;
    let n = full[..full.len() - 1].iter().product();
    let draws = rng.fill_rows(n, k, |g, i, out| {
        let start = i * k % host.len();
        one(g, &host[start..start + k], out);
    });
    let draws = Tensor::from_vec(draws, full, &Device::Cpu)?.to_dtype(placement.dtype)?;
    Ok(draws.to_device(&placement.device)?)
}

/// Splits `n` into counts, class by class: a binomial draw among what is left, with the probability that `share`
/// gives for the weight of the class and the sum of those after it.
pub(super) fn draw_sticks(
    g: &mut Xoshiro256PlusPlus,
    n: f64,
    weights: &[f64],
    out: &mut [f64],
    share: impl Fn(&mut Xoshiro256PlusPlus, f64, f64) -> f64,
) {
    // First the sums of the weights after each, then the counts.
    let mut after = 0.0;
    for (o, w) in out.iter_mut().zip(weights).rev() {
        *o = after;
        after += w;
    }
    let mut left = n;
    for (o, &w) in out.iter_mut().zip(weights) {
        let count = match left {
            0.0 => 0.0,
            _ => {
                let p = share(g, w, *o);
                draw_binomial(g, left, p)
            }
        };
        *o = count;
        left -= count;
    }
}
