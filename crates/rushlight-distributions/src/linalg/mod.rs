//! Dense linear algebra that candle lacks: of batches of small matrices, differentiable, on any device.
//!
//! On the CPU each function is one op, in `f64` inside whatever the dtype, with the matrices of a batch shared between
//! threads; elsewhere it is composed of candle's tensor ops, column by column. Half precision becomes `f32`.

mod cholesky;
mod diagonal;
pub(crate) mod host;
mod product;
mod triangular;

pub use cholesky::cholesky;
pub(crate) use cholesky::{cholesky_or_nan, composite as cholesky_composite};
pub use diagonal::{diagonal, log_det_triangular};
pub(crate) use diagonal::{identity, keep, lower, strictly_lower, with_diagonal};
pub(crate) use product::{
    gram, mat_mul, mat_vec, solve_lower_transposed_vec, solve_lower_vec, symmetric,
};
pub(crate) use triangular::{Side, composite as solve_composite};
pub use triangular::{solve_lower, solve_lower_transposed};

use crate::kernel::at_least_f32;
use crate::{Error, Result};
use candle_core::{D, Tensor};

/// `ln |A|` of symmetric positive definite matrices, by [`cholesky`]. Shape: that of `a`, less its last two dims.
///
/// # Errors
///
/// Those of [`cholesky`].
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::linalg::log_det;
///
/// let a = Tensor::new(&[[4f64, 2.0], [2.0, 5.0]], &Device::Cpu)?;
/// assert!((log_det(&a)?.to_scalar::<f64>()? - 16f64.ln()).abs() < 1e-15);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn log_det(a: &Tensor) -> Result<Tensor> {
    Ok((log_det_triangular(&cholesky(a)?)? * 2.0)?)
}

/// The Cholesky factor of the inverse: with `A = U Uᵀ` for an upper triangular `U` it is `U⁻ᵀ`.
pub(crate) fn factor_of_inverse(a: &Tensor) -> Result<Tensor> {
    let backwards = |t: &Tensor| t.contiguous()?.flip(&[t.rank() - 2, t.rank() - 1]);
    let flipped = cholesky(&backwards(a)?)?;
    let upper_transposed = transposed(&backwards(&flipped)?)?.contiguous()?;
    let n = upper_transposed.dim(D::Minus1)?;
    solve_lower(&upper_transposed, &identity(n, &upper_transposed)?)
}

/// The size of square matrices in the last two dims.
///
/// # Errors
///
/// [`Error::ParameterRank`] for fewer dims, [`Error::Broadcast`] for matrices that are not square.
pub(crate) fn size(function: &'static str, a: &[usize]) -> Result<usize> {
    match a {
        [.., rows, columns] if rows == columns => Ok(*rows),
        [.., rows, columns] => {
            Err(Error::Broadcast { what: function, shapes: vec![vec![*rows], vec![*columns]] })
        }
        _ => {
            let (parameter, shape) = ("x", a.to_vec());
            Err(Error::ParameterRank { distribution: function, parameter, rank: 2, shape })
        }
    }
}

/// The matrices one after the other, in a dtype of the kernels.
fn prepared(a: &Tensor) -> candle_core::Result<Tensor> {
    at_least_f32(a)?.contiguous()
}

fn transposed(a: &Tensor) -> candle_core::Result<Tensor> {
    a.transpose(D::Minus1, D::Minus2)
}

/// How many matrices of this size a thread takes at least: less work is done sooner than shared.
fn at_least(n: usize) -> usize {
    const WORK: usize = 1 << 16;
    (WORK / (n * n * n).max(1)).max(1)
}
