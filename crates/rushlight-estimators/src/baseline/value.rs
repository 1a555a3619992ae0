//! A prediction that the user computed.

use super::memory::fit_to_plates;
use super::{Baseline, Charge, ControlVariate, Memory};
use candle_core::Tensor;
use rushlight_distributions::Operand;
use rushlight_trace::Result;

/// A baseline that the user computed: a number, a tensor, or an expression in parameters.
///
/// If it has a graph it is trained like [`Learned`](crate::Learned), by `Σ (stop(cost) − b)²`; detaching its
/// inputs is the user's business.
///
/// Shape: it must broadcast to the site's plates; a trailing dim of 1 is dropped.
#[derive(Debug, Clone)]
pub struct Value {
    prediction: Operand,
}

impl Value {
    /// The baseline `prediction`.
    pub fn new(prediction: impl Into<Operand>) -> Self {
        Self { prediction: prediction.into().stripped() }
    }
}

impl Baseline for Value {
    fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
        match self.prediction.number() {
            Some(number) => {
                let value = charge.cost.zeros_like()?.affine(1.0, number)?;
                Ok(ControlVariate { value, fit: None })
            }
            None => {
                let prediction = self.prediction.tensor()?;
                fitted(&prediction, charge)
            }
        }
    }
}

/// A prediction, and the squared error that trains it if it has a graph.
pub(super) fn fitted(prediction: &Tensor, charge: &Charge<'_>) -> Result<ControlVariate> {
    let dims = charge.cost.dims();
    let value =
        fit_to_plates(charge.site, prediction.clone(), dims)?.to_dtype(charge.cost.dtype())?;
    let fit = match value.track_op() {
        true => Some(value.broadcast_sub(&charge.cost)?.sqr()?.sum_all()?),
        false => None,
    };
    Ok(ControlVariate { value, fit })
}
