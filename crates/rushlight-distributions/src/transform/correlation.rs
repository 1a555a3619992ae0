//! Correlations: matrices, and their Cholesky factors.

use super::Transform;
use super::elementwise::log_slope_of_tanh;
use super::ordered::needs;
use crate::linalg::{cholesky_or_nan, diagonal, gram, keep, size, strictly_lower};
use crate::operand::row_beside;
use crate::special::{self, along};
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::{D, Tensor};
use std::sync::Arc;

/// `n (n − 1) / 2` real numbers onto the Cholesky factors of `n × n` correlation matrices.
///
/// ```text
/// t = tanh x, row by row in the strict lower triangle
/// y_ij = t_ij Π_{k<j} √(1 − t_ik²),   y_ii = Π_{k<i} √(1 − t_ik²)
/// log |det| = Σ_{i>j} ( ln(1 − t_ij²) + ½ Σ_{k<j} ln(1 − t_ik²) ),   over the strict lower triangle
/// ```
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{CorrCholesky, Transform};
///
/// // Of two variables, the correlation is tanh x: here 0.6, and √(1 − 0.6²) is 0.8.
/// let y = CorrCholesky.forward(&Tensor::new(&[2f64.ln()], &Device::Cpu)?)?.to_vec2::<f64>()?;
/// assert_eq!((y[0][0], y[0][1]), (1.0, 0.0));
/// assert!((y[1][0] - 0.6).abs() < 1e-15 && (y[1][1] - 0.8).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// D. Lewandowski, D. Kurowicka, H. Joe (2009), "Generating random correlation matrices based on vines and extended
/// onion method"; Stan reference manual, "Cholesky factors of correlation matrices".
#[derive(Debug, Clone, Copy)]
pub struct CorrCholesky;

/// `n (n − 1) / 2` real numbers onto `n × n` correlation matrices: `y = L Lᵀ` of the factor `L` that [`CorrCholesky`]
/// makes.
///
/// ```text
/// log |det| = log |det ∂L/∂x| + Σ_i (n − i) ln L_ii,   over the strict lower triangle
/// ```
///
/// The derivative of the product: Stan reference manual, "Correlation matrices".
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::transform::{CorrMatrix, Transform};
///
/// // Of two variables, the correlation is tanh x.
/// let y = CorrMatrix.forward(&Tensor::new(&[0.5f64], &Device::Cpu)?)?.to_vec2::<f64>()?;
/// assert!((y[1][0] - 0.5f64.tanh()).abs() < 1e-15 && (y[1][1] - 1.0).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CorrMatrix;

/// `ln(|x| + √(x² + 1))` with the sign of `x`, without cancellation around 0.
fn asinh(x: &Tensor) -> Result<Tensor> {
    let ones = x.ones_like()?;
    let sign = x.lt(0.0)?.where_cond(&ones.neg()?, &ones)?;
    let (size, square) = ((x * &sign)?, x.sqr()?);
    let root = (&square + 1.0)?.sqrt()?;
    Ok((sign * special::log1p(&(size + (square / (root + 1.0)?)?)?)?)?)
}

impl CorrCholesky {
    /// The size of the matrices that vectors of `free` entries fill.
    fn size(free: usize) -> Result<usize> {
        let n = (1..).take_while(|n| n * (n - 1) / 2 <= free).last().unwrap_or(1);
        match n * (n - 1) / 2 == free {
            true => Ok(n),
            false => Err(Error::Broadcast {
                what: "CorrCholesky, n (n − 1) / 2 entries",
                shapes: vec![vec![free], vec![n * (n - 1) / 2]],
            }),
        }
    }

    /// Row by row into the strict lower triangle; 0 elsewhere.
    pub(crate) fn fill(x: &Tensor) -> Result<Tensor> {
        let n = Self::size(x.dim(D::Minus1)?)?;
        let last = x.rank() - 1;
        let padded = x.pad_with_zeros(last, 0, 1)?;
        let zero = (n * (n - 1) / 2) as u32;
        let at = |k: usize| match (k / n, k % n) {
            (i, j) if i > j => (i * (i - 1) / 2 + j) as u32,
            _ => zero,
        };
        let index: Vec<u32> = (0..n * n).map(at).collect();
        let index = Tensor::from_vec(index, n * n, x.device())?;
        let shape = [&x.dims()[..last], &[n, n]].concat();
        Ok(padded.contiguous()?.index_select(&index, last)?.reshape(shape)?)
    }

