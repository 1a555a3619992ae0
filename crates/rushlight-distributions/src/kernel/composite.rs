//! The same log-densities composed of candle's tensor ops: what runs where there is no kernel.

use super::{Density, Weight};
use crate::operand::{Placement, Source};
use crate::{Result, shape};
use candle_core::{Device, Tensor};

/// The elementwise log-density, in the shape that `value` and the batch broadcast to.
pub(crate) fn log_prob<D: Density<P>, const P: usize>(
    density: D,
    value: &Tensor,
    sources: &[Source; P],
    batch: &[usize],
) -> Result<Tensor> {
    let full = shape::broadcast(D::NAME, &[value.dims(), batch])?;
    let Placement { dtype, device } = Placement::of(value);
    let mut tensors = Vec::with_capacity(P);
    for source in sources {
        tensors.push(match source {
            // Converted on the host: not every device has f64.
            Source::Number(x) => {
                Tensor::new(*x, &Device::Cpu)?.to_dtype(dtype)?.to_device(&device)?
            }
            Source::Tensor(t) => t.clone(),
        });
    }
    let params = std::array::from_fn(|j| &tensors[j]);
    let log_prob = density.composite(value, params)?;
    Ok(if log_prob.dims() == full { log_prob } else { log_prob.broadcast_as(full)? })
}

/// `log_prob`, and -inf where `possible` is 0: for the [composite](Density::composite) form of a density that ends.
/// Shape: that of `log_prob`, to which `possible` broadcasts.
///
/// # Errors
///
/// Candle's.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::kernel::impossible_unless;
///
/// let x = Tensor::new(&[-1f32, 2.], &Device::Cpu)?;
/// let log_prob = impossible_unless(&x.ge(0.0)?, &x.neg()?)?;
/// assert_eq!(log_prob.to_vec1::<f32>()?, [f32::NEG_INFINITY, -2.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn impossible_unless(possible: &Tensor, log_prob: &Tensor) -> candle_core::Result<Tensor> {
    let impossible = Tensor::new(f32::NEG_INFINITY, log_prob.device())?
        .to_dtype(log_prob.dtype())?
        .broadcast_as(log_prob.shape())?;
    possible.broadcast_as(log_prob.shape())?.where_cond(log_prob, &impossible)
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
