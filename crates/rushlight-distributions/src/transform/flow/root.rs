//! Where an increasing function is what is wanted.

use candle_core::{DType, Result, Tensor};

/// The root of an increasing function between `low` and `high`, elementwise, to half a step of the dtype or so: by
/// bisection, which needs nothing else of the function. Carries no gradient.
pub(super) fn of_increasing(
    f: impl Fn(&Tensor) -> Result<Tensor>,
    low: &Tensor,
    high: &Tensor,
) -> Result<Tensor> {
    let (mut low, mut high) = (low.detach(), high.detach());
    let halvings = if low.dtype() == DType::F64 { 64 } else { 36 };
    for _ in 0..halvings {
        let middle = ((&low + &high)? * 0.5)?;
        let too_low = f(&middle)?.lt(0.0)?;
        low = too_low.where_cond(&middle, &low)?;
        high = too_low.where_cond(&high, &middle)?;
    }
    Ok(((low + high)? * 0.5)?.detach())
}
