//! Products, and systems with vectors instead of matrices, and what is symmetric.

use super::{solve_lower, solve_lower_transposed, transposed};
use crate::{Result, shape};
use candle_core::{D, Tensor};

/// `A B` of batches of matrices that broadcast together.
pub(crate) fn mat_mul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ([of_a @ .., n, m], [of_b @ .., _, k]) = (a.dims(), b.dims()) else {
        return Ok(a.matmul(b)?);
    };
    let batch = shape::broadcast("matmul", &[of_a, of_b])?;
    // One batch dim, laid out: candle's product takes no other strides.
    let a = a.broadcast_as([batch.as_slice(), &[*n, *m]].concat())?.reshape(((), *n, *m))?;
    let b = b.broadcast_as([batch.as_slice(), &[*m, *k]].concat())?.reshape(((), *m, *k))?;
    let product = a.contiguous()?.matmul(&b.contiguous()?)?;
    Ok(product.reshape([batch.as_slice(), &[*n, *k]].concat())?)
}

/// `A Aᵀ`
pub(crate) fn gram(a: &Tensor) -> Result<Tensor> {
    let a = a.contiguous()?;
    Ok(a.matmul(&transposed(&a)?)?)
}

/// `A x`. Shapes: batch + `[n, m]` and batch + `[m]` give batch + `[n]`; the batches broadcast together.
pub(crate) fn mat_vec(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    if a.rank() > 2 {
        let x = x.unsqueeze(D::Minus1)?;
        return Ok(mat_mul(a, &x)?.squeeze(D::Minus1)?);
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
