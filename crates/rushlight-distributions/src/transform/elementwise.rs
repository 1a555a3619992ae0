//! Elementwise maps without parameters.

use super::Transform;
use crate::{Constraint, ParamMap, Result, special};
use candle_core::Tensor;
use std::f64::consts::LN_2;
use std::sync::Arc;

/// `y = e^x`, onto the positive numbers. `log |dy/dx| = x`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Exp, Transform};
///
/// let x = Tensor::new(2f64, &Device::Cpu)?;
/// let y = Exp.forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 2f64.exp()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Exp;

/// `y = ln(1 + e^x)`, onto the positive numbers. `log |dy/dx| = −ln(1 + e^−x)`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Softplus, Transform};
///
/// let x = Tensor::new(0f64, &Device::Cpu)?;
/// let y = Softplus.forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Softplus;

/// `y = 1 / (1 + e^−x)`, onto the unit interval. `log |dy/dx| = −ln(1 + e^x) − ln(1 + e^−x)`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Sigmoid, Transform};
///
/// let x = Tensor::new(3f64.ln(), &Device::Cpu)?;
/// let y = Sigmoid.forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 0.75).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Sigmoid;

/// `y = tanh x`, onto (−1, 1). `log |dy/dx| = 2 (ln 2 − x − ln(1 + e^−2x))`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Tanh, Transform};
///
/// let x = Tensor::new(3f64.ln(), &Device::Cpu)?;
/// let y = Tanh.forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 0.8).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Tanh;

impl Transform for Exp {
    fn name(&self) -> &'static str {
        "Exp"
    }

    fn codomain(&self) -> Constraint {
        Constraint::Positive
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.exp()?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(y.log()?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

impl Transform for Softplus {
    fn name(&self) -> &'static str {
        "Softplus"
    }

    fn codomain(&self) -> Constraint {
        Constraint::Positive
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(special::softplus(x)?)
    }

    /// `y + ln(1 − e^−y)`
    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok((y + special::expm1(&y.neg()?)?.neg()?.log()?)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(special::softplus(&x.neg()?)?.neg()?)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

/// `log |dy/dx|` of the sigmoid.
pub(super) fn log_slope_of_sigmoid(x: &Tensor) -> Result<Tensor> {
    Ok((special::softplus(x)? + special::softplus(&x.neg()?)?)?.neg()?)
}

/// `ln y − ln(1 − y)`
fn logit(y: &Tensor) -> Result<Tensor> {
    Ok((y.log()? - y.affine(-1.0, 1.0)?.log()?)?)
}

impl Transform for Sigmoid {
    fn name(&self) -> &'static str {
        "Sigmoid"
    }

    fn codomain(&self) -> Constraint {
        Constraint::UnitInterval
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(special::sigmoid(x)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        logit(y)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        log_slope_of_sigmoid(x)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

/// `ln(1 − tanh² x)`, which is finite for any x, and near 0 of the size of x².
pub(super) fn log_slope_of_tanh(x: &Tensor) -> Result<Tensor> {
    let tail = special::softplus(&x.affine(-2.0, 0.0)?)?;
    let far = (x + tail)?.affine(-2.0, 2.0 * LN_2)?;
    let is_near = x.abs()?.lt(0.5)?;
    // What is not selected must be finite, or its gradient is NaN.
    let y = special::tanh(&is_near.where_cond(x, &x.zeros_like()?)?)?;
    let near = special::log1p(&y.sqr()?.neg()?)?;
    Ok(is_near.where_cond(&near, &far)?)
}

/// `(ln(1 + y) − ln(1 − y)) / 2`
fn atanh(y: &Tensor) -> Result<Tensor> {
    Ok((special::log1p(y)? - special::log1p(&y.neg()?)?)?.affine(0.5, 0.0)?)
}

impl Transform for Tanh {
    fn name(&self) -> &'static str {
        "Tanh"
    }

    /// A part of the real line: what lies outside (−1, 1) has no density.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(special::tanh(x)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        atanh(y)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        log_slope_of_tanh(x)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
