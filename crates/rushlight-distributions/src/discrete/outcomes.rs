//! Outcomes written down one after the other: all rows of counts with a sum, and sums of masses.

use super::counts::{self, MOST_OUTCOMES};
use crate::operand::{Operand, Placement};
use crate::{Distribution, Error, Result, shape};
use candle_core::{DType, Device, Tensor};

/// The probability of an outcome up to `value`, of a distribution on `0..=total_count`: a sum, in `f64`.
pub(super) fn cdf(d: &dyn Distribution, total_count: &Operand, value: &Tensor) -> Result<Tensor> {
    let (_, most) = counts::extremes(total_count)?;
    let full = shape::broadcast(d.name(), &[value.dims(), d.batch_shape()])?;
    if (most + 1.0) * full.iter().product::<usize>() as f64 >= MOST_OUTCOMES {
        return Err(Error::NotAvailable { distribution: d.name(), quantity: "cdf" });
    }
    // One dim more, for the outcomes.
    shape::check_rank(&[&[1], full.as_slice()].concat())?;
    let d = d.map_params(&mut |p, _| Ok(p.in_f64()?.into()))?;
    let x = value.detach().to_dtype(DType::F64)?.to_device(&Device::Cpu)?.broadcast_as(full)?;
    let n = total_count.in_f64()?.broadcast_as(x.shape())?;
    let outcomes = Tensor::arange(0.0, most + 1.0, &Device::Cpu)?;
    let outcomes =
        outcomes.reshape([&[outcomes.elem_count()], vec![1; x.rank()].as_slice()].concat())?;
    let probs = d.log_prob(&outcomes)?.exp()?;
    let below = outcomes.broadcast_le(&x)?;
    let probs = probs.broadcast_as(below.shape())?;
    let sum = below.where_cond(&probs, &probs.zeros_like()?)?.sum(0)?;
    let all = x.ge(&n)?.where_cond(&sum.ones_like()?, &sum)?;
    let sum = x.eq(&x)?.where_cond(&all, &x)?;
    Ok(sum.to_dtype(value.dtype())?.to_device(value.device())?)
}

/// All rows of as many counts as an event of `d` has whose sum is `n`.
pub(super) fn compositions(
    d: &dyn Distribution,
    n: usize,
    placement: &Placement,
) -> Result<Tensor> {
    let k: usize = d.event_shape().iter().product();
    // (n + k − 1 choose k − 1), one factor after the other: each product is an integer.
    let rows = (1..k).fold(1.0, |rows, j| rows * (n + j) as f64 / j as f64);
    if k == 0 || rows * k as f64 >= MOST_OUTCOMES {
        let (distribution, quantity) = (d.name(), "enumerate_support");
        return Err(Error::NotAvailable { distribution, quantity });
    }
    let mut all: Vec<f64> = Vec::with_capacity(rows as usize * k);
    let mut row = vec![0; k];
    row[k - 1] = n;
    loop {
        all.extend(row.iter().map(|&x| x as f64));
        // The next one: the last count but for the first, which is not 0, gives one to the left.
        let Some(from) = (1..k).rev().find(|&j| row[j] > 0) else { break };
        let rest = std::mem::take(&mut row[from]);
        row[from - 1] += 1;
        row[k - 1] = rest - 1;
    }
    let ones = vec![1; d.batch_shape().len()];
    let shape = [&[all.len() / k], ones.as_slice(), &[k]].concat();
    let all = Tensor::from_vec(all, shape, &Device::Cpu)?.to_dtype(placement.dtype)?;
    Ok(all.to_device(&placement.device)?)
}
