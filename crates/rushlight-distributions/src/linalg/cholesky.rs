//! The Cholesky factor.

use super::host::{self, Pivot, read, write};
use super::{at_least, lower, prepared, size, symmetric, transposed};
use crate::kernel::glue::{self, MAX_INPUTS, Op, Raw};
use crate::{Error, Result};
use candle_core::{CpuStorage, D, DType, Device, Shape, Tensor, WithDType};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};

/// The lower triangular `L` with positive diagonal and `L Lᵀ = A`. Shape: that of `a`, any batch of square matrices.
///
/// The symmetric part `(A + Aᵀ) / 2` is what counts, so the gradient is symmetric:
///
/// ```text
/// Ā = L⁻ᵀ (P + Pᵀ) L⁻¹ / 2,   P = the lower triangle of Lᵀ L̄ with half its diagonal
/// ```
///
/// # Errors
///
/// [`Error::NotPositiveDefinite`] (on the CPU; elsewhere the factor is NaN), matrices that are not square.
///
/// # Examples
///
/// ```
/// use candle_core::{Device, Tensor};
/// use rushlight_distributions::linalg::cholesky;
///
/// let a = Tensor::new(&[[4f64, 2.0], [2.0, 5.0]], &Device::Cpu)?;
/// assert_eq!(cholesky(&a)?.to_vec2::<f64>()?, [[2.0, 0.0], [1.0, 2.0]]);
/// # Ok::<(), rushlight_distributions::Error>(())
/// ```
///
/// # References
///
/// I. Murray (2016), "Differentiation of the Cholesky decomposition", equation (10).
pub fn cholesky(a: &Tensor) -> Result<Tensor> {
    size(NAME, a.dims())?;
    let a = prepared(a)?;
    if !a.device().is_cpu() {
        return composite(&a);
    }
    // Candle carries no typed errors.
    let failed = Arc::new(OnceLock::new());
    glue::run(Cholesky { failed: Some(failed.clone()) }, &[&a]).map_err(|e| match failed.get() {
        Some((matrix, Pivot { row, value })) => {
            Error::NotPositiveDefinite { matrix: *matrix, row: *row, pivot: *value }
        }
        None => e.into(),
    })
}

/// The same, but NaN where the matrix is not positive definite.
pub(crate) fn cholesky_or_nan(a: &Tensor) -> Result<Tensor> {
    size(NAME, a.dims())?;
    let a = prepared(a)?;
    match a.device().is_cpu() {
        true => Ok(glue::run(Cholesky { failed: None }, &[&a])?),
        false => composite(&a),
    }
}

const NAME: &str = "cholesky";

/// The same of candle's tensor ops: NaN where the matrix is not positive definite.
pub(crate) fn composite(a: &Tensor) -> Result<Tensor> {
    let n = size(NAME, a.dims())?;
    let a = symmetric(&prepared(a)?)?;
    let mut columns: Vec<Tensor> = Vec::with_capacity(n);
    for j in 0..n {
        let rest = a.narrow(D::Minus1, j, 1)?.narrow(D::Minus2, j, n - j)?.contiguous()?;
        let rest = match columns.is_empty() {
            true => rest,
            false => {
                let rows = Tensor::cat(&columns, D::Minus1)?.narrow(D::Minus2, j, n - j)?;
                let row = transposed(&rows.narrow(D::Minus2, 0, 1)?)?.contiguous()?;
                (rest - rows.contiguous()?.matmul(&row)?)?
            }
        };
        let pivot = rest.narrow(D::Minus2, 0, 1)?.sqrt()?;
        let column = rest.broadcast_div(&pivot)?;
        columns.push(column.pad_with_zeros(D::Minus2, j, 0)?);
    }
    match columns.is_empty() {
        true => Ok(a),
        false => lower(&Tensor::cat(&columns, D::Minus1)?),
    }
}

struct Cholesky {
    /// Room for the first matrix that has no factor, and why; without it, that one's is NaN.
    failed: Option<Arc<OnceLock<(usize, Pivot)>>>,
}

