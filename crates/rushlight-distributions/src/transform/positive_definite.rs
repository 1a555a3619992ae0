//! Covariances.

use super::cholesky::{diagonal, product, square};
use super::{LowerCholesky, Transform};
use crate::{Constraint, ParamMap, Result};
use candle_core::{D, Device, Tensor};
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

/// The Cholesky factors of symmetric positive definite matrices, of which the lower triangles are looked at, column by
/// column. NaN where a matrix is none.
pub(super) fn cholesky(x: &Tensor) -> Result<Tensor> {
    let n = x.dim(D::Minus1)?;
    let (row, column) = (x.rank() - 2, x.rank() - 1);
    let mut columns: Vec<Tensor> = Vec::with_capacity(n);
    for j in 0..n {
        let mut rest = x.narrow(column, j, 1)?.narrow(row, j, n - j)?;
        if j > 0 {
            let before = Tensor::cat(&columns, column)?.narrow(row, j, n - j)?;
            let products = before.broadcast_mul(&before.narrow(row, 0, 1)?)?;
            rest = (rest - products.sum_keepdim(column)?)?;
        }
        let pivot = rest.narrow(row, 0, 1)?.sqrt()?;
        columns.push(rest.broadcast_div(&pivot)?.pad_with_zeros(row, j, 0)?);
    }
    Ok(Tensor::cat(&columns, column)?)
}

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
        product(&LowerCholesky.forward(x)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        LowerCholesky.inverse(&cholesky(y)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let x = diagonal(x)?;
        let n = x.dim(D::Minus1)?;
        let counts: Vec<f64> = (0..n).map(|i| (n - i + 1) as f64).collect();
        let counts =
            Tensor::new(counts, &Device::Cpu)?.to_dtype(x.dtype())?.to_device(x.device())?;
        Ok((x.broadcast_mul(&counts)?.sum(D::Minus1)? + n as f64 * std::f64::consts::LN_2)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        square(self.name(), shape)?;
        Ok(shape.to_vec())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
