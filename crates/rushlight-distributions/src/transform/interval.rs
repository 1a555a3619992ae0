//! Elementwise maps with parameters: lines, powers, half-lines and intervals.

use super::Transform;
use super::elementwise::log_slope_of_sigmoid;
use crate::{Constraint, Operand, ParamMap, Result, special};
use candle_core::Tensor;
use std::sync::Arc;

/// A parameter beside the argument, broadcast with it.
fn beside(p: &Operand, x: &Tensor) -> Result<Tensor> {
    Ok((*p.beside(x)?).clone())
}

/// `y = loc + scale x`. `log |dy/dx| = ln |scale|`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Affine, Transform};
///
/// let x = Tensor::new(3f64, &Device::Cpu)?;
/// let y = Affine::new(1.0, 2.0).forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 7.0).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Affine {
    loc: Operand,
    scale: Operand,
}

impl Affine {
    /// The line through `loc` with slope `scale`, which must not be 0.
    pub fn new(loc: impl Into<Operand>, scale: impl Into<Operand>) -> Self {
        Self { loc: loc.into(), scale: scale.into() }
    }
}

impl Transform for Affine {
    fn name(&self) -> &'static str {
        "Affine"
    }

    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.broadcast_mul(&beside(&self.scale, x)?)?.broadcast_add(&beside(&self.loc, x)?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(y.broadcast_sub(&beside(&self.loc, y)?)?.broadcast_div(&beside(&self.scale, y)?)?)
    }

    fn log_abs_det(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let slope = beside(&self.scale, x)?.abs()?.log()?;
        Ok(y.zeros_like()?.broadcast_add(&slope)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { loc: f(&self.loc, 0)?, scale: f(&self.scale, 0)? }))
    }
}

/// `y = x^exponent`, on the positive numbers. `log |dy/dx| = ln |exponent| + (exponent − 1) ln x`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Power, Transform};
///
/// let x = Tensor::new(2f64, &Device::Cpu)?;
/// let y = Power::new(3.0).forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 8.0).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Power {
    exponent: Operand,
}

impl Power {
    /// The power with that exponent, which must not be 0.
    pub fn new(exponent: impl Into<Operand>) -> Self {
        Self { exponent: exponent.into() }
    }
}

impl Transform for Power {
    fn name(&self) -> &'static str {
        "Power"
    }

    fn codomain(&self) -> Constraint {
        Constraint::Positive
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.log()?.broadcast_mul(&beside(&self.exponent, x)?)?.exp()?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(y.log()?.broadcast_div(&beside(&self.exponent, y)?)?.exp()?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let exponent = beside(&self.exponent, x)?;
        let slope = x.log()?.broadcast_mul(&(&exponent - 1.0)?)?;
        Ok(slope.broadcast_add(&exponent.abs()?.log()?)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { exponent: f(&self.exponent, 0)? }))
    }
}

/// `y = low + (high − low) / (1 + e^−x)`. `log |dy/dx| = ln(high − low) − ln(1 + e^x) − ln(1 + e^−x)`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Interval, Transform};
///
/// let x = Tensor::new(3f64.ln(), &Device::Cpu)?;
/// let y = Interval::new(-1.0, 3.0).forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 2.0).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Interval {
    low: Operand,
    high: Operand,
}

impl Interval {
    /// The map onto `(low, high)`.
    pub fn new(low: impl Into<Operand>, high: impl Into<Operand>) -> Self {
        Self { low: low.into(), high: high.into() }
    }

    fn length(&self, x: &Tensor) -> Result<Tensor> {
        Ok(beside(&self.high, x)?.broadcast_sub(&beside(&self.low, x)?)?)
    }
}

impl Transform for Interval {
    fn name(&self) -> &'static str {
        "Interval"
    }

    /// A part of the real line: what lies outside has no density.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let share = special::sigmoid(x)?.broadcast_mul(&self.length(x)?)?;
        Ok(share.broadcast_add(&beside(&self.low, x)?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        // The two distances to the ends are each exact near their own end.
        let above = y.broadcast_sub(&beside(&self.low, y)?)?;
        let below = beside(&self.high, y)?.broadcast_sub(y)?;
        Ok((above.log()? - below.log()?)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(log_slope_of_sigmoid(x)?.broadcast_add(&self.length(x)?.log()?)?)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { low: f(&self.low, 0)?, high: f(&self.high, 0)? }))
    }
}

/// `y = low + e^x`. `log |dy/dx| = x`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{GreaterThan, Transform};
///
/// let x = Tensor::new(2f64.ln(), &Device::Cpu)?;
/// let y = GreaterThan::new(5.0).forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 7.0).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct GreaterThan {
    low: Operand,
}

impl GreaterThan {
    /// The map onto what is greater than `low`.
    pub fn new(low: impl Into<Operand>) -> Self {
        Self { low: low.into() }
    }
}

impl Transform for GreaterThan {
    fn name(&self) -> &'static str {
        "GreaterThan"
    }

    /// A part of the real line: what lies below has no density.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(x.exp()?.broadcast_add(&beside(&self.low, x)?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(y.broadcast_sub(&beside(&self.low, y)?)?.log()?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { low: f(&self.low, 0)? }))
    }
}

/// `y = high − e^x`. `log |dy/dx| = x`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{LessThan, Transform};
///
/// let x = Tensor::new(2f64.ln(), &Device::Cpu)?;
/// let y = LessThan::new(5.0).forward(&x)?;
/// assert!((y.to_scalar::<f64>()? - 3.0).abs() < 1e-14);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LessThan {
    high: Operand,
}

impl LessThan {
    /// The map onto what is less than `high`.
    pub fn new(high: impl Into<Operand>) -> Self {
        Self { high: high.into() }
    }
}

impl Transform for LessThan {
    fn name(&self) -> &'static str {
        "LessThan"
    }

    /// A part of the real line: what lies above has no density.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(beside(&self.high, x)?.broadcast_sub(&x.exp()?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        Ok(beside(&self.high, y)?.broadcast_sub(y)?.log()?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { high: f(&self.high, 0)? }))
    }
}
