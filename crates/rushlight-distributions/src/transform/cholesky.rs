//! Triangular factors: of covariances and of correlations.

use super::elementwise::{atanh, log_slope_of_tanh};
use super::ordered::needs;
use super::{Softplus, Transform};
use crate::special::along;
use crate::{Constraint, Error, ParamMap, Result};
use candle_core::{D, Device, Tensor};
use std::sync::Arc;

/// A square matrix onto lower triangular ones with a positive diagonal: the strict lower part is kept, the diagonal
/// becomes `e^x`. `log |det| = Σ_i x_ii`, over the free entries.
#[derive(Debug, Clone, Copy)]
pub struct LowerCholesky;

/// A square matrix onto lower triangular ones with a positive diagonal: the strict lower part is kept, the diagonal
/// becomes `ln(1 + e^x)`. `log |det| = −Σ_i ln(1 + e^−x_ii)`, over the free entries.
#[derive(Debug, Clone, Copy)]
pub struct SoftplusLowerCholesky;

/// `n (n − 1) / 2` real numbers onto the Cholesky factors of `n × n` correlation matrices.
///
/// ```text
/// t = tanh x, row by row in the strict lower triangle
/// y_ij = t_ij Π_{k<j} √(1 − t_ik²),   y_ii = Π_{k<i} √(1 − t_ik²)
/// ```
///
/// # References
///
/// D. Lewandowski, D. Kurowicka, H. Joe (2009), "Generating random correlation matrices based on vines and extended
/// onion method"; Stan reference manual, "Cholesky factors of correlation matrices".
#[derive(Debug, Clone, Copy)]
pub struct CorrCholesky;

/// 1 where `here(row, column)`, as `x` has it.
fn mask(n: usize, x: &Tensor, here: impl Fn(usize, usize) -> bool) -> Result<Tensor> {
    let ones: Vec<f64> = (0..n * n).map(|k| f64::from(here(k / n, k % n))).collect();
    let ones = Tensor::from_vec(ones, (n, n), &Device::Cpu)?;
    Ok(ones.to_dtype(x.dtype())?.to_device(x.device())?)
}

/// The diagonal of square matrices, as vectors.
fn diagonal(x: &Tensor) -> Result<Tensor> {
    let n = x.dim(D::Minus1)?;
    Ok(x.broadcast_mul(&mask(n, x, |i, j| i == j)?)?.sum(D::Minus1)?)
}

/// Square matrices with that diagonal, and 0 elsewhere.
fn with_diagonal(d: &Tensor) -> Result<Tensor> {
    let n = d.dim(D::Minus1)?;
    Ok(d.unsqueeze(D::Minus1)?.broadcast_mul(&mask(n, d, |i, j| i == j)?)?)
}

fn square(name: &'static str, shape: &[usize]) -> Result<()> {
    needs(name, 2, shape)?;
    let [.., rows, columns] = shape else { return Ok(()) };
    match rows == columns {
        true => Ok(()),
        false => Err(Error::Broadcast { what: name, shapes: vec![vec![*rows], vec![*columns]] }),
    }
}

