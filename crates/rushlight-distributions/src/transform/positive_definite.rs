//! Covariances.

use super::{LowerCholesky, Transform};
use crate::linalg::{cholesky_or_nan, diagonal, gram, size};
use crate::operand::row_beside;
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// A square matrix onto symmetric positive definite ones: `y = L Lᵀ` of the factor `L` that [`LowerCholesky`] makes.
///
/// ```text
/// log |det| = n ln 2 + Σ_i (n − i + 2) x_ii,   i = 1..n,   over the lower triangle
/// ```
///
/// Of that, `n ln 2 + Σ_i (n − i + 1) x_ii` is the product's (R. J. Muirhead (1982), "Aspects of Multivariate Statistical
/// Theory", theorem 2.1.9) and `Σ_i x_ii` the exponential's.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{PositiveDefinite, Transform};
///
/// let x = Tensor::new(&[[0f64, 9.0], [2.0, 0.0]], &Device::Cpu)?;
/// let y = PositiveDefinite.forward(&x)?;
/// assert_eq!(y.to_vec2::<f64>()?, [[1.0, 2.0], [2.0, 5.0]]);
/// // What is above the diagonal does not count, and comes back as 0.
/// assert_eq!(PositiveDefinite.inverse(&y)?.to_vec2::<f64>()?, [[0.0, 0.0], [2.0, 0.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PositiveDefinite;

impl Transform for PositiveDefinite {
    fn name(&self) -> &'static str {
        "PositiveDefinite"
    }

    fn domain_rank(&self) -> usize {
        2
    }

    fn codomain(&self) -> Constraint {
        Constraint::PositiveDefinite
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        gram(&LowerCholesky.forward(x)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        LowerCholesky.inverse(&cholesky_or_nan(y)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let x = diagonal(x)?;
        let n = x.dim(D::Minus1)?;
        let counts = row_beside((0..n).map(|i| (n - i + 1) as f64), &x)?;
        Ok((x.broadcast_mul(&counts)?.sum(D::Minus1)? + n as f64 * std::f64::consts::LN_2)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        size(self.name(), shape)?;
        Ok(shape.to_vec())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
