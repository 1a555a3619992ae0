//! The same log-densities composed of candle's tensor ops: what runs where there is no kernel.

use super::{Density, Weight};
use crate::Result;
use crate::operand::{Placement, Source};
use candle_core::Tensor;

/// The elementwise log-density.
pub(crate) fn log_prob<D: Density<P>, const P: usize>(
    density: D,
    value: &Tensor,
    sources: &[Source; P],
) -> Result<Tensor> {
    let Placement { dtype, device } = Placement::of(value);
    let mut tensors = Vec::with_capacity(P);
    for source in sources {
        tensors.push(match source {
            Source::Number(x) => Tensor::new(*x as f32, &device)?.to_dtype(dtype)?,
            Source::Tensor(t) => t.clone(),
        });
    }
    let params = std::array::from_fn(|j| &tensors[j]);
    Ok(density.composite(value, params)?)
}

/// The weighted sum of elementwise log-probabilities. Shape: `[]`.
pub(crate) fn weigh(log_prob: &Tensor, weight: &Weight) -> Result<Tensor> {
    let sum = match &weight.elementwise {
        None => log_prob.sum_all()?,
        Some(w) => {
            let w = w.to_dtype(log_prob.dtype())?.broadcast_as(log_prob.shape())?;
            // Selected before multiplied: 0 times an infinity is no number.
            let counts = w.ne(0.0)?;
            let safe = counts.where_cond(log_prob, &log_prob.zeros_like()?)?;
            (safe * w)?.sum_all()?
        }
    };
    Ok(if weight.scale == 1.0 { sum } else { (sum * weight.scale)? })
}
