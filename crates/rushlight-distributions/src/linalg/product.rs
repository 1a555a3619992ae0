//! Products and systems with vectors instead of matrices, and what is symmetric.

use super::{solve_lower, solve_lower_transposed, transposed};
use crate::Result;
use candle_core::{D, Tensor};

/// `A x`. Shapes: batch + `[n, m]` and batch + `[m]` give batch + `[n]`; the batches broadcast together.
pub(crate) fn mat_vec(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    if a.rank() > 2 {
        let x = x.unsqueeze(D::Minus1)?;
        return Ok(a.broadcast_matmul(&x)?.squeeze(D::Minus1)?);
    }
    // One product for the whole batch.
    let (n, m) = a.dims2()?;
    let batch = &x.dims()[..x.rank() - 1];
    let rows = x.reshape(((), m))?.matmul(&transposed(a)?)?;
    Ok(rows.reshape([batch, &[n]].concat())?)
}

/// `L⁻¹ b` of vectors.
pub(crate) fn solve_lower_vec(l: &Tensor, b: &Tensor) -> Result<Tensor> {
    of_vectors(l, b, solve_lower)
}

/// `L⁻ᵀ b` of vectors.
pub(crate) fn solve_lower_transposed_vec(l: &Tensor, b: &Tensor) -> Result<Tensor> {
    of_vectors(l, b, solve_lower_transposed)
}

fn of_vectors(
    l: &Tensor,
    b: &Tensor,
    solve: fn(&Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if l.rank() > 2 {
        return Ok(solve(l, &b.unsqueeze(D::Minus1)?)?.squeeze(D::Minus1)?);
    }
    // One system for the whole batch, with a column for each vector.
    let columns = transposed(&b.reshape(((), b.dim(D::Minus1)?))?)?;
    Ok(transposed(&solve(l, &columns)?)?.contiguous()?.reshape(b.shape())?)
}

/// `(A + Aᵀ) / 2`
pub(crate) fn symmetric(a: &Tensor) -> Result<Tensor> {
    Ok(((a + transposed(a)?)? * 0.5)?)
}
