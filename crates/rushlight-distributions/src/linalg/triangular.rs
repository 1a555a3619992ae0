//! Triangular systems.

use super::host::{self, read, write};
use super::{at_least, lower, mat_mul, prepared, size, transposed};
use crate::kernel::glue::{self, MAX_INPUTS, Op, Raw};
use crate::{Error, Result, shape};
use candle_core::{CpuStorage, D, Shape, Tensor, WithDType};
use rayon::prelude::*;

/// `X` with `L X = B`, of lower triangular `L`. Shape: that of `b`, any batch of matrices, which broadcasts with the
/// batch of `l`.
///
/// What stands above the diagonal of `l` does not count.
///
/// # Errors
///
/// Matrices that are not square, or not of the size that `b` has; a zero on the diagonal is none: `X` is infinite.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::linalg::solve_lower;
///
/// let l = Tensor::new(&[[2f64, 0.0], [1.0, 2.0]], &Device::Cpu)?;
/// let b = Tensor::new(&[[2f64], [5.0]], &Device::Cpu)?;
/// assert_eq!(solve_lower(&l, &b)?.to_vec2::<f64>()?, [[1.0], [2.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn solve_lower(l: &Tensor, b: &Tensor) -> Result<Tensor> {
    solve(l, b, Side::Lower)
}

/// `X` with `Lᵀ X = B`, of lower triangular `L`: as [`solve_lower`].
///
/// # Errors
///
/// Those of [`solve_lower`].
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::linalg::solve_lower_transposed;
///
/// let l = Tensor::new(&[[2f64, 0.0], [1.0, 2.0]], &Device::Cpu)?;
/// let b = Tensor::new(&[[4f64], [4.0]], &Device::Cpu)?;
/// assert_eq!(solve_lower_transposed(&l, &b)?.to_vec2::<f64>()?, [[1.0], [2.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
pub fn solve_lower_transposed(l: &Tensor, b: &Tensor) -> Result<Tensor> {
    solve(l, b, Side::Transposed)
}

/// Whether the matrix of a system is `L` or its transpose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Side {
    Lower,
    Transposed,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Lower => "solve_lower",
            Self::Transposed => "solve_lower_transposed",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Lower => Self::Transposed,
            Self::Transposed => Self::Lower,
        }
    }
}

/// Both in one batch: but a single matrix `l` stays a single one.
fn joined(l: &Tensor, b: &Tensor, side: Side) -> Result<(Tensor, Tensor)> {
    let n = size(side.name(), l.dims())?;
    let [of_l @ .., _, _] = l.dims() else { unreachable!("`size` saw two dims") };
    let [of_b @ .., rows, columns] = b.dims() else {
        let (distribution, parameter, shape) = (side.name(), "b", b.dims().to_vec());
        return Err(Error::ParameterRank { distribution, parameter, rank: 2, shape });
    };
    if *rows != n {
        let shapes = vec![l.dims().to_vec(), b.dims().to_vec()];
        return Err(Error::Broadcast { what: side.name(), shapes });
    }
    crate::kernel::check_like(side.name(), b, l)?;
    let batch = shape::broadcast(side.name(), &[of_l, of_b])?;
    let b = prepared(&b.broadcast_as([batch.as_slice(), &[n, *columns]].concat())?)?;
    let l = match of_l.iter().product::<usize>() {
        1 => prepared(&l.reshape((n, n))?)?,
        _ => prepared(&l.broadcast_as([batch.as_slice(), &[n, n]].concat())?)?,
    };
    Ok((l, b))
}

fn solve(l: &Tensor, b: &Tensor, side: Side) -> Result<Tensor> {
    let (l, b) = joined(l, b, side)?;
    match l.device().is_cpu() {
        true => Ok(glue::run(Solve(side), &[&l, &b])?),
        false => composite(&l, &b, side),
    }
}

