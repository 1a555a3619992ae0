//! Closed forms as functions of numbers: value and partial derivatives at once, in `f64`, row by row.
//!
//! A divergence is a second-order difference: where both distributions are nearly the same, everything that the
//! textbook formula adds up cancels. The forms of this module are therefore written in numbers, where one can branch,
//! and not in tensor ops; `f32` parameters lose nothing on the way. They run on the host, whatever the device;
//! `to_device` carries their gradients.

use crate::operand::{self, Operand};
use crate::{Result, shape};
use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Shape, Tensor, WithDType};
use rayon::prelude::*;

/// The number of rows from which on they are shared between threads.
const PARALLEL_FROM: usize = 1 << 11;

/// The rows of a thread's turn.
const CHUNK: usize = 1 << 9;

/// What a divergence is called in errors of shapes, dtypes and devices.
pub(super) const WHAT: &str = "kl_divergence";

/// The parameters of two distributions in one dtype, on one device, each as small as it was given.
///
/// # Errors
///
/// Batch shapes that do not broadcast, dtypes or devices that differ.
pub(super) fn together<const N: usize>(params: [&Operand; N]) -> Result<[Tensor; N]> {
    let joined = operand::broadcast(WHAT, params.map(Operand::clone), [0; N])?;
    let mut out = Vec::with_capacity(N);
    for operand in &joined {
        out.push(operand.base_tensor()?);
    }
    Ok(std::array::from_fn(|i| out[i].clone()))
}

/// The vectors of parameters of two distributions, side by side: rows of both. Shape: batch + `[2 K]`.
///
/// # Errors
///
/// Vectors of different lengths besides.
pub(super) fn side_by_side(p: &Operand, q: &Operand) -> Result<Tensor> {
    let [p, q] = operand::broadcast(WHAT, [p.clone(), q.clone()], [1, 1])?;
    if p.dims().last() != q.dims().last() {
        let shapes = vec![p.dims().to_vec(), q.dims().to_vec()];
        return Err(crate::Error::Broadcast { what: WHAT, shapes });
    }
    Ok(Tensor::cat(&[p.value()?, q.value()?], D::Minus1)?)
}

/// `f` of the elements of `args`, broadcast together: its value, and its partial derivatives as gradients.
pub(super) fn elementwise<const N: usize>(
    f: fn([f64; N]) -> (f64, [f64; N]),
    args: [&Tensor; N],
) -> Result<Tensor> {
    let full = shape::broadcast(WHAT, &args.map(Tensor::dims))?;
    let mut columns = Vec::with_capacity(N);
    for t in args {
        columns.push(t.broadcast_as(full.as_slice())?.flatten_all()?);
    }
    let rows = Tensor::stack(&columns, 1)?;
    let of_row = |row: &[f64], slopes: &mut [f64]| {
        let (value, partials) = f(std::array::from_fn(|i| row[i]));
        slopes.copy_from_slice(&partials);
        value
    };
    Ok(of_rows(of_row, &rows)?.reshape(full)?)
}

/// `f` of the rows along the last dim, which goes away. It returns the value and fills in the partial derivatives.
pub(super) fn of_rows(
    f: impl Fn(&[f64], &mut [f64]) -> f64 + Sync,
    rows: &Tensor,
) -> Result<Tensor> {
    let dtype = if rows.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    // On the host first: not every device has f64.
    let host = rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
    let numbers = host.detach().flatten_all()?.to_vec1::<f64>()?;
    let batch = &host.dims()[..host.rank() - 1];
    let mut values = vec![0.0; batch.iter().product()];
    let mut slopes = vec![0.0; numbers.len()];
    let width = host.dim(D::Minus1)?;
    let one = |((value, slopes), row): ((&mut f64, &mut [f64]), &[f64])| *value = f(row, slopes);
    if width == 0 {
        // Nothing to tell apart.
    } else if values.len() < PARALLEL_FROM {
        let rows = numbers.chunks(width);
        values.iter_mut().zip(slopes.chunks_mut(width)).zip(rows).for_each(one);
    } else {
        let rows = numbers.par_chunks(width);
        let pairs = values.par_iter_mut().zip(slopes.par_chunks_mut(width)).zip(rows);
        pairs.with_min_len(CHUNK).for_each(one);
    }
    let out = if host.track_op() {
        let slopes = Tensor::from_vec(slopes, host.shape(), &Device::Cpu)?;
        host.apply_op1(Known { values, slopes })?
    } else {
        Tensor::from_vec(values, batch, &Device::Cpu)?
    };
    Ok(out.to_dtype(dtype)?.to_device(rows.device())?)
}

/// A function whose value and partial derivatives are known.
struct Known {
    values: Vec<f64>,
    slopes: Tensor,
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        WHAT
    }

    fn cpu_fwd(&self, _: &CpuStorage, l: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        let dims = l.dims();
        let values = f64::to_cpu_storage_owned(self.values.clone());
        Ok((values, Shape::from(&dims[..dims.len() - 1])))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let grad = grad.unsqueeze(D::Minus1)?.broadcast_as(self.slopes.shape())?;
        // Nothing counts 0 times, not even an infinity.
        let counts = grad.ne(0.0)?;
        let moved = (&grad * &self.slopes)?;
        counts.where_cond(&moved, &moved.zeros_like()?).map(Some)
    }
}
