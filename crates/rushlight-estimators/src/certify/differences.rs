//! The gradient of an estimator's own loss, where that is not the ELBO's: by central differences of its mean over all
//! tuples of outcomes.
//!
//! ```text
//! (8 (L(θ + h) − L(θ − h)) − (L(θ + 2h) − L(θ − 2h))) / 12 h,     h = 1e-3
//! ```
//!
//! Its error is of order `h⁴`: about 1e-11 for the smooth losses of small programs.

use super::programs::Programs;
use super::reference::{self, Everything};
use super::{Known, outcomes};
use crate::Estimator;
use candle_core::{DType, Device, Tensor, Var};
use rushlight_trace::Result;
use std::sync::Arc;

const STEP: f64 = 1e-3;

/// The mean of the estimator's loss.
pub(super) fn loss(everything: &Everything, estimator: &dyn Estimator) -> Result<f64> {
    let mut loss = 0.0;
    outcomes::tuples(everything, estimator.particles(), |probability, tuple| {
        loss += probability * estimator.loss(tuple)?;
        Ok(())
    })?;
    Ok(loss)
}

/// The mean of the estimator's loss, and its gradient. Parameters are moved and put back.
pub(super) fn gradient(
    programs: &Programs<'_>,
    most: usize,
    estimator: &dyn Estimator,
    vars: &[(Arc<str>, Var)],
) -> Result<Known<Vec<f64>>> {
    let at = || -> Result<Known<f64>> {
        match reference::find(programs, most)? {
            Ok(everything) => loss(&everything, estimator).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    };
    let mut all = match at()? {
        Ok(loss) => vec![loss],
        Err(reason) => return Ok(Err(reason)),
    };
    for (_, var) in vars {
        let home = var.as_tensor().copy()?;
        for element in 0..var.elem_count() {
            let slope = slope(var, &home, element, &at);
            var.set(&home)?;
            match slope? {
                Ok(slope) => all.push(slope),
                Err(reason) => return Ok(Err(reason)),
            }
        }
    }
    Ok(Ok(all))
}

fn slope(
    var: &Var,
    home: &Tensor,
    element: usize,
    at: &dyn Fn() -> Result<Known<f64>>,
) -> Result<Known<f64>> {
    let host =
        home.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    let mut slope = 0.0;
    for (steps, weight) in [(1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0)] {
        let mut moved = host.clone();
        moved[element] += steps * STEP;
        let moved = Tensor::from_vec(moved, home.shape(), &Device::Cpu)?;
        var.set(&moved.to_dtype(home.dtype())?.to_device(home.device())?)?;
        match at()? {
            Ok(loss) => slope += weight * loss,
            Err(reason) => return Ok(Err(reason)),
        }
    }
    Ok(Ok(slope / (12.0 * STEP)))
}
