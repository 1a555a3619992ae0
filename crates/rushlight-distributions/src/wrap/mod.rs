//! Distributions made of other distributions.

use crate::{Distribution, Result, shape};
use candle_core::Tensor;

mod bare;
mod independent;
mod masked;
mod mixture;
mod straight_through;
mod transformed;
mod without_rsample;

mod zero_inflated;

pub(crate) use bare::{as_a, bare};
pub use independent::Independent;
pub use masked::Masked;
pub use mixture::MixtureSameFamily;
pub use straight_through::StraightThrough;
pub use transformed::TransformedDistribution;
pub use without_rsample::WithoutRsample;

pub use zero_inflated::ZeroInflated;

/// The value with a member of the support of `d` where `counts`, which broadcasts to the log-probability, is 0: what is
/// there has no weight, but 0 times NaN is NaN in tensor ops.
fn harmless(d: &dyn Distribution, value: &Tensor, counts: &Tensor) -> Result<Tensor> {
    let event = d.event_shape();
    let over_event = [counts.dims(), vec![1; event.len()].as_slice()].concat();
    let over_event = counts.reshape(over_event)?;
    let own = [d.batch_shape(), event].concat();
    let full = shape::broadcast("masked", &[value.dims(), &own, over_event.dims()])?;
    let member = d.support().member_of(event, value.dtype(), value.device())?;
    let (value, member) =
        (value.broadcast_as(full.as_slice())?, member.broadcast_as(full.as_slice())?);
    Ok(over_event.broadcast_as(full)?.where_cond(&value, &member)?)
}