/// The same of candle's tensor ops, row by row.
pub(crate) fn composite(l: &Tensor, b: &Tensor, side: Side) -> Result<Tensor> {
    let (l, b) = joined(l, b, side)?;
    let n = l.dim(D::Minus1)?;
    let l = match side {
        Side::Lower => l,
        Side::Transposed => transposed(&l)?,
    };
    let mut rows: Vec<Tensor> = Vec::with_capacity(n);
    for i in 0..n {
        // From the top, or from the bottom up: `rows` are in order of the system.
        let (i, before) = match side {
            Side::Lower => (i, 0),
            Side::Transposed => (n - 1 - i, n - i),
        };
        let of_row = l.narrow(D::Minus2, i, 1)?;
        let mut row = b.narrow(D::Minus2, i, 1)?;
        if !rows.is_empty() {
            let of_done = of_row.narrow(D::Minus1, before, rows.len())?.contiguous()?;
            let done = Tensor::cat(&rows, D::Minus2)?.contiguous()?;
            row = (row - mat_mul(&of_done, &done)?)?;
        }
        let row = row.broadcast_div(&of_row.narrow(D::Minus1, i, 1)?)?;
        match side {
            Side::Lower => rows.push(row),
            Side::Transposed => rows.insert(0, row),
        }
    }
    match rows.is_empty() {
        true => Ok(b),
        false => Ok(Tensor::cat(&rows, D::Minus2)?.contiguous()?),
    }
}

struct Solve(Side);

impl Solve {
    fn solutions<T: WithDType>(&self, l: Raw<'_>, b: Raw<'_>) -> candle_core::Result<Vec<T>> {
        let (ls, mut out) = (glue::dense::<T>(l)?, glue::dense::<T>(b)?.to_vec());
        let (n, k) = (l.1.dims()[l.1.dims().len() - 1], b.1.dims()[b.1.dims().len() - 1]);
        let shared = ls.len() == n * n;
        let matrices = out.par_chunks_mut((n * k).max(1)).enumerate().with_min_len(at_least(n));
        matrices.for_each_init(
            || (vec![0.0; n * n], vec![0.0; n * k]),
            |(matrix, x), (i, out)| {
                let at = if shared { 0 } else { i * n * n };
                read(&ls[at..][..n * n], matrix);
                read(out, x);
                match self.0 {
                    Side::Lower => host::solve_lower(matrix, n, x, k),
                    Side::Transposed => host::solve_lower_transposed(matrix, n, x, k),
                }
                write(x, out);
            },
        );
        Ok(out)
    }
}

impl Op for Solve {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn forward(&self, inputs: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let [l, b] = [inputs[0], inputs[1]];
        let out = match b.0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(self.solutions(l, b)?),
            _ => f64::to_cpu_storage_owned(self.solutions(l, b)?),
        };
        Ok((out, b.1.shape().clone()))
    }

    /// `B̄` solves the transposed system with `X̄`; `L̄ = −B̄ Xᵀ`, or of the transposed one `−X B̄ᵀ`, its lower triangle.
    fn backward(
        &self,
        inputs: &[&Tensor],
        x: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let (l, b) = (inputs[0], inputs[1]);
        let of_b = solve(&l.detach(), grad, self.0.other()).map_err(Error::into_candle)?;
        let of_l = match l.track_op() {
            true => {
                let (left, right) = match self.0 {
                    Side::Lower => (&of_b, x),
                    Side::Transposed => (x, &of_b),
                };
                Some(outer(left, right, l.rank() == 2).map_err(Error::into_candle)?)
            }
            false => None,
        };
        Ok([of_l, b.track_op().then_some(of_b), None])
    }
}

/// The lower triangle of `−A Bᵀ`, summed over the batch if `together`.
fn outer(a: &Tensor, b: &Tensor, together: bool) -> Result<Tensor> {
    let [.., n, k] = *a.dims() else { unreachable!("a solution is a batch of matrices") };
    let [a, b] = match together && a.rank() > 2 {
        // One product of long matrices: the batch joins the columns.
        true => [a, b].map(|t| t.reshape(((), n, k))?.transpose(0, 1)?.reshape((n, ()))),
        false => [a, b].map(|t| t.contiguous()),
    };
    lower(&a?.matmul(&transposed(&b?)?)?.neg()?)
}
