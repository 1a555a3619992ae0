//! How a log-mass moves with a value that carries gradients, such as a straight-through draw.

use crate::Result;
use candle_core::Tensor;

/// `log_prob`, to the bit, with `slope` for its derivative with respect to each element of `value`. The shapes broadcast.
///
/// An impossible outcome has an infinite slope, and 0 times that would be NaN: it counts as a very large number.
pub(super) fn along(log_prob: &Tensor, value: &Tensor, slope: &Tensor) -> Result<Tensor> {
    const MOST: f64 = 1e30;
    let moving = (value - value.detach())?.broadcast_mul(&slope.clamp(-MOST, MOST)?)?;
    Ok(log_prob.broadcast_add(&moving)?)
}
