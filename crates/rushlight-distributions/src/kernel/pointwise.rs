//! Functions of numbers, applied at every element: those that branch and loop, which no SIMD helps.
//!
//! They run on the host, in `f64`, whatever the dtype and device; `to_device` carries their gradients. (Slopes of
//! draws in `f32` may have a faster form.)

use super::glue::{self, MAX_INPUTS, Op, Raw, slice};
use super::{BLOCK, Block, at_least_f32};
use crate::operand::Operand;
use crate::{Result, shape};
use candle_core::{CpuStorage, DType, Device, Shape, Tensor, WithDType};
use rayon::prelude::*;

/// The number of elements from which on a pass is shared between threads: each takes a tenth of a microsecond
/// and more.
const PARALLEL_FROM: usize = 1 << 12;

/// The elements of a thread's turn.
const CHUNK: usize = 1 << 10;

/// A function of `N` numbers.
pub(crate) trait Pointwise<const N: usize>: Copy + Send + Sync + 'static {
    const NAME: &'static str;

    /// The value; none of its own where it is a draw's.
    fn value(self, _at: [f64; N]) -> f64 {
        f64::NAN
    }

    /// The partial derivatives, given the arguments and the value.
    fn partials(self, at: [f64; N], value: f64) -> [f64; N];

    /// The partial derivatives of a block of `f32`, where there is a faster way to their few digits; NaN where
    /// there is none, and wherever they are no finite numbers, [`partials`](Self::partials) is asked instead.
    fn block_partials(self, _at: &[Block<f32>; N], _value: &Block<f32>, out: &mut [Block<f32>; N]) {
        *out = [[f32::NAN; BLOCK]; N];
    }
}

/// `f` of the elements of `args`, broadcast together.
pub(crate) fn apply<F: Pointwise<N>, const N: usize>(f: F, args: [&Tensor; N]) -> Result<Tensor> {
    let dims: [&[usize]; N] = args.map(Tensor::dims);
    let full = shape::broadcast(F::NAME, &dims)?;
    let (dtype, device) = (args[0].dtype(), args[0].device().clone());
    let out = run(OfNumbers { f, value: None }, &on_host(args, &full)?)?;
    Ok(out.to_dtype(dtype)?.to_device(&device)?)
}

/// `draw`, whose gradients with respect to `params` are the partial derivatives of `f` at it: a constant
/// that moves with its parameters.
pub(crate) fn moving<F: Pointwise<N>, const N: usize>(
    f: F,
    draw: Tensor,
    params: [&Operand; N],
) -> Result<Tensor> {
    if !params.iter().any(|p| p.has_graph()) {
        return Ok(draw);
    }
    let (dtype, device, full) = (draw.dtype(), draw.device().clone(), draw.dims().to_vec());
    let mut values = Vec::with_capacity(N);
    for p in params {
        values.push(p.value()?);
    }
    let value = at_least_f32(&draw.to_device(&Device::Cpu)?)?;
    let params = on_host(std::array::from_fn(|j| &values[j]), &full)?;
    let out = run(OfNumbers { f, value: Some(value) }, &params)?;
    Ok(out.to_dtype(dtype)?.to_device(&device)?)
}

/// The arguments in memory of this machine, one element after the other.
fn on_host<const N: usize>(args: [&Tensor; N], full: &[usize]) -> Result<[Tensor; N]> {
    let mut out = args.map(Tensor::clone);
    for t in &mut out {
        *t = at_least_f32(&t.to_device(&Device::Cpu)?)?.broadcast_as(full)?.contiguous()?;
    }
    Ok(out)
}

fn run<F: Pointwise<N>, const N: usize>(
    op: OfNumbers<F, N>,
    args: &[Tensor; N],
) -> candle_core::Result<Tensor> {
    glue::run(op, &args.each_ref())
}

/// A function, and its values where they are known.
#[derive(Debug)]
struct OfNumbers<F, const N: usize> {
    f: F,
    value: Option<Tensor>,
}

impl<F: Pointwise<N>, const N: usize> Op for OfNumbers<F, N> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, args: &[Raw<'_>]) -> candle_core::Result<(CpuStorage, Shape)> {
        let shape = args[0].1.shape().clone();
        let single = matches!(args[0].0, CpuStorage::F32(_));
        if let Some(value) = &self.value {
            let (storage, layout) = value.storage_and_layout();
            let copy = match value.dtype() {
                DType::F32 => f32::to_cpu_storage_owned(slice::<f32>(&storage, layout)?.to_vec()),
                _ => f64::to_cpu_storage_owned(slice::<f64>(&storage, layout)?.to_vec()),
            };
            return Ok((copy, shape));
        }
        let mut columns = Vec::with_capacity(N);
        for arg in args {
            columns.push(numbers(*arg)?);
        }
        let mut out = vec![0.0; shape.elem_count()];
        each(&mut out, |i, y| *y = self.f.value(std::array::from_fn(|j| columns[j][i])));
        Ok((stored(out, single), shape))
    }

    fn backward(
        &self,
        args: &[&Tensor],
        value: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        if value.dtype() == DType::F32 && self.value.is_some() {
            return self.backward_by_blocks(args, value, grad);
        }
        let host = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
        let mut columns = Vec::with_capacity(N);
        for t in args {
            columns.push(host(t)?);
        }
        let (values, grads) = (host(value)?, host(grad)?);
        let mut out = vec![[0.0; N]; values.len()];
        each(&mut out, |i, out: &mut [f64; N]| {
            // Nothing counts 0 times, not even an infinity.
            if grads[i] != 0.0 {
                let partials = self.f.partials(std::array::from_fn(|j| columns[j][i]), values[i]);
                *out = partials.map(|p| grads[i] * p);
            }
        });
        let mut tensors = [const { None }; MAX_INPUTS];
        for (j, (tensor, arg)) in tensors.iter_mut().zip(args).enumerate() {
            let column: Vec<f64> = out.iter().map(|row| row[j]).collect();
            let column = Tensor::from_vec(column, arg.shape(), &Device::Cpu)?;
            *tensor = Some(column.to_dtype(arg.dtype())?);
        }
        Ok(tensors)
    }
}

