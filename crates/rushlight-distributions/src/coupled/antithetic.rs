//! Two outcomes as different as can be.

use super::finite::Finite;
use crate::{Distribution, Result, Rng};
use candle_core::{D, Tensor};

/// Two draws of a finite distribution, each with its law, that differ as often as one random number allows.
///
/// Each element walks through its outcomes `0, 1, …` and stops at `k` with the probability
/// `h_k = p_k / Σ_{j ≥ k} p_j`: one walk where `1 − u_k ≤ h_k`, the other where `u_k ≤ h_k`, with the same uniform numbers.
/// A Bernoulli pair is the antithetic one of ARM.
///
/// Shape of each: batch, then event.
///
/// # Errors
///
/// [`Error::NotAvailable`](crate::Error::NotAvailable) unless there are finitely many outcomes.
///
/// # Examples
///
/// The outcomes of fair coins never agree:
///
/// ```
/// use rushlight_distributions::coupled::antithetic;
/// use rushlight_distributions::{Bernoulli, Rng};
///
/// let [a, b] = antithetic(&Bernoulli::new([0.5; 8])?, &mut Rng::seed(0))?;
/// assert_eq!((a + b)?.to_vec1::<f32>()?, [1.0; 8]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Yin, Zhou (2019), "ARM: augment-REINFORCE-merge gradient for stochastic binary networks"; for more outcomes than two,
/// Dong, Mnih, Tucker (2021), "Coupled gradient estimators for discrete latent variables", stick breaking.
pub fn antithetic(dist: &dyn Distribution, rng: &mut Rng) -> Result<[Tensor; 2]> {
    let finite = Finite::of(dist)?;
    let p = finite.log_probs(|_, value| Ok(value))?.detach().exp()?;
    let last = finite.len() - 1;
    let walk = [finite.parts.batch_shape(), &[last]].concat();
    let u = rng.uniform(&walk, p.dtype(), p.device())?;
    let v = u.affine(-1.0, 1.0)?;
    let column = |t: &Tensor, k: usize| t.narrow(D::Minus1, k, 1)?.squeeze(D::Minus1);
    let mut rest = column(&p, last)?;
    let number = |k: usize| Tensor::full(k as u32, rest.shape(), p.device());
    let mut numbers = [number(last)?, number(last)?];
    for k in (0..last).rev() {
        let here = column(&p, k)?;
        rest = (&rest + &here)?;
        for (stopped, u) in numbers.iter_mut().zip([&v, &u]) {
            // 0 < 1 − u, so that impossible outcomes stay impossible; `u` is 0 once in 2^24 draws, and the outcome of the
            // other walk then.
            let stops = (column(u, k)? * &rest)?.le(&here)?;
            *stopped =
                stops.where_cond(&Tensor::full(k as u32, here.shape(), p.device())?, stopped)?;
        }
    }
    let [a, b] = numbers;
    Ok([finite.outcomes(&a)?, finite.outcomes(&b)?])
}

/// What the difference of the costs of an [`antithetic`] pair is multiplied by, to the left of the gradient:
///
/// ```text
/// ∇ E_q[f(z)] = E[ (f(z) − f(z′)) ∇ disarm(z, z′) ] / 2
/// disarm = log q(z) − log q(z′) − s (1 − max(h_m, 1 − h_m)) ln(h_m / (1 − h_m)),   m = min(z, z′)
/// ```
///
/// with `s = 1` where `z` is the smaller outcome, −1 where `z′` is, and 0 where they are equal. The first two terms are
/// those of two independent draws. The third one is the mean over all uniform numbers that lead to this pair, of which
/// there are the fewer the more likely `m` is. For coins, `(−1)^z′ 1[z ≠ z′] σ(|l|)` times the log-odds `l`.
///
/// Shape: that of the elements, or the batch's.
///
/// # Errors
///
/// [`Error::NotAvailable`](crate::Error::NotAvailable) unless there are finitely many outcomes.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::Bernoulli;
/// use rushlight_distributions::coupled::disarm;
///
/// // A coin with the odds 3, of which the pair is tails and heads: −σ(ln 3) ln 3.
/// let coin = Bernoulli::from_logits(Tensor::new(3f64.ln(), &Device::Cpu)?)?;
/// let [tails, heads] = [Tensor::new(0f64, &Device::Cpu)?, Tensor::new(1f64, &Device::Cpu)?];
/// let slope = disarm(&coin, [&tails, &heads])?.to_scalar::<f64>()?;
/// assert!((slope + 0.75 * 3f64.ln()).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// Dong, Mnih, Tucker (2020), "DisARM: an antithetic gradient estimator for binary latent variables", equation 7; and
/// their paper of 2021, section 4.
pub fn disarm(dist: &dyn Distribution, [z, other]: [&Tensor; 2]) -> Result<Tensor> {
    let finite = Finite::of(dist)?;
    let numbers = [finite.numbers(z)?, finite.numbers(other)?];
    let independent = (finite.parts.log_prob(z)? - finite.parts.log_prob(other)?)?;
    let differ = numbers[0].ne(&numbers[1])?;
    // Outcomes that are impossible have slopes without bound, which nobody multiplies by 0 in time.
    let possible = finite.log_probs(|_, value| Ok(value))?.detach().gt(f64::NEG_INFINITY)?;
    let log_probs = finite.log_probs(|k, value| {
        let possible = possible.narrow(D::Minus1, k, 1)?.squeeze(D::Minus1)?;
        let possible = possible.reshape(padded(&possible, value.rank()))?;
        Ok(possible.broadcast_as(value.shape())?.where_cond(&value, z)?)
    })?;
    let smaller = numbers[0].minimum(&numbers[1])?;
    let k = Tensor::arange(0u32, finite.len() as u32, z.device())?;
    let beyond = k.broadcast_gt(&smaller.unsqueeze(D::Minus1)?)?;
    // Where the two are equal anything finite will do.
    let same = differ.eq(0u8)?.unsqueeze(D::Minus1)?.broadcast_as(beyond.shape())?;
    let beyond = ((beyond + same)?.ne(0u8)? * possible)?;
    let rest = log_sum_exp(&log_probs, &beyond)?;
    let here = log_probs.gather(&smaller.unsqueeze(D::Minus1)?, D::Minus1)?.squeeze(D::Minus1)?;
    let odds = (here - rest)?;
    // 1 − max(h, 1 − h) = min(h, 1 − h) = σ(−|l|)
    let off = crate::special::sigmoid(&odds.detach().abs()?.neg()?)?;
    let first = numbers[0].lt(&numbers[1])?.to_dtype(odds.dtype())?;
    let second = numbers[1].lt(&numbers[0])?.to_dtype(odds.dtype())?;
    Ok((independent - (odds * ((first - second)? * off)?)?)?)
}

/// The dims, with more of 1 behind them.
fn padded(t: &Tensor, rank: usize) -> Vec<usize> {
    let mut dims = t.dims().to_vec();
    dims.resize(rank, 1);
    dims
}

/// Over the last dim, of the entries that are kept.
fn log_sum_exp(x: &Tensor, kept: &Tensor) -> Result<Tensor> {
    let none = Tensor::full(-1e30f32, x.shape(), x.device())?.to_dtype(x.dtype())?;
    let x = kept.where_cond(x, &none)?;
    let most = x.detach().max_keepdim(D::Minus1)?;
    let sum = x.broadcast_sub(&most)?.exp()?.sum_keepdim(D::Minus1)?;
    Ok((sum.log()? + most)?.squeeze(D::Minus1)?)
}