impl Op for Cholesky {
    fn name(&self) -> &'static str {
        NAME
    }

    fn forward(&self, inputs: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let out = match inputs[0].0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(self.factors::<f32>(inputs[0])?),
            _ => f64::to_cpu_storage_owned(self.factors::<f64>(inputs[0])?),
        };
        Ok((out, inputs[0].1.shape().clone()))
    }

    fn backward(
        &self,
        _: &[&Tensor],
        out: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        let gradient = match out.dtype() {
            DType::F32 => gradients::<f32>(out, grad)?,
            _ => gradients::<f64>(out, grad)?,
        };
        Ok([Some(gradient), None, None])
    }
}

impl Cholesky {
    fn factors<T: WithDType>(&self, a: Raw<'_>) -> candle_core::Result<Vec<T>> {
        let (xs, n) = (glue::dense::<T>(a)?, a.1.dims()[a.1.dims().len() - 1]);
        let mut out = vec![T::zero(); xs.len()];
        let area = (n * n).max(1);
        let matrices = out.par_chunks_mut(area).zip(xs.par_chunks(area));
        let of_one = |matrix: &mut Vec<f64>, (out, x): (&mut [T], &[T])| {
            read(x, matrix);
            for i in 0..n {
                for j in 0..i {
                    matrix[i * n + j] = 0.5 * (matrix[i * n + j] + matrix[j * n + i]);
                }
            }
            let failed = host::factor(matrix, n).err();
            if failed.is_some() {
                matrix.fill(f64::NAN);
            }
            write(matrix, out);
            failed
        };
        let matrices = matrices.with_min_len(at_least(n));
        let failed: Vec<Option<Pivot>> = matrices.map_init(|| vec![0.0; n * n], of_one).collect();
        let first = failed.into_iter().enumerate().find_map(|(i, pivot)| Some((i, pivot?)));
        let (Some(first), Some(room)) = (first, &self.failed) else { return Ok(out) };
        room.get_or_init(|| first);
        candle_core::bail!("{NAME}: not positive definite")
    }
}

fn gradients<T: WithDType>(l: &Tensor, grad: &Tensor) -> candle_core::Result<Tensor> {
    let n = l.dim(D::Minus1)?;
    let (ls, grads) =
        (l.flatten_all()?.to_vec1::<T>()?, grad.contiguous()?.flatten_all()?.to_vec1::<T>()?);
    let mut out = vec![T::zero(); ls.len()];
    let area = (n * n).max(1);
    let matrices = out.par_chunks_mut(area).zip(ls.par_chunks(area)).zip(grads.par_chunks(area));
    matrices.with_min_len(at_least(n)).for_each_init(
        || (vec![0.0; n * n], vec![0.0; n * n], vec![0.0; n * n]),
        |(l, of_l, of_a), ((out, from_l), grad)| {
            read(from_l, l);
            read(grad, of_l);
            gradient(l, of_l, of_a, n);
            write(of_a, out);
        },
    );
    Tensor::from_vec(out, l.shape(), &Device::Cpu)
}

/// The gradient of one matrix, from that of its factor.
fn gradient(l: &[f64], of_l: &[f64], of_a: &mut [f64], n: usize) {
    of_a.fill(0.0);
    // What does not count may have no factor.
    if of_l.iter().all(|g| *g == 0.0) {
        return;
    }
    // P + Pᵀ, row k of L and of its gradient at a time.
    for k in 0..n {
        let (l, g) = (&l[k * n..][..=k], &of_l[k * n..][..=k]);
        for (i, l) in l.iter().enumerate() {
            of_a[i * n..][..=i].iter_mut().zip(g).for_each(|(a, g)| *a += l * g);
        }
    }
    for i in 0..n {
        for j in 0..i {
            of_a[j * n + i] = of_a[i * n + j];
        }
    }
    for _ in 0..2 {
        host::solve_lower_transposed(l, n, of_a, n);
        host::transpose(of_a, n);
    }
    of_a.iter_mut().for_each(|a| *a *= 0.5);
}
