//! A prediction that the user computed.

use super::{Baseline, Charge, ControlVariate, Memory};
use candle_core::Tensor;
use rushlight_distributions::{Operand, Origins, shape};
use rushlight_trace::{Error, Result};

/// A baseline that the user computed: a number, a tensor, or an expression in parameters.
///
/// If it has a graph it is trained like [`Learned`](crate::Learned), by `Σ (stop(cost) − b)²`; detaching its
/// inputs is the user's business.
///
/// It is computed before the site is drawn, so it may depend on data and on choices made before, and on nothing that the
/// site decides. A value of another run is refused.
///
/// Shape: it must broadcast to the site's plates; a trailing dim of 1 is dropped.
///
/// # Examples
///
/// ```
/// use rushlight_distributions::{Bernoulli, Constraint, Normal};
/// use rushlight_estimators::{BaselineExt, TraceGraphElbo, Value, certify};
/// use rushlight_trace::{Ctx, Result};
///
/// # fn model(ctx: &mut Ctx, x: &f64) -> Result<()> {
/// #     let z = ctx.sample("z", Bernoulli::new(0.3)?)?;
/// #     ctx.observe("x", Normal::new((z * 2.0)?, 1.0)?, *x)
/// # }
/// fn guide(ctx: &mut Ctx, x: &f64) -> Result<()> {
///     let logit = ctx.param("logit", 0.4, Constraint::Real)?;
///     let slope = ctx.param("slope", 0.0, Constraint::Real)?;
///     // A line in the data, fitted to the costs.
///     let line = Value::new((slope * *x)?);
///     ctx.sample("z", Bernoulli::from_logits(logit)?.baseline(line)).map(drop)
/// }
///
/// # fn main() -> Result<()> {
/// certify(model, guide, &1.2, TraceGraphElbo::new())?.assert_unbiased();
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Value {
    prediction: Operand,
    origins: Origins,
}

impl Value {
    /// The baseline `prediction`.
    pub fn new(prediction: impl Into<Operand>) -> Self {
        let prediction = prediction.into();
        let origins = prediction.origins().cloned().unwrap_or_default();
        Self { prediction: prediction.stripped(), origins }
    }
}

impl Baseline for Value {
    fn control_variate(&self, charge: &Charge<'_>, _: &Memory) -> Result<ControlVariate> {
        charge.check_input(&self.origins)?;
        match self.prediction.number() {
            Some(number) => Ok(ControlVariate { value: number.into(), fit: None }),
            None => {
                let prediction = (*self.prediction.tensor()?).clone();
                let prediction = fit_to_charge(charge, prediction)?;
                let fit = squared_error(&prediction, charge, 0.0)?;
                Ok(ControlVariate { value: prediction.into(), fit })
            }
        }
    }
}

/// `Σ (stop(cost) − centre − prediction)²`, which trains a prediction that has a graph. Shape: `[]`.
pub(super) fn squared_error(
    prediction: &Tensor,
    charge: &Charge<'_>,
    centre: f64,
) -> Result<Option<Tensor>> {
    if !prediction.track_op() {
        return Ok(None);
    }
    let cost = charge.cost.affine(1.0, -centre)?.beside(prediction)?;
    Ok(Some(prediction.broadcast_sub(&cost)?.sqr()?.sum_all()?))
}

/// A prediction in the dims of the cost: one number a row (which may have a trailing dim of 1 too many), or, where
/// elements are charged by themselves, one number an element. Any other that does not broadcast is an error.
pub(super) fn fit_to_charge(charge: &Charge<'_>, prediction: Tensor) -> Result<Tensor> {
    let (dims, plates) = (prediction.dims(), charge.site.batch_shape());
    let event = charge.site.dist().event_shape();
    if shape::broadcasts_to(dims, &plates) {
        return Ok(match charge.elements {
            true => prediction.reshape([dims, vec![1; event.len()].as_slice()].concat())?,
            false => prediction,
        });
    }
    if dims.len() == plates.len() + 1 && dims.last() == Some(&1) {
        return fit_to_charge(charge, prediction.squeeze(candle_core::D::Minus1)?);
    }
    if charge.elements && shape::broadcasts_to(dims, &[plates.as_slice(), event].concat()) {
        return Ok(prediction);
    }
    let (site, baseline) = (charge.site.name().to_owned(), dims.to_vec());
    Err(Error::BaselineShape { site, baseline, plates })
}
