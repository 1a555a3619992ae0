//! Values that are given: checked, and brought to the site's shape and dtype.

use super::Ctx;
use crate::{Error, Result};
use candle_core::{DType, Tensor};
use rushlight_distributions::{Constraint, Distribution, Operand, shape};
use std::sync::Arc;

impl Ctx {
    /// Data: what is masked out may be anything.
    pub(super) fn observed_value(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        value: &Operand,
    ) -> Result<Tensor> {
        self.checked_value(name, dist, value, self.region.weight.mask.as_ref())
    }

    /// A latent's value from outside.
    pub(super) fn given_value(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        value: &Operand,
    ) -> Result<Tensor> {
        self.checked_value(name, dist, value, None)
    }

    fn checked_value(
        &self,
        name: &str,
        dist: &Arc<dyn Distribution>,
        value: &Operand,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        // The engine's own look: its origins were taken before.
        let value = value.stripped().placed(&self.run.placement)?.tensor()?;
        let value: &Tensor = &value;
        let expected = [dist.batch_shape(), dist.event_shape()].concat();
        shape::check_rank(&expected)?;
        shape::check_rank(value.dims())?;
        if !shape::broadcasts_to(value.dims(), &expected) {
            let value = value.dims().to_vec();
            return Err(Error::ValueShape { site: name.to_owned(), value, expected });
        }
        let support = dist.support();
        let value = match mask {
            Some(mask) => &harmless(value, mask, &expected, dist.event_shape(), &support)?,
            None => value,
        };
        if self.run.validate
            && let Some(value) = support.first_outside(value)?
        {
            let (site, distribution) = (name.to_owned(), dist.name());
            return Err(Error::Support { site, distribution, constraint: support, value });
        }
        let value = match support {
            Constraint::Category { .. } => value.to_dtype(DType::U32)?,
            _ if value.dtype().is_int() => value.to_dtype(self.run.placement.dtype)?,
            _ => value.clone(),
        };
        if shape::equal(value.dims(), &expected) {
            return Ok(value);
        }
        Ok(value.broadcast_as(expected)?)
    }
}

/// The value with something inside the support where the mask is 0: what is there does not count, but 0 times
/// NaN would be NaN in some tensor ops.
fn harmless(
    value: &Tensor,
    mask: &Tensor,
    expected: &[usize],
    event: &[usize],
    support: &Constraint,
) -> Result<Tensor> {
    let over_event = mask.reshape([mask.dims(), vec![1; event.len()].as_slice()].concat())?;
    let seen = over_event.ne(0.0)?.broadcast_as(expected)?;
    let member = support.member_of(event, value.dtype(), value.device())?;
    let value = value.broadcast_as(expected)?;
    Ok(seen.where_cond(&value, &member.broadcast_as(expected)?)?)
}
