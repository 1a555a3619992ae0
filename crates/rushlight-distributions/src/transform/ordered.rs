//! Vectors in ascending order.

use super::{Exp, Transform};
use crate::special::{self, along};
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// `y_0 = x_0, y_i = y_{i−1} + e^{x_i}`: onto ascending vectors. `log |det ∂y/∂x| = Σ_{i>0} x_i`
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Ordered, Transform};
///
/// let x = Tensor::new(&[-1f64, 0.0, 0.0], &Device::Cpu)?;
/// let y = Ordered.forward(&x)?;
/// assert_eq!(y.to_vec1::<f64>()?, [-1.0, 0.0, 1.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Ordered;

/// `y = e^{ordered(x)}`: onto ascending vectors of positive numbers.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{PositiveOrdered, Transform};
///
/// let x = Tensor::new(&[0f64, 0.0], &Device::Cpu)?;
/// let y = PositiveOrdered.forward(&x)?;
/// let y = y.to_vec1::<f64>()?;
/// assert!(y[0] == 1.0 && (y[1] - 1f64.exp()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PositiveOrdered;

/// The first entry and the others, along the last dim.
fn split(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let n = x.dim(D::Minus1)?;
    Ok((x.narrow(D::Minus1, 0, 1)?, x.narrow(D::Minus1, 1, n - 1)?))
}

pub(super) fn needs(name: &'static str, rank: usize, shape: &[usize]) -> Result<()> {
    match shape.len() >= rank {
        true => Ok(()),
        false => Err(Error::ParameterRank {
            distribution: name,
            parameter: "x",
            rank,
            shape: shape.to_vec(),
        }),
    }
}

impl Transform for Ordered {
    fn name(&self) -> &'static str {
        "Ordered"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::OrderedVector
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (first, rest) = split(x)?;
        let steps = Tensor::cat(&[first, rest.exp()?], D::Minus1)?;
        let last = steps.rank() - 1;
        Ok(along::cumsum(&steps, last)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let (first, rest) = split(y)?;
        let before = y.narrow(D::Minus1, 0, y.dim(D::Minus1)? - 1)?;
        Ok(Tensor::cat(&[first, (rest - before)?.log()?], D::Minus1)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(split(x)?.1.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), 1, shape)?;
        Ok(shape.to_vec())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

impl Transform for PositiveOrdered {
    fn name(&self) -> &'static str {
        "PositiveOrdered"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain(&self) -> Constraint {
        Constraint::PositiveOrderedVector
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Exp.forward(&Ordered.forward(x)?)
    }

    /// `x_i = ln ln(y_i / y_{i−1})`, by way of the difference, which is exact where the two are near.
    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let (first, rest) = split(y)?;
        let before = y.narrow(D::Minus1, 0, y.dim(D::Minus1)? - 1)?;
        let steps = special::log1p(&((rest - &before)? / before)?)?.log()?;
        Ok(Tensor::cat(&[first.log()?, steps], D::Minus1)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let ordered = Ordered.forward(x)?;
        Ok((Ordered.log_abs_det(x, &ordered)? + ordered.sum(D::Minus1)?)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        Ordered.forward_shape(shape)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