impl Transform for LowerCholesky {
    fn name(&self) -> &'static str {
        "LowerCholesky"
    }

    fn domain_rank(&self) -> usize {
        2
    }

    /// A part of the real matrices: others have no density.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n = x.dim(D::Minus1)?;
        let below = x.broadcast_mul(&mask(n, x, |i, j| i > j)?)?;
        Ok((below + with_diagonal(&diagonal(x)?.exp()?)?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let n = y.dim(D::Minus1)?;
        let below = y.broadcast_mul(&mask(n, y, |i, j| i > j)?)?;
        Ok((below + with_diagonal(&diagonal(y)?.log()?)?)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        Ok(diagonal(x)?.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        square(self.name(), shape)?;
        Ok(shape.to_vec())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}

impl Transform for SoftplusLowerCholesky {
    fn name(&self) -> &'static str {
        "SoftplusLowerCholesky"
    }

    fn domain_rank(&self) -> usize {
        2
    }

    fn codomain(&self) -> Constraint {
        Constraint::SoftplusLowerCholesky
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let n = x.dim(D::Minus1)?;
        let below = x.broadcast_mul(&mask(n, x, |i, j| i > j)?)?;
        Ok((below + with_diagonal(&Softplus.forward(&diagonal(x)?)?)?)?)
    }

    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let n = y.dim(D::Minus1)?;
        let below = y.broadcast_mul(&mask(n, y, |i, j| i > j)?)?;
        Ok((below + with_diagonal(&Softplus.inverse(&diagonal(y)?)?)?)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let diagonal = diagonal(x)?;
        Ok(Softplus.log_abs_det(&diagonal, &diagonal)?.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        square(self.name(), shape)?;
        Ok(shape.to_vec())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
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
    fn fill(x: &Tensor) -> Result<Tensor> {
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

    /// `Σ_{k<j} ln(1 − t_ik²)` for every entry, given the logarithms.
    fn before(logs: &Tensor) -> Result<Tensor> {
        let last = logs.rank() - 1;
        let n = logs.dim(last)?;
        let sums = along::cumsum(logs, last)?;
        Ok(sums.narrow(last, 0, n - 1)?.pad_with_zeros(last, 1, 0)?)
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

    /// A part of the real matrices: others have no density.
    fn codomain(&self) -> Constraint {
        Constraint::Real
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = Self::fill(x)?;
        let n = x.dim(D::Minus1)?;
        // 0 above and on the diagonal has tanh 0 and ln(1 − tanh²) 0.
        let rest = Self::before(&log_slope_of_tanh(&x)?)?.affine(0.5, 0.0)?.exp()?;
        let below = (x.tanh()? * &rest)?;
        Ok((below + rest.broadcast_mul(&mask(n, &x, |i, j| i == j)?)?)?)
    }

    /// `t_ij = y_ij / √(1 − Σ_{k<j} y_ik²)`
    fn inverse(&self, y: &Tensor) -> Result<Tensor> {
        let n = y.dim(D::Minus1)?;
        // What is left of a row's length 1 is summed from its end, where it is small.
        let squares = y.sqr()?;
        let last = y.rank() - 1;
        let backwards = squares.flip(&[last])?;
        let left = along::cumsum(&backwards, last)?.flip(&[last])?;
        let below = mask(n, y, |i, j| i > j)?;
        // Entries outside the triangle are divided by 1.
        let left =
            (left.broadcast_mul(&below)? + below.affine(-1.0, 1.0)?.broadcast_as(y.shape())?)?;
        let t = y.broadcast_mul(&below)?.div(&left.sqrt()?)?;
        atanh(&Self::read(&t)?)
    }

    fn log_abs_det(&self, x: &Tensor, _: &Tensor) -> Result<Tensor> {
        let x = Self::fill(x)?;
        let n = x.dim(D::Minus1)?;
        let logs = log_slope_of_tanh(&x)?;
        let each = (&logs + Self::before(&logs)?.affine(0.5, 0.0)?)?;
        let below = each.broadcast_mul(&mask(n, &x, |i, j| i > j)?)?;
        Ok(below.sum(D::Minus1)?.sum(D::Minus1)?)
    }

    fn forward_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        needs(self.name(), 1, shape)?;
        let n = Self::size(shape[shape.len() - 1])?;
        Ok([&shape[..shape.len() - 1], &[n, n]].concat())
    }

    fn inverse_shape(&self, shape: &[usize]) -> Result<Vec<usize>> {
        square(self.name(), shape)?;
        let n = shape[shape.len() - 1];
        Ok([&shape[..shape.len() - 2], &[n * n.saturating_sub(1) / 2]].concat())
    }

    fn map_params(&self, _: &mut ParamMap<'_>) -> Result<Arc<dyn Transform>> {
        Ok(Arc::new(*self))
    }
}
