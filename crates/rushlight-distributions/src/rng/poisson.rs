//! Poisson draws, by the block.
//!
//! Up to a rate of 64 a draw is the number of running sums `F(0), F(1), ..` of the masses that a uniform number
//! exceeds (L. Devroye (1986), "Non-Uniform Random Variate Generation", X.3.3): one number a draw and no rejection,
//! so that the draws of a block go in step. In `f64`, whatever the dtype.

use super::Rng;
use super::block::{BLOCK, Block, Column, Drawn};
use super::elementwise::largest;
use crate::operand::Operand;
use crate::{Real, Result, shape};
use candle_core::{DType, Tensor};
use pulp::{Arch, Simd, WithSimd};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Larger rates would take more steps than a rejection method.
const LARGEST: f64 = 64.0;

/// Sums that no number exceeds: of the largest rate, what lies beyond has a probability of 1e-18.
const STEPS: usize = 160;

/// Draws that go in step.
const GROUP: usize = 32;

/// Draws of shape `shape + batch`; those of large rates are made by `large`.
pub(crate) fn poisson(
    rng: &mut Rng,
    shape: &[usize],
    rate: &Operand,
    large: impl Fn(&mut Xoshiro256PlusPlus, f64) -> f64 + Sync,
) -> Result<Tensor> {
    let placement = rate.placement().cloned().unwrap_or_default();
    let full = shape::of_draws(shape, rate.dims())?;
    let draws = match placement.dtype {
        DType::F64 => draws::<f64>(rng, full, rate, placement.dtype, large)?,
        _ => draws::<f32>(rng, full, rate, placement.dtype, large)?,
    };
    Ok(draws.to_dtype(placement.dtype)?.to_device(&placement.device)?)
}

fn draws<T: Drawn>(
    rng: &mut Rng,
    full: Vec<usize>,
    rate: &Operand,
    dtype: DType,
    large: impl Fn(&mut Xoshiro256PlusPlus, f64) -> f64 + Sync,
) -> Result<Tensor> {
    let column = Column::<T>::of(rate)?;
    let most = largest(dtype);
    let draws = rng.fill_blocks(full.iter().product(), |g, start, out: &mut [T]| {
        let n = out.len();
        let mut given = [T::ZERO; BLOCK];
        column.read(start, &mut given[..n]);
        let [mut rates, mut shares, mut counts] = [[0.0; BLOCK]; 3];
        for i in 0..n {
            let rate = Real::to_f64(given[i]);
            // Others count as 0 until they are drawn.
            if (0.0..=LARGEST).contains(&rate) {
                (rates[i], shares[i]) = (rate, f64::uniform(g));
            }
        }
        Arch::new().dispatch(Invert { rates: &rates, shares: &shares, counts: &mut counts, n });
        for i in 0..n {
            let rate = Real::to_f64(given[i]);
            let count = if (0.0..=LARGEST).contains(&rate) { counts[i] } else { large(g, rate) };
            // Also of NaN, which a minimum would lose.
            out[i] = T::from_f64(if count > most { most } else { count });
        }
    });
    Ok(T::tensor(draws, &full)?)
}

struct Invert<'a> {
    rates: &'a Block<f64>,
    shares: &'a Block<f64>,
    counts: &'a mut Block<f64>,
    n: usize,
}

impl WithSimd for Invert<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { rates, shares, counts, n } = self;
        let (rates, shares) = (rates.as_chunks::<GROUP>().0, shares.as_chunks::<GROUP>().0);
        let groups = counts.as_chunks_mut::<GROUP>().0.iter_mut().zip(rates).zip(shares);
        for ((counts, rates), shares) in groups.take(n.div_ceil(GROUP)) {
            let mut mass = [0.0; GROUP];
            for i in 0..GROUP {
                mass[i] = Real::exp(-rates[i]);
            }
            let mut sum = mass;
            let mut count = [0.0; GROUP];
            for k in 1..=STEPS {
                let inverse = 1.0 / k as f64;
                let mut beyond = false;
                for i in 0..GROUP {
                    let more = shares[i] > sum[i];
                    count[i] += if more { 1.0 } else { 0.0 };
                    beyond |= more;
                    mass[i] *= rates[i] * inverse;
                    sum[i] += mass[i];
                }
                if !beyond {
                    break;
                }
            }
            *counts = count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::incomplete::gamma_pq;

    /// A draw is the first count up to which the masses sum to the share.
    #[test]
    fn shares_are_inverted() {
        let rates = [0.0, 1e-3, 0.7, 5.0, 20.0, 63.9, LARGEST];
        let shares = [1e-12, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-12];
        let [mut of_rates, mut of_shares, mut counts] = [[0.0; BLOCK]; 3];
        for i in 0..rates.len() * shares.len() {
            of_rates[i] = rates[i % rates.len()];
            of_shares[i] = shares[i / rates.len()];
        }
        let n = rates.len() * shares.len();
        let (rates, shares) = (&of_rates, &of_shares);
        Arch::new().dispatch(Invert { rates, shares, counts: &mut counts, n });
        for i in 0..n {
            let (rate, share, count) = (rates[i], shares[i], counts[i]);
            // P(X <= k), by the incomplete gamma function
            let sum = |k: f64| if k < 0.0 { 0.0 } else { gamma_pq(k + 1.0, rate).1 };
            let (below, at) = (sum(count - 1.0), sum(count));
            let found = below <= share + 1e-13 && share <= at + 1e-13;
            assert!(found, "rate {rate}: {count} for {share}, between {below} and {at}");
        }
    }

    /// The sums may end below a share of 1.
    #[test]
    fn the_largest_share_ends() {
        let mut counts = [0.0; BLOCK];
        let (rates, shares) = (&[LARGEST; BLOCK], &[1.0; BLOCK]);
        Arch::new().dispatch(Invert { rates, shares, counts: &mut counts, n: BLOCK });
        assert!(counts.iter().all(|count| (100.0..=STEPS as f64).contains(count)));
    }
}