impl<F: Pointwise<N>, const N: usize> OfNumbers<F, N> {
    fn backward_by_blocks(
        &self,
        args: &[&Tensor],
        value: &Tensor,
        grad: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; MAX_INPUTS]> {
        // As `on_host` made the arguments, and `forward` the value.
        let grad = grad.contiguous()?;
        let mut stored = Vec::with_capacity(N + 2);
        for t in args.iter().copied().chain([value, &grad]) {
            stored.push(t.storage_and_layout());
        }
        let mut columns = Vec::with_capacity(N + 2);
        for (storage, layout) in &stored {
            columns.push(slice::<f32>(storage, layout)?);
        }
        let (values, grads) = (columns[N], columns[N + 1]);
        let mut out: [Vec<f32>; N] = std::array::from_fn(|_| vec![0.0; values.len()]);
        let mut rest = out.each_mut().map(|out| out.chunks_mut(CHUNK));
        let mut parts: Vec<[&mut [f32]; N]> = (0..values.len().div_ceil(CHUNK))
            .map(|_| rest.each_mut().map(|chunks| chunks.next().unwrap_or_default()))
            .collect();
        let part = |(chunk, out): (usize, &mut [&mut [f32]; N])| {
            let mut at = [[1.0; BLOCK]; N];
            let mut of_value = [0.5; BLOCK];
            let mut partials = [[0.0; BLOCK]; N];
            let mut start = chunk * CHUNK;
            let end = (start + CHUNK).min(values.len());
            while start < end {
                let n = (end - start).min(BLOCK);
                let range = start..start + n;
                for (at, column) in at.iter_mut().zip(&columns) {
                    at[..n].copy_from_slice(&column[range.clone()]);
                }
                of_value[..n].copy_from_slice(&values[range.clone()]);
                self.f.block_partials(&at, &of_value, &mut partials);
                for (i, &g) in grads[range].iter().enumerate() {
                    // Nothing counts 0 times, not even an infinity.
                    if g == 0.0 {
                        continue;
                    }
                    let place = start - chunk * CHUNK + i;
                    if partials.iter().all(|p| p[i].is_finite()) {
                        out.iter_mut().zip(&partials).for_each(|(out, p)| out[place] = g * p[i]);
                    } else {
                        let exact = self.f.partials(at.map(|a| a[i].into()), of_value[i].into());
                        for (out, p) in out.iter_mut().zip(exact) {
                            out[place] = (f64::from(g) * p) as f32;
                        }
                    }
                }
                start += n;
            }
        };
        if values.len() < PARALLEL_FROM {
            parts.iter_mut().enumerate().for_each(part);
        } else {
            parts.par_iter_mut().enumerate().for_each(part);
        }
        let mut tensors = [const { None }; MAX_INPUTS];
        for ((tensor, arg), out) in tensors.iter_mut().zip(args).zip(out) {
            *tensor = Some(Tensor::from_vec(out, arg.shape(), &Device::Cpu)?);
        }
        Ok(tensors)
    }
}

/// The elements, which lie one after the other, as `f64`.
fn numbers(arg: Raw<'_>) -> candle_core::Result<Vec<f64>> {
    Ok(match arg.0 {
        CpuStorage::F32(_) => glue::dense::<f32>(arg)?.iter().map(|&x| x.into()).collect(),
        CpuStorage::F64(_) => glue::dense(arg)?.to_vec(),
        _ => candle_core::bail!("a function of floats met integers"),
    })
}

fn stored(values: Vec<f64>, single: bool) -> CpuStorage {
    if single {
        f32::to_cpu_storage_owned(values.into_iter().map(|x| x as f32).collect())
    } else {
        f64::to_cpu_storage_owned(values)
    }
}

/// `f` of each position and its place in `out`.
fn each<T: Send>(out: &mut [T], f: impl Fn(usize, &mut T) + Sync) {
    if out.len() < PARALLEL_FROM {
        return out.iter_mut().enumerate().for_each(|(i, y)| f(i, y));
    }
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        out.iter_mut().enumerate().for_each(|(i, y)| f(chunk * CHUNK + i, y));
    });
}