    /// The strict lower triangle, row by row.
    fn read(y: &Tensor) -> Result<Tensor> {
        let n = y.dim(D::Minus1)?;
        let index: Vec<u32> = (0..n * n).filter(|k| k / n > k % n).map(|k| k as u32).collect();
        let count = index.len();
        let index = Tensor::from_vec(index, count, y.device())?;
        let last = y.rank() - 2;
        let flat = y.reshape([&y.dims()[..last], &[n * n]].concat())?;
        Ok(flat.index_select(&index, last)?)
    }

    /// `log |det|`, given `ln(1 − t_ij²)` and their sums before.
    fn volume(logs: &Tensor, before: &Tensor) -> Result<Tensor> {
        let each = (logs + before.affine(0.5, 0.0)?)?;
        Ok(strictly_lower(&each)?.sum(D::Minus1)?.sum(D::Minus1)?)
    }

    /// The sums of all entries before, in the same row.
    fn before(x: &Tensor) -> Result<Tensor> {
        let last = x.rank() - 1;
        let n = x.dim(last)?;
        let sums = along::cumsum(x, last)?;
        Ok(sums.narrow(last, 0, n.saturating_sub(1))?.pad_with_zeros(last, 1, 0)?)
    }
}

impl Transform for CorrCholesky {
    fn name(&self) -> &'static str {
        "CorrCholesky"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain_rank(&self) -> usize {
        2
    }

    fn codomain(&self) -> Constraint {
        Constraint::CorrelationCholesky
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = Self::fill(x)?;
        // 0 above and on the diagonal has tanh 0 and ln(1 − tanh²) 0.
        let rest = Self::before(&log_slope_of_tanh(&x)?)?.affine(0.5, 0.0)?.exp()?;
        let below = (x.tanh()? * &rest)?;
        Ok((below + keep(&rest, |i, j| i == j)?)?)
    }

    /// `x_ij = asinh(y_ij / √(Σ_{k>j} y_ik²))`, as `sinh = tanh / √(1 − tanh²)`: exact also where a row has hardly any of
    /// its length 1 left.
    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let last = y.rank() - 1;
        let behind = Self::before(&y.sqr()?.flip(&[last])?)?.flip(&[last])?;
        asinh(&(Self::read(y)? / Self::read(&behind)?.sqrt()?)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let logs = log_slope_of_tanh(&Self::fill(x)?)?;
        Self::volume(&logs, &Self::before(&logs)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), 1, shape)?;
        let n = Self::size(shape[shape.len() - 1])?;
        Ok([&shape[..shape.len() - 1], &[n, n]].concat())
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        size(self.name(), shape)?;
        let n = shape[shape.len() - 1];
        Ok([&shape[..shape.len() - 2], &[n * n.saturating_sub(1) / 2]].concat())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

impl Transform for CorrMatrix {
    fn name(&self) -> &'static str {
        "CorrMatrix"
    }

    fn domain_rank(&self) -> usize {
        1
    }

    fn codomain_rank(&self) -> usize {
        2
    }

    fn codomain(&self) -> Constraint {
        Constraint::CorrelationMatrix
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        gram(&CorrCholesky.forward(x)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        CorrCholesky.inverse(&cholesky_or_nan(y)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let logs = log_slope_of_tanh(&CorrCholesky::fill(x)?)?;
        let n = logs.dim(D::Minus1)?;
        // Twice the logarithms of the factor's diagonal, finite also where that is rounded to 0.
        let before = CorrCholesky::before(&logs)?;
        let diagonal = diagonal(&before)?;
        let counts = row_beside((0..n).map(|i| (n - 1 - i) as f64 / 2.0), x)?;
        let of_product = diagonal.broadcast_mul(&counts)?.sum(D::Minus1)?;
        Ok((CorrCholesky::volume(&logs, &before)? + of_product)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        CorrCholesky.forward_shape(shape)
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        CorrCholesky.inverse_shape(shape)
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
