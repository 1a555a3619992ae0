//! Elementwise functions of one tensor, with their derivative: one pass each way.

use super::PARALLEL_FROM;
use super::forward::CHUNK;
use super::glue::{self, MAX_INPUTS, Op, Raw, slice};
use crate::Real;
use candle_core::{CpuStorage, DType, Result, Shape, Tensor, WithDType};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// A function of one number.
pub(crate) trait Unary: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    fn value<T: Real>(self, x: T) -> T;
    /// The derivative, given the argument and the value.
    fn derivative<T: Real>(self, x: T, y: T) -> T;
    /// The function composed of candle's tensor ops.
    fn composite(self, x: &Tensor) -> Result<Tensor>;
}

pub(crate) fn apply<F: Unary>(f: F, x: &Tensor) -> Result<Tensor> {
    match (x.device().is_cpu(), x.dtype()) {
        (true, DType::F32 | DType::F64) => {
            let x = x.contiguous()?;
            glue::run(OfElements(f), &[&x])
        }
        (_, DType::F16 | DType::BF16) => apply(f, &x.to_dtype(DType::F32)?)?.to_dtype(x.dtype()),
        _ => f.composite(x),
    }
}

struct OfElements<F>(F);

impl<F: Unary> Op for OfElements<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, inputs: &[Raw<'_>]) -> Result<(CpuStorage, Shape)> {
        let x = inputs[0];
        let out = match x.0 {
            CpuStorage::F32(_) => f32::to_cpu_storage_owned(self.values(glue::dense(x)?)),
            CpuStorage::F64(_) => f64::to_cpu_storage_owned(self.values(glue::dense(x)?)),
            _ => unreachable!("`apply` checked the dtype"),
        };
        Ok((out, x.1.shape().clone()))
    }

    fn backward(
        &self,
        inputs: &[&Tensor],
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<[Option<Tensor>; MAX_INPUTS]> {
        let x = match inputs[0].dtype() {
            DType::F32 => self.gradient::<f32>(inputs[0], y, grad),
            _ => self.gradient::<f64>(inputs[0], y, grad),
        }?;
        Ok([Some(x), None, None])
    }
}

impl<F: Unary> OfElements<F> {
    /// The values at elements that lie one after the other, which `apply` made sure of.
    fn values<T: Real>(&self, xs: &[T]) -> Vec<T> {
        let mut out = xs.to_vec();
        in_chunks(&mut out, |_, out| Forward { f: self.0, out });
        out
    }

    fn gradient<T: Real + WithDType>(
        &self,
        x: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<Tensor> {
        let (x, y, grad) = (x.contiguous()?, y.contiguous()?, grad.contiguous()?);
        let mut out = {
            let (storage, layout) = grad.storage_and_layout();
            slice::<T>(&storage, layout)?.to_vec()
        };
        let (x_storage, x_layout) = x.storage_and_layout();
        let (y_storage, y_layout) = y.storage_and_layout();
        let (xs, ys) = (slice::<T>(&x_storage, x_layout)?, slice::<T>(&y_storage, y_layout)?);
        in_chunks(&mut out, |start, out| {
            let (xs, ys) = (&xs[start..][..out.len()], &ys[start..][..out.len()]);
            Backward { f: self.0, xs, ys, out }
        });
        Tensor::from_vec(out, x.shape(), x.device())
    }
}

fn in_chunks<'a, T: Real, W: WithSimd<Output = ()>>(
    out: &'a mut [T],
    work: impl Fn(usize, &'a mut [T]) -> W + Sync,
) {
    let arch = Arch::new();
    if out.len() >= PARALLEL_FROM {
        let chunks = out.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(i, out)| arch.dispatch(work(i * CHUNK, out)));
    } else {
        arch.dispatch(work(0, out));
    }
}

struct Forward<'a, F, T> {
    f: F,
    out: &'a mut [T],
}

impl<F: Unary, T: Real> WithSimd for Forward<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for x in self.out {
            *x = self.f.value(*x);
        }
    }
}

struct Backward<'a, F, T> {
    f: F,
    xs: &'a [T],
    ys: &'a [T],
    out: &'a mut [T],
}

impl<F: Unary, T: Real> WithSimd for Backward<'_, F, T> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for ((g, &x), &y) in self.out.iter_mut().zip(self.xs).zip(self.ys) {
            *g = *g * self.f.derivative(x, y);
        }
    }
}
