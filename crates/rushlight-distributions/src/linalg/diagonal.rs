//! Diagonals and triangles.

use super::size;
use crate::Result;
use candle_core::{D, Device, Tensor};

/// The diagonals of square matrices. Shape: that of `a`, less its last dim.
///
/// # Errors
///
/// Matrices that are not square.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::linalg::diagonal;
///
/// let a = Tensor::new(&[[4f32, 2.0], [2.0, 5.0]], &Device::Cpu)?;
/// assert_eq!(diagonal(&a)?.to_vec1::<f32>()?, [4.0, 5.0]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn diagonal(a: &Tensor) -> Result<Tensor> {
    let n = size("diagonal", a.dims())?;
    let at: Vec<u32> = (0..n).map(|i| (i * (n + 1)) as u32).collect();
    let at = Tensor::from_vec(at, n, a.device())?;
    let batch = &a.dims()[..a.rank() - 2];
    let flat = a.reshape([batch, &[n * n]].concat())?;
    Ok(flat.index_select(&at, batch.len())?)
}

/// `Σ_i ln |L_ii|`: of triangular matrices, the logarithm of the determinant. Shape: that of `l`, less its last two dims.
///
/// # Errors
///
/// Matrices that are not square.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::linalg::log_det_triangular;
///
/// let l = Tensor::new(&[[2f64, 0.0], [1.0, 2.0]], &Device::Cpu)?;
/// assert_eq!(log_det_triangular(&l)?.to_scalar::<f64>()?, 2.0 * 2f64.ln());
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn log_det_triangular(l: &Tensor) -> Result<Tensor> {
    Ok(diagonal(l)?.abs()?.log()?.sum(D::Minus1)?)
}

/// 1 where `here(row, column)`.
fn mask(n: usize, here: impl Fn(usize, usize) -> bool) -> Result<Tensor> {
    let ones: Vec<u8> = (0..n * n).map(|k| u8::from(here(k / n, k % n))).collect();
    Ok(Tensor::from_vec(ones, (n, n), &Device::Cpu)?)
}

/// The matrices with 0 above their diagonals, whatever is there.
pub(crate) fn lower(a: &Tensor) -> Result<Tensor> {
    keep(a, |i, j| i >= j)
}

/// The matrices with 0 above their diagonals and on them, whatever is there.
pub(crate) fn strictly_lower(a: &Tensor) -> Result<Tensor> {
    keep(a, |i, j| i > j)
}

/// The entries where `here(row, column)`, and 0 elsewhere, whatever is there.
pub(crate) fn keep(a: &Tensor, here: impl Fn(usize, usize) -> bool) -> Result<Tensor> {
    let here = mask(size("lower", a.dims())?, here)?.to_device(a.device())?;
    // Not a product: what is there may be infinite.
    Ok(here.broadcast_as(a.shape())?.where_cond(a, &a.zeros_like()?)?)
}

/// Diagonal matrices. Shape: that of `diagonal`, and its last dim once more.
pub(crate) fn with_diagonal(diagonal: &Tensor) -> Result<Tensor> {
    let n = diagonal.dim(D::Minus1)?;
    Ok(diagonal.unsqueeze(D::Minus1)?.broadcast_mul(&identity(n, diagonal)?)?)
}

/// The identity matrix of that size, in the dtype and on the device of another tensor.
pub(crate) fn identity(n: usize, like: &Tensor) -> Result<Tensor> {
    Ok(mask(n, |i, j| i == j)?.to_dtype(like.dtype())?.to_device(like.device())?)
}
