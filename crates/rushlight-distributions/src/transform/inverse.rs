//! A map backwards.

use super::Transform;
use crate::{Constraint, ParamMap, Result};
use candle_core::Tensor;
use std::sync::Arc;

/// `y = f⁻¹(x)`. `log |det ∂y/∂x| = −log |det ∂f|` at `y`
///
/// Turns a flow that is fast to draw from into one that is fast to score, and back.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{Exp, Inverse, Transform};
///
/// let ln = Inverse::new(Exp);
/// let x = Tensor::new(2f64, &Device::Cpu)?;
/// let y = ln.forward(&x)?;
/// assert_eq!(y.to_scalar::<f64>()?, 2f64.ln());
/// assert_eq!(ln.log_abs_det(&x, &y)?.to_scalar::<f64>()?, -2f64.ln());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Inverse {
    of: Arc<dyn Transform>,
}

impl Inverse {
    /// The map that undoes `of`.
    pub fn new(of: impl Transform) -> Self {
        Self { of: Arc::new(of) }
    }
}

impl Transform for Inverse {
    fn name(&self) -> &'static str {
        "Inverse"
    }

    fn domain_rank(&self) -> usize {
        self.of.codomain_rank()
    }

    fn codomain_rank(&self) -> usize {
        self.of.domain_rank()
    }

    /// Where a map may be applied is not said; all of this crate go out from real numbers, or from a part of them.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.of.inverse(x)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        self.of.forward(y)
    }

    fn log_abs_det(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        Ok(self.of.log_abs_det(y, x)?.neg()?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.of.inverse_shape(shape)
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        self.of.forward_shape(shape)
    }

    fn map_params(&self, f: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(Self { of: self.of.map_params(f)? }))
    }
}
